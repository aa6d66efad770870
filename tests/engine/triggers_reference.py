"""When triggers fire, the slow, obvious way: each moment of each person, one after the other."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from entries_reference import History, Qualified
from test_local_time import utc_of

Fired = tuple[int, datetime]


def happened(history: History, *names: str) -> list[Qualified]:
    return [row for row in history.qualified if row.contact_id is not None and row.entry_key in names]


def stands_for(history: History, contact: int | None, at: datetime) -> set[int | None]:
    return {contact} | {m.contact_id for m in history.merges if m.into_contact_id == contact and m.merged_at <= at}


def theirs(history: History, events: Iterable[Qualified], contact: int | None, at: datetime) -> list[datetime]:
    """When something happened to a person, as far as known at a time."""
    people = stands_for(history, contact, at)
    return [row.reached_at for row in events if row.contact_id in people and row.reached_at <= at]


def counted(history: History, events: Sequence[Qualified], times: int, within: timedelta) -> set[Fired]:
    fired = set()
    for row in events:
        recent = [at for at in theirs(history, events, row.contact_id, row.reached_at) if at > row.reached_at - within]
        if len(recent) >= times and sum(at < row.reached_at for at in recent) < times:
            fired.add((row.contact_id, row.reached_at))
    return fired


def in_a_row(history: History, row: Sequence[Sequence[Qualified]], within: timedelta) -> set[Fired]:
    fired = set()
    for last in row[-1]:
        end = last.reached_at
        moments = [
            [at for at in theirs(history, events, last.contact_id, end) if end - within < at < end] for events in row
        ]
        ended_before = max(moments[-1], default=datetime.min)

        if follow(moments[:-1], datetime.min, ended_before):
            fired.add((last.contact_id, end))
    return fired


def follow(moments: Sequence[Sequence[datetime]], after: datetime, ended_before: datetime) -> bool:
    """Whether each can be later than the one before, and the last no earlier than where a row ended before."""
    if not moments:
        return after >= ended_before
    return any(follow(moments[1:], at, ended_before) for at in moments[0] if at > after)


def silences(history: History, events: Sequence[Qualified], period: timedelta) -> set[Fired]:
    fired = set()
    for row in events:
        silent_at = row.reached_at + period
        known_as = [
            m.into_contact_id for m in history.merges if m.contact_id == row.contact_id and m.merged_at <= silent_at
        ]
        person = known_as[-1] if known_as else row.contact_id
        if not any(at > row.reached_at for at in theirs(history, events, person, silent_at)):
            fired.add((person, silent_at))
    return fired


@dataclass(frozen=True)
class Version:
    """What is known of a contact from a moment on."""

    contact_id: int
    valid_from: datetime
    country: str | None
    revenue: int | None
    birth_date: date | None
    timezone: str | None
    merged_into_contact_id: int | None = None
    is_erased: bool = False


FIRST, LAST = datetime(2026, 2, 20), datetime(2026, 3, 12)
MONTH = datetime(2026, 3, 1)


def random_profiles(seed: int, contacts: int = 120) -> list[Version]:
    """Profiles that change at full hours, each written down anew at the start of a month."""
    draw = random.Random(seed)
    hours = int((LAST - FIRST) / timedelta(hours=1))
    versions: list[Version] = []
    for contact in range(1, contacts + 1):
        moments = {FIRST + timedelta(hours=draw.randrange(hours)) for _ in range(draw.randrange(1, 9))}
        if draw.random() < 0.5:
            moments.add(datetime(2026, 2, 1))
        if min(moments) < MONTH:
            moments.add(MONTH)
        latest = None
        for moment in sorted(moments):
            if moment == MONTH and latest is not None:
                latest = Version(contact, MONTH, *list(vars(latest).values())[2:])
            else:
                latest = Version(
                    contact,
                    moment,
                    draw.choice(["DE", "FR", None]),
                    draw.choice([None, 10, 100, 200]),
                    draw.choice([None, date(1996, 2, 29), date(1980, 3, draw.randrange(1, 15)), date(2026, 2, 25)]),
                    draw.choice([None, "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Honolulu"]),
                    draw.choice([None] * 15 + [1]),
                    draw.random() < 0.05,
                )
            versions.append(latest)
    return versions


def changes(versions: Sequence[Version]) -> Iterable[tuple[Version | None, Version]]:
    """Each version with the one before it, of contacts who are still themselves."""
    before: Version | None = None
    for version in sorted(versions, key=lambda one: (one.contact_id, one.valid_from)):
        known = before if before is not None and before.contact_id == version.contact_id else None
        if version.merged_into_contact_id is None and not version.is_erased and version.valid_from >= FIRST:
            yield known, version
        before = version


def dates(versions: Sequence[Version], before: timedelta, at: time, *, yearly: bool) -> set[tuple[int, datetime]]:
    """When dates of birth come up, by going through all days for each of the versions."""
    fired = set()
    ordered = sorted(versions, key=lambda one: (one.contact_id, one.valid_from))
    for place, version in enumerate(ordered):
        later = ordered[place + 1] if place + 1 < len(ordered) else None
        until = later.valid_from if later and later.contact_id == version.contact_id else datetime.max
        born = version.birth_date
        if born is None or version.merged_into_contact_id is not None or version.is_erased:
            continue
        for number in range(-5, 40):
            day = FIRST.date() + timedelta(days=number)
            is_leap_birthday = (born.month, born.day) == (2, 29) and (day.month, day.day) == (2, 28)
            is_birthday = (day.month, day.day) == (born.month, born.day) or is_leap_birthday
            if not (is_birthday and day > born if yearly else day == born):
                continue
            moment = utc_of(day - before, at, ZoneInfo(version.timezone or "UTC"))
            if max(version.valid_from, FIRST) <= moment < min(until, LAST):
                fired.add((version.contact_id, moment))
    return fired
