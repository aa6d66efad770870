"""What channels have in common whose provider cannot be asked about a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from activations.channels.face import Idempotency


class UnaskedChannel:
    """Whoever carries it knows an action by this id, and tells nothing of what became of it."""

    ask_after: float = 0.0

    def message_id(self, action_id: int) -> str:
        return f"hourbell-{action_id}"

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def look(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True, kw_only=True)
class BlindChannel(UnaskedChannel):
    """Takes no key either, and one message a call."""

    kinds: frozenset[str] = frozenset({"send"})
    idempotency: Idempotency = "blind"
    # a batch is what a crash leaves unknown
    batch_size: int = 200
    push_size: int = 200
    window: timedelta | None = None
    rate: float | None = None
