"""A shop in which three experiments run through the whole engine: a subject, two hours of the day, and three."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from compiled_macros import compiled

from dagster_project.home import Home
from dagster_project.ticks.emptiness import Reader
from dagster_project.ticks.statements import Statement

START = datetime(2026, 3, 2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("Europe/London", "America/New_York", "Asia/Tokyo")

SUBJECT, TWO, THREE = "welcome subject", "two hours", "three hours"
EXPERIMENTS: Mapping[str, Mapping[str, Any]] = {
    SUBJECT: {
        "workflow": "welcome_series",
        "step": "hello",
        "variants": {"short subject": 1, "long subject": 1},
        "metric": "clicked",
        "within": "1 day",
        "minimum_sample": 60,
    },
    TWO: {
        "workflow": "reengagement",
        "step": "reaction",
        "variants": {"morning": 1, "evening": 1},
        "metric": "clicked",
        "within": "2 days",
        "minimum_sample": 100,
    },
    THREE: {
        "workflow": "lead_nurturing",
        "step": "interest",
        "variants": {"breakfast": 1, "lunch": 1, "supper": 1},
        "metric": "clicked",
        "within": "2 days",
        "minimum_sample": 100,
    },
}
# by variant: at which hour its step comes, where the contact lives
HOURS = {"morning": 9, "evening": 18, "breakfast": 8, "lunch": 13, "supper": 19}
# how many of those who get it click, and how many of these complain
CLICKS = {
    "short subject": 0.1,
    "long subject": 0.45,
    "morning": 0.1,
    "evening": 0.35,
    "breakfast": 0.1,
    "lunch": 0.7,
    "supper": 0.45,
}
COMPLAINTS = {"lunch": 0.6}
# how many come, and when: those of the first time decide, in the tick that ends on the third day at noon (a day earlier
# where an outcome is complete after a day); some come within that tick, some in the one that follows
SIZES = {SUBJECT: 300, TWO: 400, THREE: 600}
FIRST = START + 2 * HOUR
DECIDED = {SUBJECT: START + 1.5 * DAY, TWO: START + 2.5 * DAY, THREE: START + 2.5 * DAY}
FEW = 40

_ENTERED = """
    with asked as (
        select * from {{ event_happened('%s', carry={'timezone': "properties ->> '$.timezone'"}) }}
    )
    select * from {{ entries('asked', reentry='always') }}
"""
_DRAWN = "select arrivals.*, {{ experiment('%s') }} as branch from {{ arrivals(ref('%s')) }}"
_AT_HOUR = """
    select arrivals.*, {{ send(template='welcome_story', channels=['email'], topic='offers', if_held='defer') }}
    from {{ arrivals(ref('%s'), branch='%s', local_time='%02d:00') }}
"""


def _by_hour(name: str, entered: str, drawn: str, steps: Sequence[str]) -> dict[str, str]:
    variants = EXPERIMENTS[name]["variants"]
    return {
        entered: _ENTERED % name,
        drawn: _DRAWN % (name, entered),
        **{step: _AT_HOUR % (drawn, one, HOURS[one]) for step, one in zip(steps, variants, strict=True)},
    }


# in the order in which they run
MODELS: Mapping[str, str | None] = {
    "welcome_series__entered": None,
    "welcome_series__exited": None,
    "welcome_series__hello": None,
    **_by_hour(
        TWO, "reengagement__entered", "reengagement__reaction", ["reengagement__goodbye", "reengagement__sunset"]
    ),
    **_by_hour(
        THREE,
        "lead_nurturing__entered",
        "lead_nurturing__interest",
        ["lead_nurturing__basics", "lead_nurturing__story", "lead_nurturing__questions"],
    ),
}
ALSO = {
    "reengagement__entered": ["events"],
    "reengagement__reaction": ["reengagement__entered"],
    "reengagement__goodbye": ["reengagement__reaction"],
    "reengagement__sunset": ["reengagement__reaction"],
    "lead_nurturing__entered": ["events"],
    "lead_nurturing__interest": ["lead_nurturing__entered"],
    "lead_nurturing__basics": ["lead_nurturing__interest"],
    "lead_nurturing__story": ["lead_nurturing__interest"],
    "lead_nurturing__questions": ["lead_nurturing__interest"],
}
OPEN, JUDGED, TOLD = "open_experiments", "experiment_decisions", "experiment_results"


@dataclass(frozen=True)
class Experimenting:
    """The statements of a tick in which the experiments run, and the mart that tells how they stand."""

    statements: Sequence[Statement]
    results: str


def experimenting(home: Home, known: Sequence[Statement], connection: duckdb.DuckDBPyConnection) -> Experimenting:
    """The product's own tick, with what it sends at which hour put in the place of two workflows."""
    sql = compiled(home, {**MODELS, OPEN: None, JUDGED: None, TOLD: None}, ALSO, {"experiments": EXPERIMENTS})
    by_name = {one.model: one for one in known}

    def saying(model: str) -> Statement:
        takes_away, writes = by_name[model].sql
        return by_name[model].saying([takes_away, f"{writes.partition(' by name (')[0]} by name ({sql[model]})"])

    # what nothing can be decided in is left out, as in any tick
    aggregates = connection.execute("select function_name from duckdb_functions() where function_type = 'aggregate'")
    reader = Reader((name for (name,) in aggregates.fetchall()), [by_name[OPEN].table])
    changed = {OPEN: saying(OPEN), JUDGED: replace(saying(JUDGED), empty_when=reader.ways(sql[JUDGED]))}
    return Experimenting(
        [
            *(one for one in known if one.scope in ("contacts", "triggers", "workflows")),
            *(saying(model) for model in MODELS),
            *(changed.get(one.model, one) for one in known if one.scope == "decisions"),
        ],
        sql[TOLD],
    )


class Crowd:
    """Those who come, and what they do about their messages: it goes by the variant alone."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.came: dict[str, list[datetime]] = defaultdict(list)
        for name, size in SIZES.items():
            for at, count in ((FIRST, size), (DECIDED[name] - HOUR, FEW), (DECIDED[name] + HOUR, FEW)):
                for _ in range(count):
                    self._come(name, at)

    def _add(self, table: str, at: datetime, **values: Any) -> None:
        self.rows[table].append({**values, "occurred_at": at, "loaded_at": at, "effective_at": at})

    def _come(self, name: str, at: datetime) -> None:
        number = len(self.came[name])
        self.came[name].append(at)
        user, zone = f"{name} {number}", ZONES[number % len(ZONES)]
        email = f"{user.replace(' ', '-')}@shop.example"
        self._add("contacts", START - DAY, user_id=user, email=email, source="shop", timezone=zone)
        topic = "newsletter" if name == SUBJECT else "offers"
        agreed_at = at if name == SUBJECT else START - DAY
        self._add("consents", agreed_at, user_id=user, channel="email", topic=topic, status="granted", source="form")
        if name != SUBJECT:
            known = {"message_id": user, "type": "track", "event": name, "user_id": user, "source": "shop"}
            self._add("events", at, properties=json.dumps({"timezone": zone}), **known)


def answers(sent: Iterable[tuple[int, str, str, datetime]], earliest: datetime) -> list[dict[str, Any]]:
    """What is reported of messages, given with recipients, variants and times: who clicks, and who complains."""
    found = []
    for action, email, variant, at in sent:
        draw = random.Random(action)
        reports = ["Email Link Clicked"] if draw.random() < CLICKS[variant] else []
        reports += ["Email Marked as Spam"] if reports and draw.random() < COMPLAINTS.get(variant, 0) else []
        for report in reports:
            known_at = max(at + HOUR, earliest)
            found.append(
                {
                    "message_id": f"{report} {action}",
                    "type": "track",
                    "event": report,
                    "source": "mail provider",
                    "email": email,
                    "properties": json.dumps({"action_id": action}),
                    "occurred_at": known_at,
                    "loaded_at": known_at,
                    "effective_at": known_at,
                }
            )
    return found


def take_in(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows into a raw table as if they had landed."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: row["effective_at"])
    columns = sorted(ordered[0])
    landed = {column: [row[column] for row in ordered] for column in columns}
    file = f"{table} {ordered[0]['effective_at']} {len(rows)}"
    frame = pa.table({**landed, "landing_file": [file] * len(rows), "landing_row": range(len(rows))})
    connection.register("landed", frame)
    connection.execute(f"insert into raw.{table} by name select * from landed")
    connection.unregister("landed")


def local_hour(zone: str, at: datetime) -> int:
    """The hour of the day (UTC without a zone) where somebody lives."""
    return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).hour
