"""Experiments through the whole engine: people are drawn, written to and counted; the next tick obeys the decision."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest
from experimenting_shop import (
    CLICKS,
    DAY,
    DECIDED,
    EXPERIMENTS,
    FEW,
    FIRST,
    HOUR,
    HOURS,
    SIZES,
    START,
    SUBJECT,
    THREE,
    TWO,
    Crowd,
    Experimenting,
    answers,
    experimenting,
    local_hour,
    take_in,
)

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks.emptiness import Rows
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import Window, split
from dagster_project.warehouse import open_warehouse

SPAN = Window(START, START + 4 * DAY)
WINNERS = {SUBJECT: "long subject", TWO: "evening", THREE: "supper"}

DRAWN = """
    select
        contacts.user_id, arrivals.contact_id, arrivals.enrollment_id, arrivals.reached_at,
        coalesce(arrivals.branch, decisions.variant) as variant
    from decisions.arrivals
    inner join (select distinct user_id, contact_id from contacts.contact_profiles) as contacts using (contact_id)
    left join decisions.decisions using (enrollment_id, step)
    where arrivals.workflow = ? and arrivals.step = ?
"""
SENT = """
    select
        decisions.action_id, profiles.email, coalesce(drawn.branch, decisions.variant), decisions.send_after,
        decisions.enrollment_id
    from decisions.decisions
    inner join contacts.contact_profiles as profiles on decisions.contact_id = profiles.contact_id
    left join decisions.arrivals as drawn on decisions.enrollment_id = drawn.enrollment_id and drawn.branch is not null
    where decisions.outcome = 'send'
"""


@pytest.fixture(scope="module")
def ran(compiled: tuple[Home, list[Statement]], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of a shop after four days, each of two ticks."""
    empty, known = compiled
    home = Home(tmp_path_factory.mktemp("experimenting")).prepare()
    shutil.copyfile(empty.warehouse, home.warehouse)
    with open_warehouse(home) as connection:
        shop: Experimenting = experimenting(home, known, connection)
        for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
            if schema in ("raw", "staging"):
                connection.execute(f"delete from {schema}.{table}")
        for table, rows in Crowd().rows.items():
            take_in(connection, table, rows)

    def answer(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
        sent = connection.execute(f"{SENT} and decisions.tick_end = ?", [window.end]).fetchall()
        take_in(connection, "events", answers([row[:4] for row in sent], window.end))

    replay(home, split(SPAN, 12 * HOUR), statements=shop.statements, after_tick=answer, with_outbox=False)
    with open_warehouse(home) as connection:
        connection.execute(f"create or replace view marts.experiment_results as {shop.results}")
    return home


@pytest.fixture
def warehouse(ran: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(ran, read_only=True) as connection:
        yield connection


def drawn(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    asked = connection.execute(DRAWN, [EXPERIMENTS[name]["workflow"], EXPERIMENTS[name]["step"]])
    columns = [column[0] for column in asked.description or []]
    return [dict(zip(columns, row, strict=True)) for row in asked.fetchall()]


def told(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, dict[str, Any]]:
    asked = connection.execute("select * from marts.experiment_results where experiment = ?", [name])
    columns = [column[0] for column in asked.description or []]
    rows = [dict(zip(columns, row, strict=True)) for row in asked.fetchall()]
    return {row["variant"]: row for row in rows}


@pytest.mark.parametrize("name", [TWO, THREE])
def test_each_is_written_to_at_the_hour_that_was_drawn_where_they_live(
    warehouse: duckdb.DuckDBPyConnection, name: str
) -> None:
    asked = warehouse.execute(
        """
        select
            profiles.timezone, drawn.branch, steps.reached_at, steps.reached_at - drawn.reached_at,
            coalesce(sent.gate, sent.outcome)
        from decisions.arrivals as drawn
        inner join decisions.arrivals as steps
            on drawn.enrollment_id = steps.enrollment_id and steps.step not in ('entered', drawn.step)
        left join decisions.decisions as sent on steps.enrollment_id = sent.enrollment_id and steps.step = sent.step
        inner join contacts.contact_profiles as profiles on drawn.contact_id = profiles.contact_id
        where drawn.workflow = ? and drawn.step = ?
        """,
        [EXPERIMENTS[name]["workflow"], EXPERIMENTS[name]["step"]],
    ).fetchall()
    seen: Counter[tuple[str, str]] = Counter()
    for zone, variant, at, waited, outcome in asked:
        assert local_hour(zone, at) == HOURS[variant], (zone, variant, at)
        assert waited <= DAY
        assert outcome in ("send", "global holdout")
        seen[zone, variant] += 1
    assert len(seen) == 3 * len(EXPERIMENTS[name]["variants"])
    assert min(seen.values()) > 20


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_better_one_wins_in_the_tick_in_which_enough_is_known(
    warehouse: duckdb.DuckDBPyConnection, name: str
) -> None:
    decided = warehouse.execute(
        "select variant, outcome, tick_end from decisions.experiment_decisions where experiment = ? order by all",
        [name],
    ).fetchall()
    expected = [(WINNERS[name], "winner", DECIDED[name])]
    # most click at lunch, and many of them complain
    expected += [("lunch", "stopped", DECIDED[name])] if name == THREE else []
    assert decided == sorted(expected)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_everybody_gets_the_winner_from_the_next_tick_on_and_not_before(
    warehouse: duckdb.DuckDBPyConnection, name: str
) -> None:
    came: dict[datetime, Counter[str]] = {}
    for row in drawn(warehouse, name):
        came.setdefault(row["reached_at"], Counter())[row["variant"]] += 1
    first, before, after = (came[at] for at in (FIRST, DECIDED[name] - HOUR, DECIDED[name] + HOUR))
    variants = set(EXPERIMENTS[name]["variants"])
    # a few are held out of the workflow, or of all marketing
    assert 0.9 * SIZES[name] <= first.total() <= SIZES[name]
    assert set(first) == set(before) == variants
    assert set(after) == {WINNERS[name]}
    assert after.total() > 0.8 * FEW


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_mart_counts_what_people_did_and_holds_what_is_true(
    warehouse: duckdb.DuckDBPyConnection, name: str
) -> None:
    clicked = {
        action
        for (action,) in warehouse.execute(
            "select cast(properties ->> '$.action_id' as bigint) from raw.events where event = 'Email Link Clicked'"
        ).fetchall()
    }
    of_enrollment = {enrollment: action for action, *_, enrollment in warehouse.execute(SENT).fetchall()}
    # who came in the tick that decided was drawn as the others; of some the time is not over by the end
    within = DAY * int(EXPERIMENTS[name]["within"].split()[0])
    counted = [
        row
        for row in drawn(warehouse, name)
        if row["reached_at"] < DECIDED[name] and row["reached_at"] + within <= SPAN.end
    ]
    people = Counter(row["variant"] for row in counted)
    hits = Counter(row["variant"] for row in counted if of_enrollment.get(row["enrollment_id"]) in clicked)
    found = told(warehouse, name)
    assert {one: row["contacts"] for one, row in found.items()} == people
    assert {one: row["mean"] for one, row in found.items()} == pytest.approx(
        {one: hits[one] / people[one] for one in people}
    )
    state = {one: "won" if one == WINNERS[name] else "stopped" if one == "lunch" else "lost" for one in found}
    assert {one: row["state"] for one, row in found.items()} == state
    first, *others = EXPERIMENTS[name]["variants"]
    for one in others:
        assert found[one]["lift_low"] <= CLICKS[one] - CLICKS[first] <= found[one]["lift_high"]
        assert found[one]["always_valid_p"] < 0.05


def test_a_tick_in_which_nobodys_time_ends_decides_nothing_and_need_not_look(
    compiled: tuple[Home, list[Statement]],
) -> None:
    (judged,) = [one for one in compiled[1] if one.model == "experiment_decisions"]
    tables = {rows.table for way in judged.empty_when for rows in way}
    assert tables == {"decisions.arrivals", "decisions.open_experiments"}
    assert frozenset({Rows("decisions.open_experiments")}) in judged.empty_when
