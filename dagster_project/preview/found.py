"""What a preview finds: steps that are reached, and what is done there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activations.holds.sample import Sample

OWN = 1
"""The enrollment of the contact's own way; doubles have numbers above it."""


@dataclass(frozen=True)
class Verdict:
    """What a gate would say of an action."""

    outcome: str
    """send, deferred or stopped, by the gate; held, by the gate out."""
    told: str


@dataclass(frozen=True)
class Shown:
    """What a step has done for the contact."""

    kind: str
    channels: tuple[str, ...]
    topic: str | None
    details: str
    """What an action that is no message says."""
    samples: Sequence[tuple[str | None, Sample]]
    """Messages by variant, the contact's own first."""
    verdicts: Sequence[Verdict]
    """What the gate would say, and where it lets the action go, the gate out; in the order of time."""


@dataclass(frozen=True)
class Stop:
    """A step that is reached on one of the ways."""

    step: str
    reached_at: datetime
    wait: timedelta
    """Since the step before."""
    branch: str | None
    is_own: bool
    """Whether it is on the contact's own way."""
    different: Mapping[str, str]
    """What the contact would have to have for that way, where it is another than its own."""
    is_forced: bool
    """The way is not told by what a contact has, so a double was put on it."""
    shown: Shown | None
    is_idle: bool
    """The step does something, but not for this contact."""
    following: Sequence["Stop"]


@dataclass(frozen=True)
class Preview:
    """One contact through a whole workflow."""

    workflow: str
    contact_id: int
    is_invented: bool
    entered: str
    """Where what the entry carries is from."""
    profile: Mapping[str, Any]
    carried: Mapping[str, Any]
    start: Stop
    leaves_when: Sequence[str]
    """Reasons for which somebody leaves early."""
    not_reached: Sequence[str]
    """Steps that the contact comes to by no way."""

    def stops(self) -> Iterator[Stop]:
        """All of them, each before those that follow it."""
        waiting = [self.start]
        while waiting:
            stop = waiting.pop(0)
            yield stop
            waiting = [*stop.following, *waiting]
