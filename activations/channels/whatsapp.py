"""WhatsApp by Meta's Cloud API: one request a message, each an approved template with its parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from activations.addresses.phone_numbers import checked_phone
from activations.channels.face import Answer, Message, Setting, UnsendableError
from activations.channels.in_flight import in_flight
from activations.channels.receivers import REASON_LENGTH, Meaning, Receivers, stated_text, without_numbers
from activations.channels.unasked import BlindChannel
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import short_base
from activations.settings.settings_file import read_settings
from activations.surfaces.short_links import ShortLinks
from activations.templating.field_files import WHATSAPP
from activations.templating.given import given
from activations.templating.rendering import Templates
from activations.templating.tracking import text_tracking_of
from activations.templating.whatsapp_template import as_template, shown_template
from activations.transport.http import HttpAnswer, HttpPool

FILE = "whatsapp.yml"
PROVIDER = "whatsapp"
_API = "https://graph.facebook.com"
_EXAMPLE = "100000000000000"
_RATE = 80.0
"""Messages a second that Meta takes from a number, until it raises that."""
_ANSWER_BYTES = 2_000
_REFUSES_US = frozenset(
    {0, 3, 10, 33, 190, 368, 130497, 131005, 131031, 131037, 131042, 131045, 131048, 131057, 131064, 133000, 133004,
     133010}
)  # fmt: skip
"""What Meta finds wrong with the token, the account or its number, and not with the one message."""
_PERMISSIONS = range(200, 300)
_THROTTLED = frozenset({4, 80007, 130429})
"""The app, the account or the number has asked too often."""
_REST = 60.0
_PAIR_LIMIT = 131056
"""Too many to the same person in a short time; the others are not concerned."""
_UNCERTAIN = frozenset({1, 131000, 135000})
"""Errors that Meta does not explain."""


def open_channel(setting: Setting) -> "WhatsAppChannel":
    """The channel by the number of whatsapp.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    profile.needs_http_sandbox()
    path = setting.templates / FILE
    stated = read_settings(path, "must hold `phone_number_id` and `version`.")
    number, version = (str(stated.get(name, "")) for name in ("phone_number_id", "version"))
    if stated.keys() != {"phone_number_id", "version"} or not re.fullmatch(r"[0-9]{5,20}", number):
        raise HourbellError(
            f'{path} must hold `phone_number_id` ("{_EXAMPLE}") and `version`, and nothing else, for WhatsApp messages '
            "to be sent."
        )
    if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]", version):
        raise HourbellError(f"{path}: `version` must be one of the Graph API, as in v23.0.")
    if profile.is_live and number == _EXAMPLE:
        raise HourbellError(f"{path} still names the example number. Put your own there before messages go live.")
    return WhatsAppChannel(
        setting,
        f"{version}/{number}",
        profile.token(PROVIDER),
        Templates(setting.templates),
        HttpPool(profile),
        ShortLinks(setting),
        rate=profile.rates.get(PROVIDER, _RATE),
    )


@dataclass(frozen=True)
class WhatsAppChannel(BlindChannel):
    """Blind: Meta takes no key of ours, and cannot be asked; our id comes back with the message's status."""

    setting: Setting
    number: str
    token: str = field(repr=False)
    templates: Templates
    pool: HttpPool
    short_links: ShortLinks
    name: str = "whatsapp"
    rate: float | None = field(default=_RATE, kw_only=True)

    @property
    def provider(self) -> str:
        return PROVIDER if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        return checked_phone(address)

    def render(self, action: Action, message_id: str) -> Message:
        recipient = self.validate(action.address)
        if action.template is None:
            raise UnsendableError("no template is named")
        shop, key = self.templates.shop, self.setting.profile.link_key
        links = text_tracking_of(shop, action, key)
        fields = self.templates.render_fields(action.template, WHATSAPP, **given(shop, action, key), links=links)
        said = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": recipient.removeprefix("+"),
            "type": "template",
            "template": as_template(action.template, fields, short_base(shop)),
            "biz_opaque_callback_data": message_id,
        }
        return Message(action.action_id, message_id, recipient, orjson.dumps(said), links.made)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        self.short_links.keep(batch)
        return await in_flight(batch, self._post)

    async def close(self) -> None:
        self.short_links.close()
        await self.pool.close()

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool,
            self.setting.now,
            f"mend {FILE}, the token or what Meta says of the account",
            hides_numbers=True,
            means=_means,
            known_as=_known_as,
        )

    @cached_property
    def url(self) -> str:
        profile = self.setting.profile
        return f"{_API if profile.is_live else f'{profile.http_sandbox}/{PROVIDER}'}/{self.number}/messages"

    @cached_property
    def headers(self) -> Mapping[str, str]:
        return {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "Hourbell",
        }

    async def _post(self, message: Message) -> list[Answer]:
        return await self._receivers.send(
            PROVIDER, self.url, self.headers, message.content, message, read=_ANSWER_BYTES
        )


def shown(content: bytes) -> tuple[str, str]:
    """A message as far as it can be known here: its text is Meta's, and only what is put into it is ours."""
    return shown_template(orjson.loads(content)["template"])


def _known_as(said: HttpAnswer) -> str | None:
    messages: Any = stated_text(said).get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[0], dict):
        return None
    known = messages[0].get("id")
    return known if isinstance(known, str) else None


def _means(said: HttpAnswer) -> Meaning | None:
    """By Meta's own code; it asks not to go by the status of HTTP."""
    error: Any = stated_text(said).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if type(code) is not int:
        return None
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    told = ": ".join(" ".join(str(each).split()) for each in (error.get("message"), details) if each)
    meant = _meaning(code, said.status)
    return meant and meant._replace(reason=without_numbers(f"{code}: {told}")[:REASON_LENGTH])


def _meaning(code: int, status: int) -> Meaning | None:
    if code in _REFUSES_US or code in _PERMISSIONS:
        return Meaning("postponed")
    if code in _THROTTLED:
        return Meaning("retry", _REST)
    if code == _PAIR_LIMIT:
        return Meaning("retry")
    if code in _UNCERTAIN:
        return Meaning("in doubt")
    # what is wrong with the message or its recipient; of what broke at Meta the status says what is to be thought
    return Meaning("rejected") if status < 500 and status != 429 else None
