"""What every carrier of e-mail looks like. A new one is one module with this face and a line in the registry."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from activations.channels.face import Answer, Idempotency, Message

UNSUBSCRIBE = "List-Unsubscribe"


class Mail(NamedTuple):
    """What an e-mail says, before it is written as its carrier wants it."""

    action_id: int
    message_id: str
    recipient: str
    sender: str
    sender_name: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    """Beside From, To, Subject, Date and Message-ID."""
    dated: datetime

    @property
    def is_promotional(self) -> bool:
        """Whether it is of the kind that its recipient can leave."""
        return UNSUBSCRIBE in self.headers


class Carrier(Protocol):
    """Somebody who takes e-mails; what its properties mean stands at the channel of the same names."""

    @property
    def provider(self) -> str: ...

    @property
    def idempotency(self) -> Idempotency: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def push_size(self) -> int: ...

    @property
    def window(self) -> timedelta | None: ...

    def encode(self, mail: Mail) -> bytes:
        """The same mail gives the same bytes."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]: ...

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]: ...

    async def close(self) -> None: ...
