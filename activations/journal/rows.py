"""What goes into the journal and comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from activations.delivery.outbox import Action

Settled = Literal["accepted", "rejected", "failed", "expired", "unknown"]
"""rejected: will never be taken. failed: was not taken in several attempts. expired: came too late to be sent.
unknown: may or may not have arrived, and cannot be found out."""


class Claim(NamedTuple):
    """An action that is ours to carry."""

    action: Action
    message_id: str
    attempts: int
    """Calls that were made or begun for it, this one included."""
    in_doubt: bool
    """Whether a call was begun whose answer is not known, so that it may have been carried already."""
    claimed_at: datetime
    """When it was claimed first: no call was made before."""


class Aim(NamedTuple):
    """What an action sets, where it sets what is so from then on."""

    target: str
    """The same text for all that set the same."""
    as_of: datetime
    """Of two on one target the later counts."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What became of a batch that was asked for; the parts add up to it."""

    ours: list[Claim]
    settled: int
    held: int
    """Claimed by another deliverer that is alive."""
    paused: Mapping[str, int] = field(default_factory=dict)
    """By the pause that covers them."""
    overtaken: frozenset[int] = frozenset()
    """Those of ours whose target a newer action has set by now."""
    behind: Mapping[int, int] = field(default_factory=dict)
    """Not claimed, because another is under way on the same target: which for which."""


class Settlement(NamedTuple):
    """How an action ended."""

    action_id: int
    status: Settled
    reason: str | None = None
    provider_message_id: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class JournalRow:
    """An action that the journal knows."""

    action_id: int
    channel: str
    tick_end: datetime
    workflow: str
    step: str
    provider: str
    message_id: str
    status: str
    reason: str | None
    attempts: int
    claimed_by: str
    claimed_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Got:
    """What a transaction that claims a batch came to."""

    new: set[int]
    taken: Sequence[JournalRow]
    """From the dead, as they were before."""
    uncalled: frozenset[int]
    """Of those: for which it is certain that no call was made."""
    settled: int
    held: int
    paused: Mapping[str, int]
    overtaken: frozenset[int]
    behind: Mapping[int, int]
    aims: Mapping[int, Aim]
    """Of what is new and counts."""
