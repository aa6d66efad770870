"""What every CRM looks like. A new one is one module with this face and a line in the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from activations.channels.batches import Entry
from activations.channels.face import Answer

OWNER = "owner"
"""What stands for the colleague whose contact it is, whatever a CRM calls it."""


class Properties(NamedTuple):
    """The content of an entry: what is to be set for one contact."""

    contact: str
    """By which the CRM knows it."""
    values: Mapping[str, Any]
    """By the CRM's own names; null clears."""


class Task(NamedTuple):
    """The content of an entry: what a colleague is to do about a contact."""

    contact: str
    subject: str
    body: str
    due_at: datetime
    owner: str | None


class Record(NamedTuple):
    """A contact as the CRM has it."""

    number: str
    """The CRM's own id."""
    changed_at: datetime
    """Naive UTC."""
    values: Mapping[str, Any]
    """By the CRM's own names; `owner` is an e-mail address."""


class Deal(NamedTuple):
    """A deal as the CRM has it."""

    number: str
    changed_at: datetime
    """Naive UTC."""
    name: str | None
    stage: str | None
    pipeline: str | None
    amount: str | None
    currency: str | None
    """None where the CRM knows one alone."""
    closes_on: str | None
    is_closed: bool
    is_won: bool
    contact: Record | None
    """Whose it is; of several the first."""


@dataclass(frozen=True)
class Cursor:
    """How far a pull has come: records are read in the order of change and number."""

    changed_at: datetime
    number: str = ""

    @property
    def text(self) -> str:
        return f"{self.changed_at.isoformat()}/{self.number}"

    @classmethod
    def of(cls, text: str) -> "Cursor":
        moment, _, number = text.partition("/")
        return cls(datetime.fromisoformat(moment), number)


class Crm(Protocol):
    """A CRM; `push`es answer for every message of their entries."""

    @property
    def batch_size(self) -> int:
        """Contacts that it takes at once."""

    @property
    def reads(self) -> Mapping[str, str]:
        """Its properties for the columns of ours that it knows without being told: `email`, `first_name` …"""

    @property
    def opted_out(self) -> str:
        """The property that says whether a contact wants no e-mail any more."""

    async def update(self, entries: Sequence[Entry]) -> list[Answer]:
        """Set `Properties`, for contacts who are in the batch once."""

    async def enlist(self, number: str, entries: Sequence[Entry], *, member: bool) -> list[Answer]:
        """Put contacts, whose ids are the contents, on a list or take them off."""

    async def create(self, entries: Sequence[Entry]) -> list[Answer]:
        """Create `Task`s; it takes the same one any number of times."""

    async def owners(self) -> Mapping[str, str]:
        """The CRM's ids of colleagues by e-mail address; raises NotAnsweredError."""

    async def changed(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Record], Cursor | None]:
        """A page of what changed from the cursor on, and where the next begins; None at the end.

        Raises NotAnsweredError.
        """

    async def gone(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Record], Cursor | None]:
        """The same of contacts that were deleted, then; a CRM may tell all that it still knows of, each time."""

    async def deals(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Deal], Cursor | None]:
        """The same of deals, each with `names` of the contact whose it is."""

    async def gone_deals(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Deal], Cursor | None]:
        """The same of deals that were deleted."""

    async def close(self) -> None: ...
