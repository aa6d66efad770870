"""E-mail to a mail server, signed by DKIM where there is a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from activations import mime
from activations.carriers.face import Mail
from activations.channels.face import Answer, Idempotency, Message, Setting
from activations.keys.dkim import signed
from activations.sandbox.store import find
from activations.settings.profile import Profile
from activations.transport.smtp import SmtpPool


def open_carrier(setting: Setting, sender: str) -> "SmtpCarrier":
    """The carrier over the profile's mail server."""
    return SmtpCarrier(setting.profile, SmtpPool(setting.profile, sender))


@dataclass(frozen=True)
class SmtpCarrier:
    """A mail server is blind: it takes the same message any number of times. Only a sandbox can be asked."""

    profile: Profile
    pool: SmtpPool
    push_size: int = 200
    window: timedelta | None = None

    @property
    def provider(self) -> str:
        return "sandbox" if self.profile.smtp.kept_in else self.profile.smtp.host

    @property
    def idempotency(self) -> Idempotency:
        return "askable" if self.profile.smtp.kept_in else "blind"

    @property
    def batch_size(self) -> int:
        # over a server that cannot be asked a batch is what a crash leaves unknown
        return 500 if self.profile.smtp.kept_in else 200

    def encode(self, mail: Mail) -> bytes:
        headers = {
            "From": mime.mailbox(mail.sender_name, mail.sender),
            "To": mail.recipient,
            "Subject": mail.subject,
            "Date": mime.date(mail.dated),
            "Message-ID": mail.message_id,
            **mail.headers,
        }
        boundary = f"=_hourbell_{mail.action_id}"
        content = mime.email_bytes(headers, text=mail.text, html=mail.html, boundary=boundary)
        if self.profile.dkim is None:
            return content
        return signed(content, self.profile.dkim, domain=mail.sender.rpartition("@")[2], signed_at=mail.dated)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await self.pool.send(batch)

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        kept_in = self.profile.smtp.kept_in
        if kept_in is None:
            return {}
        return {received.message_id: f"kept as {received.number}" for received in find(kept_in, message_ids)}

    async def close(self) -> None:
        await self.pool.close()
