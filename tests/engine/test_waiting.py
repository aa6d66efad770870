"""Waits of a step against a slow reference: in ticks of all sizes, where the clocks change."""

import random
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine
from test_entries import put
from test_local_time import next_time
from test_triggers import ticks

from dagster_project.ticks.windows import Window

# the clocks change in Europe on the 29th, in New York on the 8th
FIRST, LAST = datetime(2026, 3, 1), datetime(2026, 4, 1)
WORKDAYS = (1, 2, 3, 4, 5)
Row = dict
WAITS = {
    "reengagement__offer": "until='renews_at', wait='-3 days'",
    "abandoned_cart__reassurance": "until='renews_at'",
    "reengagement__reaction": "until='renews_at', local_time='08:30'",
    "reengagement__goodbye": "wait='5 hours', local_window=['09:00', '17:00'], weekdays=[1, 2, 3, 4, 5]",
    "reengagement__sunset": "local_window=['20:00', '02:00'], weekdays=[5, 6]",
    "welcome_series__story": "wait='1 day', local_time='best hour'",
}
LONG, SHORT = timedelta(days=5), timedelta(hours=30)
PLAIN_WAITS = {"post_purchase__tips": "wait='5 days'", "post_purchase__review": "wait='30 hours'"}


def until(row: Row, wait: timedelta) -> datetime:
    return max(row["reached_at"], row["renews_at"] + wait) if row["renews_at"] else row["reached_at"]


def within(row: Row, arrives_at: datetime, longest: timedelta) -> datetime:
    """Never, where that would be too long a wait."""
    return arrives_at if arrives_at < row["reached_at"] + longest else datetime.max


def in_window(row: Row, after: datetime, opens: time, closes: time, weekdays: tuple[int, ...]) -> datetime:
    """The first minute of an open window, looking at each."""
    zone = ZoneInfo(row["timezone"] or "UTC")
    local = after.replace(tzinfo=UTC).astimezone(zone)
    if opens < closes:
        is_open, opened_on = opens <= local.time() < closes, local
    else:
        is_open = local.time() >= opens or local.time() < closes
        opened_on = local - timedelta(days=local.time() < closes)
    if is_open and opened_on.isoweekday() in weekdays:
        return after
    return next_time(after, row["timezone"], f"{opens:%H:%M}", weekdays)


REFERENCE: dict[str, Callable[[Row], datetime]] = {
    "reengagement__offer": lambda row: until(row, timedelta(days=-3)),
    # nobody stays in an abandoned cart for longer
    "abandoned_cart__reassurance": lambda row: within(row, until(row, timedelta()), timedelta(days=14)),
    "reengagement__reaction": lambda row: next_time(until(row, timedelta()), row["timezone"], "08:30", None),
    "reengagement__goodbye": lambda row: in_window(
        row, row["reached_at"] + timedelta(hours=5), time(9), time(17), WORKDAYS
    ),
    "reengagement__sunset": lambda row: in_window(row, row["reached_at"], time(20), time(2), (5, 6)),
    "welcome_series__story": lambda row: next_time(
        row["reached_at"] + timedelta(days=1),
        row["timezone"],
        f"{10 if row['best_hour'] is None else row['best_hour']:02}:00",
        None,
    ),
}


def reached_before(seed: int, rows: int = 400) -> list[Row]:
    draw = random.Random(seed)

    def moment() -> datetime:
        return FIRST + timedelta(minutes=15 * draw.randrange(30 * 96))

    return [
        {
            "enrollment_id": number,
            "contact_id": number,
            "assignment": draw.choice(["treated"] * 9 + ["holdout"]),
            "reached_at": moment(),
            "renews_at": draw.choice([None, moment(), moment(), moment()]),
            "best_hour": draw.choice([None, 0, 7, 21]),
            "timezone": draw.choice([None, "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"]),
            "branch": "any",
            "definition_version": "of before",
            "tick_end": FIRST,
        }
        for number in range(rows)
    ]


@pytest.fixture(scope="module")
def waits(shop: Engine) -> dict[str, str]:
    return compiled(
        shop.home,
        {
            model: f"select arrivals.* from {{{{ arrivals('main.previous', {wait}) }}}}"
            for model, wait in (WAITS | PLAIN_WAITS).items()
        },
        also=["step_changes"],
    )


def prepare(connection: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    put(connection, "previous", rows)
    connection.execute("create schema workflows")
    connection.execute(
        "create table workflows.step_changes (workflow text, step text, known_since timestamp, changed_at timestamp)"
    )
    for model in WAITS | PLAIN_WAITS:
        connection.execute(f"create table workflows.{model} (enrollment_id bigint, reached_at timestamp)")


def arrive(connection: duckdb.DuckDBPyConnection, step: str, sql: str, windows: Iterable[Window]) -> None:
    """Run the ticks of a step."""
    for window in windows:
        set_window(connection, window)
        connection.execute(f"insert into workflows.{step} select enrollment_id, reached_at from ({sql})")


def arrived(connection: duckdb.DuckDBPyConnection, step: str) -> list[tuple[int, datetime]]:
    return connection.execute(f"select enrollment_id, reached_at from workflows.{step}").fetchall()


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_waits_arrives_when_the_reference_says(waits: dict[str, str], seed: int) -> None:
    rows = reached_before(seed)
    with small_warehouse() as connection:
        prepare(connection, rows)
        for model in WAITS:
            expected = {
                (row["enrollment_id"], arrives_at)
                for row in rows
                if row["assignment"] == "treated" and (arrives_at := REFERENCE[model](row)) < LAST
            }
            assert len(expected) > 200
            for windows in ([Window(FIRST, LAST)], ticks(seed, FIRST, LAST)):
                connection.execute(f"delete from workflows.{model}")
                arrive(connection, model, waits[model], windows)
                found = arrived(connection, model)
                assert len(found) == len(set(found))
                assert set(found) == expected, WAITS[model]


@pytest.mark.parametrize(("before", "after"), [(LONG, SHORT), (SHORT, LONG)])
def test_a_changed_wait_applies_to_who_still_waits_and_loses_nobody(
    waits: dict[str, str], before: timedelta, after: timedelta
) -> None:
    rows = reached_before(3)
    changed_at = datetime(2026, 3, 14, 9)
    known_since = datetime(2026, 3, 10)
    expected = set()
    for row in rows:
        was_due, is_due = row["reached_at"] + before, row["reached_at"] + after
        if was_due < changed_at:
            due = was_due
        elif is_due < changed_at:
            # the step was not there yet when they went on: they have gone another way
            due = changed_at if row["reached_at"] >= known_since else datetime.max
        else:
            due = is_due
        if row["assignment"] == "treated" and due < LAST:
            expected.add((row["enrollment_id"], due))
    step = "post_purchase__tips"
    first, then = (waits[step], waits["post_purchase__review"])[:: 1 if before == LONG else -1]
    with small_warehouse() as connection:
        prepare(connection, rows)
        first, then = (sql.replace("review", "tips") for sql in (first, then))
        arrive(connection, step, first, ticks(1, FIRST, changed_at))
        connection.execute(
            "insert into workflows.step_changes values ('post_purchase', 'tips', ?, ?)", [known_since, changed_at]
        )
        following = ticks(2, changed_at, LAST)
        arrive(connection, step, then, following)
        found = arrived(connection, step)
        assert len(found) == len(set(found))
        assert set(found) == expected
        assert any(at == changed_at for _, at in found) == (after == SHORT)


TIMEOUT, LOOKBACK = timedelta(days=4), timedelta(days=2)


def test_an_event_is_awaited_ahead_and_looked_for_behind(shop: Engine) -> None:
    """Whether or not what happened before counts, and in ticks of any size."""
    draw = random.Random(11)
    rows = reached_before(seed=3, rows=200)
    happened = [
        {
            "contact_id": draw.randrange(200),
            "occurred_at": (at := FIRST + timedelta(minutes=15 * draw.randrange(32 * 96))),
            "effective_at": at + draw.choice([timedelta(), timedelta(), timedelta(hours=30)]),
        }
        for _ in range(900)
    ]
    asked = {"reengagement__reaction": "", "reengagement__goodbye": ", lookback='2 days'"}
    models = compiled(
        shop.home,
        {
            model: "select arrivals.* from {{ arrivals_after_event('main.previous', 'main.happened', timeout='4 days'"
            + f"{lookback}) }}}}"
            for model, lookback in asked.items()
        },
        also=["step_changes", "contact_merges"],
    )
    with small_warehouse() as connection:
        prepare(connection, rows)
        put(connection, "happened", happened)
        connection.execute("create schema contacts")
        connection.execute(
            "create table contacts.contact_merges (contact_id bigint, into_contact_id bigint, merged_at timestamp)"
        )
        for model, lookback in asked.items():
            # of a workflow that has not changed meanwhile, whose steps are not looked through for who was there before
            (version,) = set(re.findall(r"'(\w+)' as definition_version", models[model]))
            connection.execute("update main.previous set definition_version = ?", [version])
            arrive(connection, model, models[model], ticks(3, FIRST, LAST))
            behind = LOOKBACK if lookback else timedelta()
            expected = {
                (row["enrollment_id"], awaited(row, happened, behind)) for row in rows if row["assignment"] == "treated"
            }
            assert sorted(arrived(connection, model)) == sorted(one for one in expected if one[1] < LAST)


def awaited(row: Row, happened: list[Row], behind: timedelta) -> datetime:
    """When somebody goes on: looking at each event."""
    deadline = row["reached_at"] + TIMEOUT
    known = [
        max(event["effective_at"], row["reached_at"])
        for event in happened
        if event["contact_id"] == row["contact_id"]
        and event["occurred_at"] > row["reached_at"] - behind
        and event["effective_at"] < deadline
    ]
    return min([*known, deadline])
