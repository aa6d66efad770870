"""What every ad platform looks like. A new one is one module with this face and a line in the registry."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from activations.channels.batches import Entry
from activations.channels.face import Answer


class Hashes(NamedTuple):
    """The content of an entry: what a platform knows a contact by, hashed by its own rules; empty where unknown."""

    email: str
    phone: str


class AdPlatform(Protocol):
    """An audience on an ad platform."""

    async def change(self, entries: Sequence[Entry], *, member: bool) -> list[Answer]:
        """Add the `Hashes` of entries, or remove them; answers for every message."""

    async def close(self) -> None: ...
