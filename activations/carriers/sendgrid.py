"""E-mail by SendGrid's mail/send: one request a message, because each says something else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import orjson

from activations.carriers.face import Mail
from activations.channels.face import Answer, Idempotency, Message, Setting
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Receivers
from activations.transport.http import HttpAnswer, HttpPool

PROVIDER = "sendgrid"
_API = "https://api.sendgrid.com"


def open_carrier(setting: Setting, sender: str) -> "SendGridCarrier":
    """The carrier by the account whose key is HOURBELL_TOKEN_SENDGRID; `sender` has to be verified there."""
    profile = setting.profile
    profile.needs_http_sandbox()
    return SendGridCarrier(setting, profile.token(PROVIDER), HttpPool(profile))


@dataclass(frozen=True)
class SendGridCarrier:
    """Blind: SendGrid takes no key of ours. It signs the mail itself; our id comes back with its events."""

    setting: Setting
    token: str = field(repr=False)
    pool: HttpPool
    idempotency: Idempotency = "blind"
    # a batch is what a crash leaves unknown
    batch_size: int = 100
    window: timedelta | None = None

    @property
    def provider(self) -> str:
        return PROVIDER if self.setting.profile.is_live else "sandbox"

    def encode(self, mail: Mail) -> bytes:
        return orjson.dumps(
            {
                "personalizations": [
                    {"to": [{"email": mail.recipient}], "custom_args": {"action_id": str(mail.action_id)}}
                ],
                "from": {"email": mail.sender, "name": mail.sender_name},
                "subject": mail.subject,
                # plain text has to come first
                "content": [
                    {"type": "text/plain", "value": mail.text},
                    {"type": "text/html", "value": mail.html},
                ],
                "headers": {"Message-ID": mail.message_id, **mail.headers},
            }
        )

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(batch, self._post)

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        await self.pool.close()

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(self.pool, self.setting.now, "mend HOURBELL_TOKEN_SENDGRID or the sender", known_as=_known_as)

    @cached_property
    def url(self) -> str:
        profile = self.setting.profile
        return f"{_API if profile.is_live else f'{profile.http_sandbox}/{PROVIDER}'}/v3/mail/send"

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
        if rested := self._receivers.rested(PROVIDER, [message]):
            return rested
        return await self._receivers.post(PROVIDER, self.url, self.headers, message.content, [message])


def _known_as(said: HttpAnswer) -> str | None:
    return said.headers.get("X-Message-Id")
