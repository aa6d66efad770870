"""Waiting for a local time, against Python's own time zones: through changes of the clocks, and over the date line."""

import itertools
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
from compiled_macros import compiled, small_warehouse
from engine_world import Engine

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "Pacific/Kiritimati",
    None,
]
# each on any day, and on given ones
TIMES = [
    ("10:00", None),
    ("00:00", None),
    ("02:15", None),
    ("22:30", None),
    ("02:15", (7,)),
    ("23:00", (1, 2, 3, 4, 5)),
]
YEAR = datetime(2026, 1, 1)


def utc_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The later of two where the clocks show a time twice; the next time that they show, where they skip it."""
    told = datetime.combine(day, at, tzinfo=zone).replace(fold=1)
    moment = told.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == told.replace(tzinfo=None):
        return moment.replace(tzinfo=None)
    while moment.astimezone(zone).replace(tzinfo=None) < told.replace(tzinfo=None):
        moment += timedelta(minutes=1)
    while (earlier := moment - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None) > told.replace(tzinfo=None):
        moment = earlier
    return moment.replace(tzinfo=None)


def next_time(after: datetime, zone: str | None, text: str, weekdays: tuple[int, ...] | None) -> datetime:
    known = ZoneInfo(zone or "UTC")
    today = after.replace(tzinfo=UTC).astimezone(known).date()
    for ahead in itertools.count():
        day = today + timedelta(days=ahead)
        if weekdays is None or day.isoweekday() in weekdays:
            moment = utc_of(day, time.fromisoformat(text), known)
            if moment >= after:
                return moment
    raise AssertionError


def moments(zone: str | None, draw: random.Random) -> list[datetime]:
    """Any, and those around the changes of the clocks."""
    known = ZoneInfo(zone or "UTC")
    found = [YEAR + timedelta(minutes=draw.randrange(365 * 24 * 60)) for _ in range(40)]
    offsets = [(YEAR + timedelta(days=day)).replace(tzinfo=UTC).astimezone(known).utcoffset() for day in range(366)]
    for day, (before, after) in enumerate(itertools.pairwise(offsets)):
        if before != after:
            found += [YEAR + timedelta(days=day, minutes=30 * step) for step in range(-30, 60)]
    return found


def test_local_times_are_those_of_the_clocks_there(shop: Engine) -> None:
    draw = random.Random(5)
    asked = [(moment, zone) for zone in ZONES for moment in moments(zone, draw)]
    columns = ", ".join(
        f"{{{{ next_local_time('after', 'timezone', '{text}', {list(weekdays) if weekdays else 'none'}) }}}}"
        for text, weekdays in TIMES
    )
    sql = compiled(shop.home, {"carts_abandoned": f"select {columns} from main.asked order by place"})[
        "carts_abandoned"
    ]
    with small_warehouse() as connection:
        given = pa.Table.from_pylist(
            [{"place": place, "after": after, "timezone": zone} for place, (after, zone) in enumerate(asked)]
        )
        connection.register("asked", given)
        connection.execute("create table main.asked as select * from asked")
        rows = connection.execute(sql).fetchall()
    assert len(rows) > 1000
    for (after, zone), found in zip(asked, rows, strict=True):
        expected = tuple(next_time(after, zone, text, weekdays) for text, weekdays in TIMES)
        assert found == expected, (after, zone)
