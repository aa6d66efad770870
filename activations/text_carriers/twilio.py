"""Text messages by Twilio: one request a message, as its Messages resource takes them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from activations.channels.face import Answer, Idempotency, Message, Setting
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Receivers, stated_text
from activations.settings.shop import read_shop
from activations.settings.text_sender import FILE, TWILIO, TextSender
from activations.text_carriers.face import Text
from activations.transport.form_encoding import form_body
from activations.transport.http import HttpAnswer, HttpPool

_API = "https://api.twilio.com"
_LONGEST_IN_QUEUE = timedelta(hours=10)
_ANSWER_BYTES = 4_000
_REFUSES_US = frozenset({20003, 21212, 21603, 21606, 21611, 21659, 21660, 21661, 21701, 21704})
"""What Twilio finds wrong with the account, the sender or its queue, and not with the one message."""


def open_carrier(setting: Setting, sender: TextSender) -> "TwilioCarrier":
    """The carrier by the account of sms.yml, whose token is HOURBELL_TOKEN_TWILIO."""
    tracking_url = read_shop(setting.templates).tracking_url
    return TwilioCarrier(setting, sender, setting.profile.token(TWILIO), HttpPool(setting.profile), tracking_url)


@dataclass(frozen=True)
class TwilioCarrier:
    """Blind: Twilio takes no key of ours, and cannot be asked for a message by it."""

    setting: Setting
    sender: TextSender
    token: str = field(repr=False)
    pool: HttpPool
    tracking_url: str
    """Below which the collector hears what became of a message."""
    idempotency: Idempotency = "blind"
    window: timedelta | None = None
    rate: float | None = None
    longest_text: int = 1_600

    @property
    def provider(self) -> str:
        return TWILIO if self.setting.profile.is_live else "sandbox"

    def encode(self, text: Text) -> bytes:
        return form_body(
            {
                "To": text.recipient,
                **self.sender.as_form(),
                "Body": text.text,
                # Twilio carries nothing of ours along but the address that it calls
                "StatusCallback": f"{self.tracking_url.rstrip('/')}/webhooks/{TWILIO}?action_id={text.action_id}",
            }
        )

    def body(self, message: Message) -> bytes:
        keeps = message.keeps(self.setting.now(), _LONGEST_IN_QUEUE)
        return message.content if keeps is None else message.content + b"&ValidityPeriod=%d" % max(1, keeps)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(batch, self._post)

    async def close(self) -> None:
        await self.pool.close()

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool, self.setting.now, f"mend {FILE} or the token", refuses_us=_refuses_us, known_as=_known_as
        )

    @cached_property
    def url(self) -> str:
        profile = self.setting.profile
        base = _API if profile.is_live else f"{profile.http_sandbox}/{TWILIO}"
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
        return await self._receivers.send(
            TWILIO, self.url, self.headers, self.body(message), message, read=_ANSWER_BYTES
        )


def _known_as(said: HttpAnswer) -> str | None:
    sid = stated_text(said).get("sid")
    return sid if isinstance(sid, str) else None


def _refuses_us(said: HttpAnswer) -> bool:
    return stated_text(said).get("code") in _REFUSES_US
