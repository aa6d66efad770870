"""Text messages by Vonage: one request a message, as its Messages API takes them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import orjson

from activations.channels.face import Answer, Idempotency, Message, Setting
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Meaning, Receivers, stated_text
from activations.settings.text_sender import FILE, VONAGE, TextSender
from activations.text_carriers.face import Text
from activations.transport.http import HttpAnswer, HttpPool

_API = "https://api.nexmo.com"
_SHORTEST_IN_QUEUE = 20
"""Seconds."""
_LONGEST_IN_QUEUE = timedelta(days=7)
_ANSWER_BYTES = 1_000
_LOW_BALANCE = 402
_REFUSES_US = frozenset({"low-balance", "unauthorized", "forbidden", "1060", "1070", "1080"})
"""What Vonage finds wrong with the account, and not with the one message."""
_LATER = frozenset({"1000", "1100"})
"""Throttled, or not submitted because Vonage could not reach the next one."""


def open_carrier(setting: Setting, sender: TextSender) -> "VonageCarrier":
    """The carrier by the account of sms.yml, whose secret is HOURBELL_TOKEN_VONAGE."""
    return VonageCarrier(setting, sender, setting.profile.token(VONAGE), HttpPool(setting.profile))


@dataclass(frozen=True)
class VonageCarrier:
    """Blind: what we call a message comes back with its status, but Vonage takes the same one any number of times."""

    setting: Setting
    sender: TextSender
    token: str = field(repr=False)
    pool: HttpPool
    idempotency: Idempotency = "blind"
    window: timedelta | None = None
    rate: float | None = 30.0
    """What an account may ask for as long as nothing else was agreed."""
    longest_text: int = 3_200

    @property
    def provider(self) -> str:
        return VONAGE if self.setting.profile.is_live else "sandbox"

    def encode(self, text: Text) -> bytes:
        return orjson.dumps(
            {
                "to": text.recipient.removeprefix("+"),
                "client_ref": text.message_id,
                "from": self.sender.sender.removeprefix("+"),
                "text": text.text,
                "sms": {"encoding_type": "auto"},
                "channel": "sms",
                "message_type": "text",
            }
        )

    def body(self, message: Message) -> bytes:
        keeps = message.keeps(self.setting.now(), _LONGEST_IN_QUEUE)
        if keeps is None:
            return message.content
        return message.content[:-1] + b',"ttl":%d}' % max(_SHORTEST_IN_QUEUE, keeps)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(batch, self._post)

    async def close(self) -> None:
        await self.pool.close()

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool,
            self.setting.now,
            f"mend {FILE}, the secret or the account",
            hides_numbers=True,
            means=_means,
            known_as=_known_as,
        )

    @cached_property
    def url(self) -> str:
        profile = self.setting.profile
        return f"{_API if profile.is_live else f'{profile.http_sandbox}/{VONAGE}'}/v1/messages"

    @cached_property
    def headers(self) -> Mapping[str, str]:
        credentials = base64.b64encode(f"{self.sender.account}:{self.token}".encode()).decode()
        return {
            "authorization": f"Basic {credentials}",
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "Hourbell",
        }

    async def _post(self, message: Message) -> list[Answer]:
        return await self._receivers.send(
            VONAGE, self.url, self.headers, self.body(message), message, read=_ANSWER_BYTES
        )


def _known_as(said: HttpAnswer) -> str | None:
    known = stated_text(said).get("message_uuid")
    return known if isinstance(known, str) else None


def _means(said: HttpAnswer) -> Meaning | None:
    """By the code at the end of the problem's type, as in …/api-errors/messages#1060."""
    code = str(stated_text(said).get("type", "")).rpartition("#")[2]
    if said.status == _LOW_BALANCE or code in _REFUSES_US:
        return Meaning("postponed")
    return Meaning("retry") if code in _LATER else None
