"""A small world for the gate: who lives in it, what is due, and what happens meanwhile. Plain data, no logic."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import yaml

PROJECT: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[2] / "dbt" / "dbt_project.yml").read_text())[
    "vars"
]
PRIORITIES: dict[str, int] = {name: workflow["priority"] for name, workflow in PROJECT["workflows"].items()}
STEPS: dict[str, list[str]] = {name: workflow["steps"] for name, workflow in PROJECT["workflows"].items()}
GLOBAL_HOLDOUT = float(PROJECT["global_holdout"])

# topic: kind; `contests` is in no registry
TOPICS = {"newsletter": "promotional", "offers": "promotional", "service": "transactional"}
UNKNOWN_TOPIC = "contests"


def stable_hash(*parts: object) -> int:
    """The macro of the same name."""
    return int(md5("|".join(map(str, parts)).encode()).hexdigest()[:15], 16)


@dataclass(frozen=True)
class Window:
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True)
class Channel:
    channel: str
    quiet_from: str | None = None
    quiet_to: str | None = None
    rate_per_hour: int | None = None


@dataclass(frozen=True)
class Cap:
    rule: str
    max_sends: int | None
    period_hours: int
    channel: str | None = "all"
    topic: str | None = "all"


@dataclass(frozen=True)
class Proposal:
    """A row of a step's table."""

    workflow: str
    step: str
    enrollment_id: int
    contact_id: int
    reached_at: datetime
    tick_end: datetime
    channels: tuple[str, ...]
    topic: str
    if_held: str
    expires_at: datetime
    kind: str = "send"

    @property
    def action_id(self) -> int:
        return stable_hash(self.enrollment_id, self.workflow, self.step)


@dataclass(frozen=True)
class Eligibility:
    contact_id: int
    channel: str
    topic: str
    tick_end: datetime
    is_consented: bool = True
    is_reachable: bool = True
    is_erased: bool = False
    suppressed_until: datetime | None = None
    timezone: str | None = "UTC"
    address: str | None = None
    stated_at: datetime | None = None


@dataclass(frozen=True)
class Statement:
    """What somebody said of an address."""

    email: str
    channel: str
    topic: str
    status: str
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True)
class Exit:
    workflow: str
    enrollment_id: int
    exited_at: datetime


@dataclass(frozen=True)
class Merge:
    contact_id: int
    into_contact_id: int
    merged_at: datetime


@dataclass(frozen=True)
class Decision:
    """A row of decisions: what was asked, and what became of it."""

    action_id: int
    tick_end: datetime
    workflow: str
    step: str
    enrollment_id: int
    contact_id: int
    kind: str
    topic: str
    topic_kind: str
    channels: tuple[str, ...]
    if_held: str
    priority: int
    reached_at: datetime
    due_at: datetime
    expires_at: datetime
    times_deferred: int
    outcome: str
    channel: str | None
    gate: str | None
    held_until: datetime | None
    send_after: datetime | None
    gate_otherwise: str | None = None

    @property
    def is_promotional(self) -> bool:
        return self.kind == "send" and self.topic_kind != "transactional"


@dataclass(frozen=True)
class World:
    windows: tuple[Window, ...]
    channels: tuple[Channel, ...]
    caps: tuple[Cap, ...]
    eligibility: tuple[Eligibility, ...]
    proposals: tuple[Proposal, ...]
    exits: tuple[Exit, ...] = ()
    merges: tuple[Merge, ...] = ()
    statements: tuple[Statement, ...] = ()
    # decided before the first window
    earlier: tuple[Decision, ...] = ()
    # workflows that break, by the end of the tick in which they do
    broken: frozenset[tuple[datetime, str]] = frozenset()
    # enrollments whose sends the channel does not accept, which is known at the end of the tick after
    not_accepted: frozenset[int] = field(default_factory=frozenset)
