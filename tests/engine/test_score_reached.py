"""A score that reaches a level is a trigger: beside a slow reference, in ticks of all sizes."""

import random
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine
from test_entries import put

from dagster_project.ticks.windows import HOUR, Window, split

START, DAYS = datetime(2026, 3, 2), 20
SPAN = Window(START, START + timedelta(days=DAYS))
WEIGHTS = {"opened": (1, 2), "clicked": (5, 3), "site": (3, 1), "ordered": (20, 5), "complained": (-50, 4)}
HOT = 20
# of nobody: 7 was merged into 3 on the tenth day
MERGED, INTO, MERGED_AT = 7, 3, START + timedelta(days=10)
EVENTS = {"opened": "Email Opened", "clicked": "Email Link Clicked", "complained": "Email Marked as Spam"}

Spoken = tuple[int, str, datetime]


# of two of them, one of whom turned out to be another
WAITING = (MERGED, 5)
WAITED_FOR = f"""
    with waiting as (select unnest([{WAITING[0]}, {WAITING[1]}]) as contact_id)
    select * from {{{{ score_reached('hot', since='3 days', among='waiting') }}}}
"""


@pytest.fixture(scope="module")
def changed(shop: Engine) -> dict[str, str]:
    models = ["events", "contact_activity_days", "orders", "contact_merges", "engagement_weights", "engagement_levels"]
    return compiled(
        shop.home,
        {"reengagement__offer": "select * from {{ score_reached('hot') }}", "reengagement__reaction": WAITED_FOR},
        also=models,
    )


@pytest.fixture(scope="module")
def sql(changed: dict[str, str]) -> str:
    return changed["reengagement__offer"]


@pytest.fixture(scope="module")
def waited_for(changed: dict[str, str]) -> str:
    return changed["reengagement__reaction"]


def history(seed: int) -> list[Spoken]:
    draw = random.Random(seed)
    kinds = [*WEIGHTS, "opened", "clicked", "site"]
    drawn = [
        (draw.randrange(1, 9), draw.choice(kinds), START + draw.randrange(DAYS * 48) * HOUR / 2) for _ in range(400)
    ]
    # what the one did before they turned out to be one person does not count for the other yet
    later = [one for one in drawn if one[0] not in (MERGED, INTO) or one[2] >= MERGED_AT]
    before = [(MERGED, "ordered", MERGED_AT - 4 * HOUR), (MERGED, "ordered", MERGED_AT - 3 * HOUR)]
    return sorted([*later, *before, (INTO, "ordered", MERGED_AT - 2 * HOUR)])


def expected(spoken: list[Spoken]) -> set[tuple[int, datetime]]:
    """At each moment that speaks for somebody: whether the score is high enough by it, and was not before."""

    def score(contact: int, at: datetime, *, with_it: bool) -> float:
        members = {contact} | ({MERGED} if contact == INTO and at >= MERGED_AT else set())
        total = 0.0
        for who, kind, when in spoken:
            if who in members and (when <= at if with_it else when < at):
                weight, half_life = WEIGHTS[kind]
                total += weight * 0.5 ** ((at - when) / timedelta(days=half_life))
        return round(total, 6)

    return {
        (contact, at)
        for contact, kind, at in spoken
        if WEIGHTS[kind][0] > 0 and score(contact, at, with_it=True) >= HOT > score(contact, at, with_it=False)
    }


def fill(connection: duckdb.DuckDBPyConnection, spoken: list[Spoken]) -> None:
    for schema in ("contacts", "configuration"):
        connection.execute(f"create schema {schema}")
    reports: list[dict[str, Any]] = []
    for number, (contact, kind, at) in enumerate(spoken):
        if kind in EVENTS:
            report = {"contact_id": contact, "event": EVENTS[kind], "occurred_at": at, "effective_at": at}
            reports.append(report | {"properties": f'{{"action_id": {number}}}'})
            # the same once more says nothing new
            reports.append(reports[-1] | {"effective_at": at + HOUR, "occurred_at": at + HOUR})
    # nor do a machine and another system's message
    reports.append(reports[0] | {"event": "Email Opened", "properties": '{"action_id": 9999, "machine_open": true}'})
    reports.append(reports[0] | {"event": "Email Link Clicked", "properties": "{}"})
    put(connection, "contacts.events", reports)
    put(connection, "contacts.contact_activity_days", told(spoken, "site") + told(spoken, "site", kind="email_click"))
    put(
        connection,
        "contacts.orders",
        told(spoken, "ordered", status="placed") + told(spoken, "site", status="fulfilled"),
    )
    put(
        connection, "contacts.contact_merges", [{"contact_id": MERGED, "into_contact_id": INTO, "merged_at": MERGED_AT}]
    )
    weights = [
        {"kind": kind, "weight": float(weight), "half_life_days": float(days)}
        for kind, (weight, days) in WEIGHTS.items()
    ]
    put(connection, "configuration.engagement_weights", weights)
    levels = [{"level": "cold", "at_least": 0.0}, {"level": "hot", "at_least": float(HOT)}]
    put(connection, "configuration.engagement_levels", levels)


def told(spoken: list[Spoken], of: str, **more: str) -> list[dict[str, Any]]:
    row = {"kind": of} | more
    return [row | {"contact_id": who, "occurred_at": at, "effective_at": at} for who, kind, at in spoken if kind == of]


def fired(sql: str, spoken: list[Spoken], size: timedelta) -> list[tuple[int, datetime]]:
    with small_warehouse() as connection:
        fill(connection, spoken)
        found: list[tuple[int, datetime]] = []
        for window in split(SPAN, size):
            set_window(connection, window)
            found += connection.execute(f"select contact_id, reached_at from ({sql})").fetchall()
    return found


@pytest.mark.parametrize("size", [timedelta(days=DAYS), 31 * HOUR], ids=["one tick", "many"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_score_that_reaches_a_level_fires_once_on_what_brought_it_there(sql: str, seed: int, size: timedelta) -> None:
    spoken = history(seed)
    found = fired(sql, spoken, size)
    assert len(expected(spoken)) > 10
    assert sorted(found) == sorted(expected(spoken))


@pytest.mark.parametrize("seed", [1, 2])
def test_who_waits_is_found_so_long_after_as_well(waited_for: str, seed: int) -> None:
    """A wait asks in each tick anew for all that may have ended it."""
    spoken = history(seed)
    theirs = {(contact, at) for contact, at in expected(spoken) if contact in (*WAITING, INTO)}
    assert {contact for contact, _ in theirs} == {*WAITING, INTO}
    with small_warehouse() as connection:
        fill(connection, spoken)
        for window in split(SPAN, 31 * HOUR):
            set_window(connection, window)
            found = connection.execute(f"select contact_id, reached_at from ({waited_for})").fetchall()
            since = window.start - timedelta(days=3)
            # as whom they are known by then
            known = {*WAITING, INTO} if window.end > MERGED_AT else {*WAITING}
            assert sorted(found) == sorted((who, at) for who, at in theirs if who in known and since <= at < window.end)


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("and scored.score_before < levels.at_least", ""),
        ("and latest.effective_at >= earlier.since", ""),
        ("(earlier.half_life_days * 86400)", "(earlier.half_life_days * 43200)"),
        ("earlier.effective_at < latest.effective_at", "earlier.effective_at <= latest.effective_at"),
        ("partition by action_id, kind", "partition by action_id, kind, effective_at"),
        ("select member_id from people", "select contact_id from people"),
    ],
)
def test_an_error_in_it_would_be_seen(sql: str, rule: str, broken: str) -> None:
    changed = sql.replace(rule, broken)
    assert changed != sql
    histories = (history(seed) for seed in range(1, 5))
    assert any(sorted(fired(changed, spoken, 31 * HOUR)) != sorted(expected(spoken)) for spoken in histories)
