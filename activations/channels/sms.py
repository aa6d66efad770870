"""Text messages by Twilio: one request a message, as its Messages resource takes them."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from urllib.parse import parse_qs, urlencode

import phonenumbers

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Receivers
from activations.errors import HourbellError
from activations.links import message_links
from activations.outbox import Action, sent_at
from activations.profile import Profile
from activations.rendering import Templates
from activations.text_sender import FILE, TextSender, read_text_sender
from activations.transport.http import HttpAnswer, HttpPool

PROVIDER = "twilio"
_API = "https://api.twilio.com"
_LONGEST_TEXT = 1_600
"""Characters, of several parts together."""
_LONGEST_IN_QUEUE = timedelta(hours=10)
_ANSWER_BYTES = 4_000
_REFUSES_US = frozenset({20003, 21212, 21603, 21606, 21611, 21659, 21660, 21661, 21701, 21704})
"""What Twilio finds wrong with the account, the sender or its queue, and not with the one message."""


def open_channel(setting: Setting) -> "SmsChannel":
    """The channel by the account and sender of sms.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    profile.needs_http_sandbox()
    sender = read_text_sender(setting.templates)
    if profile.is_live and sender.is_example:
        raise HourbellError(
            f"{setting.templates / FILE} still names the example account. Put your own account and sender there "
            "before text messages go live."
        )
    return SmsChannel(
        setting, sender, profile.token(PROVIDER), Templates(setting.templates), HttpPool(profile), rate=profile.sms_rate
    )


@dataclass(frozen=True)
class SmsChannel:
    """Blind: Twilio takes no key of ours, and cannot be asked for a message by it."""

    setting: Setting
    sender: TextSender
    token: str = field(repr=False)
    templates: Templates
    pool: HttpPool
    name: str = "sms"
    kinds: frozenset[str] = frozenset({"send"})
    idempotency: Idempotency = "blind"
    # a batch is what a crash leaves unknown
    batch_size: int = 100
    push_size: int = 100
    window: timedelta | None = None
    rate: float | None = None
    ask_after: float = 0.0

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool, self.setting.now, f"mend {FILE} or the token", refuses_us=_refuses_us, known_as=_known_as
        )

    @property
    def _profile(self) -> Profile:
        return self.setting.profile

    @property
    def provider(self) -> str:
        return PROVIDER if self._profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        if not address:
            raise UnsendableError("no telephone number")
        return _checked(address)

    def message_id(self, action_id: int) -> str:
        return f"hourbell-{action_id}"

    def render(self, action: Action, message_id: str) -> Message:
        recipient = self.validate(action.address)
        if action.template is None:
            raise UnsendableError("no template is named")
        links = message_links(self.templates.shop, action, self._profile.link_key)
        text = self.templates.render_sms(
            action.template,
            contact={"locale": action.locale, "timezone": action.timezone, **json_object("profile", action.profile)},
            context=json_object("context", action.context, parse_float=Decimal),
            message={"topic": action.topic, "variant": action.variant, **links},
        )
        if len(text) > _LONGEST_TEXT:
            raise UnsendableError(
                f"template {action.template}: the text has {len(text):,} characters, and {_LONGEST_TEXT:,} may be sent"
            )
        form = {"To": recipient, **self.sender.as_form(), "Body": text}
        if action.expires_at is not None:
            # no longer in the provider's queue than it may be sent
            left = min(action.expires_at - sent_at(action), _LONGEST_IN_QUEUE)
            form["ValidityPeriod"] = str(max(1, int(left.total_seconds())))
        return Message(action.action_id, message_id, recipient, urlencode(form).encode())

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(batch, self._post)

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        await self.pool.close()

    @cached_property
    def url(self) -> str:
        base = _API if self._profile.is_live else f"{self._profile.http_sandbox}/{PROVIDER}"
        return f"{base}/2010-04-01/Accounts/{self.sender.account}/Messages.json"

    @cached_property
    def headers(self) -> Mapping[str, str]:
        credentials = base64.b64encode(f"{self.sender.account}:{self.token}".encode()).decode()
        return {
            "authorization": f"Basic {credentials}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "Hourbell",
        }

    async def _post(self, message: Message) -> list[Answer]:
        if rested := self._receivers.rested(PROVIDER, [message]):
            return rested
        [answer] = await self._receivers.post(
            PROVIDER, self.url, self.headers, message.content, [message], read=_ANSWER_BYTES
        )
        return [answer._replace(reason=None) if answer.status == "accepted" else answer]


def text_of(content: bytes) -> str:
    """What a message's recipient reads."""
    return parse_qs(content.decode())["Body"][0]


@lru_cache(maxsize=10_000)
def _checked(address: str) -> str:
    """A number as Twilio wants it, in E.164 form."""
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException as error:
        raise UnsendableError(f"not a telephone number with its country: {error}") from error
    # ranges in use change more often than the library is updated
    if not phonenumbers.is_possible_number(number):
        raise UnsendableError("not a telephone number: no such number can be")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _known_as(said: HttpAnswer) -> str | None:
    sid = _stated(said.text).get("sid")
    return sid if isinstance(sid, str) else None


def _refuses_us(said: HttpAnswer) -> bool:
    return _stated(said.text).get("code") in _REFUSES_US


def _stated(text: str | None) -> Mapping[str, object]:
    """What an answer says, as far as it can be read."""
    try:
        stated = json.loads(text or "{}")
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}
