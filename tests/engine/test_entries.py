"""Re-entry rules against a slow reference: random histories, late triggers and merges, in ticks of all sizes."""

import random
from collections.abc import Callable
from datetime import timedelta

import duckdb
import pyarrow as pa
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine
from entries_reference import DAYS, START, Entry, History, enter, random_history

from dagster_project.windows import HOUR, Window

HOLDOUT = 0.3
RULES = {
    "welcome_series": "once",
    "abandoned_cart": "per key",
    "post_purchase": "always",
    "reengagement": "after 30 hours",
}
COLUMNS = "enrollment_id, contact_id, entry_key, reached_at, assignment"


@pytest.fixture(scope="module")
def entries(shop: Engine) -> dict[str, str]:
    """SQL of entries(), by the workflow that it is compiled for."""
    contents = {
        f"{workflow}__entered": "with qualified as (select * from main.qualified) "
        f"select * from {{{{ entries('qualified', reentry='{rule}', holdout={HOLDOUT}) }}}}"
        for workflow, rule in RULES.items()
    }
    return {name.split("__")[0]: sql for name, sql in compiled(shop.home, contents).items()}


def put(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict]) -> None:
    connection.register("given", pa.Table.from_pylist(rows))
    connection.execute(f"create table {table} as select * from given")
    connection.unregister("given")


def entered(history: History, workflow: str, sql: Callable[[Window], str], windows: list[Window]) -> set[Entry]:
    """Who enters in these ticks; every third is run again."""
    with small_warehouse() as connection:
        for schema in ("contacts", "workflows"):
            connection.execute(f"create schema {schema}")
        put(connection, "qualified", [vars(row) for row in history.qualified])
        put(connection, "contacts.contact_merges", [vars(row) for row in history.merges])
        put(
            connection,
            "workflows.workflow_status_changes",
            [{"workflow": workflow, **vars(status)} for status in history.statuses],
        )
        table = f"workflows.{workflow}__entered"
        connection.execute(
            f"create table {table} (enrollment_id bigint, contact_id bigint, entry_key varchar, reached_at timestamp, "
            "occurred_at timestamp, assignment varchar, definition_version varchar, tick_end timestamp)"
        )
        for number, window in enumerate(windows):
            set_window(connection, window)
            for _ in range(2 if number % 3 == 0 else 1):
                connection.execute(f"delete from {table} where reached_at >= getvariable('tick_start')")
                connection.execute(f"insert into {table} by name {sql(window)}")
        rows = connection.execute(f"select {COLUMNS} from {table}").fetchall()
    assert len(rows) == len(set(rows))
    return {Entry(*row) for row in rows}


def ticks(seed: int) -> list[Window]:
    draw, windows, start, end = random.Random(seed), [], START, START + timedelta(days=DAYS)
    while start < end:
        size = draw.choice([1, 2, 5, 14, 30]) * HOUR
        windows.append(Window(start, min(start + size, end)))
        start += size
    return windows


WHOLE = [Window(START, START + timedelta(days=DAYS))]


@pytest.mark.parametrize("workflow", RULES)
@pytest.mark.parametrize("seed", [1, 2])
def test_entries_are_those_of_the_reference(entries: dict[str, str], workflow: str, seed: int) -> None:
    history = random_history(seed)
    expected = enter(history, workflow, RULES[workflow], lambda _: HOLDOUT)
    assert {"treated", "holdout"} == {entry.assignment for entry in expected}
    for windows in (WHOLE, ticks(seed)):
        assert entered(history, workflow, lambda _: entries[workflow], windows) == expected


@pytest.mark.parametrize("workflow", ["abandoned_cart", "reengagement"])
def test_another_holdout_moves_only_those_not_yet_assigned(entries: dict[str, str], workflow: str) -> None:
    history, changes_at = random_history(3), START + timedelta(days=2)
    assert f"< {HOLDOUT}" in entries[workflow]
    found = entered(
        history,
        workflow,
        lambda window: entries[workflow].replace(f"< {HOLDOUT}", f"< {HOLDOUT if window.start < changes_at else 0.9}"),
        [Window(START, changes_at), Window(changes_at, START + timedelta(days=DAYS))],
    )
    expected = enter(history, workflow, RULES[workflow], lambda at: HOLDOUT if at < changes_at else 0.9)
    assert found == expected


@pytest.mark.parametrize(
    ("workflow", "rule", "broken"),
    [
        ("welcome_series", "and members.since <= due.reached_at", ""),
        ("welcome_series", "on due.contact_id = absorbed.into_contact_id", "on false"),
        ("abandoned_cart", "where same_key", ""),
        ("abandoned_cart", "coalesce(first_assignments.contact_id, due.contact_id)", "due.contact_id"),
        ("post_purchase", "and qualified.reached_at < live.live_until", ""),
        ("reengagement", "where due.reached_at < preceded", "where due.reached_at <= preceded"),
        ("reengagement", "having not coalesce(bool_or(too_near.earlier_is_settled), false)", ""),
        ("reengagement", "not list_has_any(turns.too_near, steps.allowed_before) as is_allowed", "true as is_allowed"),
    ],
)
def test_an_error_in_a_rule_would_be_seen(entries: dict[str, str], workflow: str, rule: str, broken: str) -> None:
    history = random_history(1)
    sql = entries[workflow].replace(rule, broken)
    assert sql != entries[workflow]
    expected = enter(history, workflow, RULES[workflow], lambda _: HOLDOUT)
    assert any(entered(history, workflow, lambda _: sql, windows) != expected for windows in (WHOLE, ticks(1)))


CONTACTS, FEW = 2_000_000, 50_000
NEW = 7
GONE_LIVE = "and qualified.occurred_at >= live.live_since"


def entries_after_going_live(workflow: str, sql: str, contacts: int = CONTACTS) -> int:
    """How many enter in the first hour of a workflow, when what two millions did the day before is learnt in it."""
    with small_warehouse() as connection:
        connection.execute("create schema contacts; create schema workflows")
        connection.execute(
            f"""
            create table qualified as
            select
                number as contact_id,
                concat('key-', number) as entry_key,
                timestamp '{START}' + interval '10 minutes' as reached_at,
                timestamp '{START}' + case when number < {NEW} then interval '5 minutes' else interval '-1 day' end
                    as occurred_at
            from range({contacts}) as numbers(number)
            """
        )
        connection.execute(
            "create table contacts.contact_merges "
            "(contact_id bigint, into_contact_id bigint, merged_at timestamp, tick_end timestamp)"
        )
        connection.execute(
            f"create table workflows.workflow_status_changes as "
            f"select '{workflow}' as workflow, true as is_live, timestamp '{START}' as changed_at"
        )
        connection.execute(
            f"create table workflows.{workflow}__entered (enrollment_id bigint, contact_id bigint, entry_key varchar, "
            "reached_at timestamp, occurred_at timestamp, assignment varchar, definition_version varchar, "
            "tick_end timestamp)"
        )
        set_window(connection, Window(START, START + HOUR))
        return connection.execute(f"select count(*) from ({sql})").fetchall()[0][0]


@pytest.mark.parametrize("workflow", RULES)
def test_going_live_is_not_a_blast(entries: dict[str, str], workflow: str) -> None:
    assert entries_after_going_live(workflow, entries[workflow]) == NEW


def test_the_mutant_that_takes_in_who_qualified_before_is_caught(entries: dict[str, str]) -> None:
    assert GONE_LIVE in entries["welcome_series"]
    mutant = entries["welcome_series"].replace(GONE_LIVE, "")
    assert entries_after_going_live("welcome_series", mutant, FEW) == FEW
