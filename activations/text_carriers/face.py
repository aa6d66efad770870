"""What every carrier of text messages looks like. A new one is one module with this face and a line in the registry."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

from activations.channels.face import Answer, Idempotency, Message


class Text(NamedTuple):
    """What a text message says, before it is written as its carrier wants it."""

    action_id: int
    message_id: str
    recipient: str
    """In E.164 form."""
    text: str


class TextCarrier(Protocol):
    """Somebody who takes text messages; what its properties mean stands at the channel of the same names."""

    @property
    def provider(self) -> str: ...

    @property
    def idempotency(self) -> Idempotency: ...

    @property
    def window(self) -> timedelta | None: ...

    @property
    def rate(self) -> float | None: ...

    @property
    def longest_text(self) -> int:
        """Characters, of several parts together."""

    def encode(self, text: Text) -> bytes:
        """The same text gives the same bytes; for how long it may wait is said when it is pushed."""

    def body(self, message: Message) -> bytes:
        """What is posted, which waits in the carrier's queue no longer than until the message expires."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]: ...

    async def close(self) -> None: ...
