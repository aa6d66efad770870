"""Who enters a workflow, the slow, obvious way: one after the other, in the order of time."""

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

START = datetime(2026, 3, 2)
DAYS = 4
LATEST_ENTRY = timedelta(days=3)
HOUR = timedelta(hours=1)
LONGEST_PATH = 50 * HOUR


@dataclass(frozen=True)
class Rule:
    """How often somebody may enter: by a re-entry rule, and at most so many times in so many hours."""

    workflow: str
    reentry: str
    limit: tuple[int, int] | None = None

    def identify(self, row: "Qualified") -> int:
        """The enrollment that a row would make."""
        is_once_a_time = self.reentry in ("once", "per key")
        return stable_hash(self.workflow, row.contact_id, row.entry_key, *([] if is_once_a_time else [row.reached_at]))


@dataclass(frozen=True)
class Qualified:
    contact_id: int | None
    entry_key: str
    reached_at: datetime
    occurred_at: datetime


@dataclass(frozen=True)
class Merge:
    contact_id: int
    into_contact_id: int
    merged_at: datetime


@dataclass(frozen=True)
class Status:
    is_live: bool
    changed_at: datetime


@dataclass(frozen=True)
class History:
    qualified: Sequence[Qualified]
    merges: Sequence[Merge]
    statuses: Sequence[Status]


@dataclass(frozen=True)
class Entry:
    enrollment_id: int
    contact_id: int
    entry_key: str
    reached_at: datetime
    assignment: str


def random_history(seed: int, contacts: int = 150, rows: int = 900) -> History:
    """Contacts who qualify now and then, become one, and are always known by the latest id."""
    draw = random.Random(seed)

    def moment() -> datetime:
        return START + HOUR * draw.randrange(DAYS * 24)

    known_as = {contact: contact for contact in range(1, contacts + 1)}
    merges: list[Merge] = []
    for merged_at in sorted(moment() for _ in range(contacts // 3)):
        absorbed, survivor = draw.sample(sorted(set(known_as.values())), 2)
        for contact, latest in known_as.items():
            if latest == absorbed:
                known_as[contact] = survivor
                merges.append(Merge(contact, survivor, merged_at))

    qualified = []
    for _ in range(rows):
        reached_at = moment()
        contact = draw.randrange(1, contacts + 1)
        known_later_as = [
            merge.into_contact_id for merge in merges if merge.contact_id == contact and merge.merged_at <= reached_at
        ]
        contact = known_later_as[-1] if known_later_as else contact
        late = draw.choice([timedelta()] * 5 + [HOUR, 2 * LATEST_ENTRY / 3, LATEST_ENTRY, LATEST_ENTRY + HOUR])
        qualified.append(
            Qualified(contact if draw.random() > 0.02 else None, draw.choice("abc"), reached_at, reached_at - late)
        )
    statuses = [
        Status(True, START - 5 * timedelta(days=1)),
        Status(False, START + 40 * HOUR),
        Status(True, START + 50 * HOUR),
    ]
    return History(qualified, merges, statuses)


def stable_hash(*parts: object) -> int:
    """The macro of the same name."""
    return int(hashlib.md5("|".join(str(part) for part in parts).encode()).hexdigest()[:15], 16)


def left_at(enrollment_id: int, reached_at: datetime) -> dict[str, datetime]:
    """When somebody leaves, or reaches the last step; many do neither, some both."""
    draw = random.Random(enrollment_id)
    exited, last = (draw.choice([None, None, draw.randrange(1, 60)]) for _ in range(2))
    hours = {"exited": exited, "last": last}
    return {way: reached_at + number * HOUR for way, number in hours.items() if number is not None}


def enter(
    history: History, rule: Rule, holdout: Callable[[datetime], float], ticks: Sequence[datetime] = (START,)
) -> set[Entry]:
    """Everyone who enters by a rule; `holdout` is the share in force at a time, `ticks` are the starts of the ticks."""
    entered: list[Entry] = []

    def is_same_person(earlier: Entry, row: Qualified) -> bool:
        return earlier.contact_id == row.contact_id or any(
            merge.contact_id == earlier.contact_id
            and merge.into_contact_id == row.contact_id
            and merge.merged_at <= row.reached_at
            for merge in history.merges
        )

    def is_in_the_way(earlier: Entry, row: Qualified) -> bool:
        if rule.reentry == "once":
            return True
        if rule.reentry == "per key":
            return earlier.entry_key == row.entry_key
        if rule.reentry == "always":
            return earlier.enrollment_id == rule.identify(row)
        if rule.reentry == "after exit":
            known_before = max(start for start in ticks if start <= row.reached_at)
            left = [at for at in left_at(earlier.enrollment_id, earlier.reached_at).values() if at < known_before]
            return row.reached_at < min([*left, earlier.reached_at + LONGEST_PATH])
        hours = int(rule.reentry.removeprefix("after ").removesuffix(" hours"))
        return row.reached_at < earlier.reached_at + hours * HOUR

    def is_over_the_limit(theirs: Sequence[Entry], row: Qualified) -> bool:
        if rule.limit is None:
            return False
        times, hours = rule.limit
        return sum(row.reached_at < earlier.reached_at + hours * HOUR for earlier in theirs) >= times

    for row in sorted(
        (row for row in history.qualified if may_enter(row, history.statuses)),
        key=lambda row: (row.reached_at, rule.identify(row)),
    ):
        assert row.contact_id is not None
        theirs = [earlier for earlier in entered if is_same_person(earlier, row)]
        if any(is_in_the_way(earlier, row) for earlier in theirs) or is_over_the_limit(theirs, row):
            continue
        if theirs:
            assignment = theirs[0].assignment
        else:
            share = stable_hash("holdout", rule.workflow, row.contact_id) % 1_000_000 / 1_000_000
            assignment = "holdout" if share < holdout(row.reached_at) else "treated"
        entered.append(Entry(rule.identify(row), row.contact_id, row.entry_key, row.reached_at, assignment))
    return set(entered)


def may_enter(row: Qualified, statuses: Iterable[Status]) -> bool:
    """Whether anybody could enter for this: the workflow has been live since it happened, and it is not stale."""
    now = [status for status in statuses if status.changed_at <= row.reached_at][-1]
    return (
        row.contact_id is not None
        and now.is_live
        and row.occurred_at >= now.changed_at
        and row.occurred_at >= row.reached_at - LATEST_ENTRY
    )
