"""Re-entry rules against a slow reference: random histories, late triggers and merges, in ticks of all sizes."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine
from entries_reference import (
    DAYS,
    LONGEST_PATH,
    START,
    Entry,
    History,
    Merge,
    Qualified,
    Rule,
    Status,
    enter,
    left_at,
    random_history,
)

from dagster_project.ticks.windows import HOUR, Window

HOLDOUT = 0.3
RULES = {
    f"{rule.reentry}{f', at most {rule.limit[0]} in {rule.limit[1]} hours' if rule.limit else ''}": rule
    for rule in (
        Rule("welcome_series", "once"),
        Rule("abandoned_cart", "per key"),
        Rule("post_purchase", "always"),
        Rule("reengagement", "after 30 hours"),
        Rule("welcome_series", "after exit"),
        Rule("abandoned_cart", "after 10 hours", (2, 45)),
        Rule("post_purchase", "always", (3, 40)),
        Rule("reengagement", "after exit", (2, 45)),
    )
}
LAST_STEPS = {
    "welcome_series": "first_order",
    "abandoned_cart": "incentive",
    "post_purchase": "review",
    "reengagement": "sunset",
}
TICK_START = "cast(getvariable('tick_start') as timestamp)"
COLUMNS = "enrollment_id, contact_id, entry_key, reached_at, assignment"


@pytest.fixture(scope="module")
def entries(shop: Engine) -> dict[str, str]:
    """SQL of entries(), by the name of the rule that it is compiled for."""
    waiting, found = dict(RULES), {}
    while waiting:
        # one rule of each workflow at a time
        batch = {rule.workflow: name for name, rule in reversed(waiting.items())}
        for model, sql in compiled(
            shop.home, {f"{RULES[name].workflow}__entered": _calling(RULES[name]) for name in batch.values()}
        ).items():
            name = batch[model.split("__")[0]]
            found[name] = sql
            del waiting[name]
    return found


def _calling(rule: Rule) -> str:
    limit = f", limit={{'times': {rule.limit[0]}, 'period': '{rule.limit[1]} hours'}}" if rule.limit else ""
    return (
        "with qualified as (select * from main.qualified) "
        f"select * from {{{{ entries('qualified', reentry='{rule.reentry}', holdout={HOLDOUT}{limit}) }}}}"
    )


def put(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict]) -> None:
    connection.register("given", pa.Table.from_pylist(rows))
    connection.execute(f"create table {table} as select * from given")
    connection.unregister("given")


def entered(
    history: History,
    rule: Rule,
    sql: Callable[[Window], str],
    windows: list[Window],
    let_in: Sequence[Qualified] = (),
) -> set[Entry]:
    """Who enters in these ticks, of themselves or let in by a backfill; every third is run again."""
    with small_warehouse() as connection:
        for row in let_in:
            connection.execute(
                "insert into engine.backfilled by name select ? as workflow, ? as contact_id, ? as entry_key, "
                "? as reached_at, ? as occurred_at, '{}' as carried",
                [rule.workflow, *vars(row).values()],
            )
        for schema in ("contacts", "workflows"):
            connection.execute(f"create schema {schema}")
        put(connection, "qualified", [vars(row) for row in history.qualified])
        put(connection, "contacts.contact_merges", [vars(row) for row in history.merges])
        put(
            connection,
            "workflows.workflow_status_changes",
            [{"workflow": rule.workflow, **vars(status)} for status in history.statuses],
        )
        for table, column, rows in ways_out(history, rule):
            connection.execute(f"create table workflows.{table} (enrollment_id bigint, {column} timestamp)")
            if rows:
                connection.executemany(f"insert into workflows.{table} values (?, ?)", rows)
        table = f"workflows.{rule.workflow}__entered"
        connection.execute(
            f"create table {table} (enrollment_id bigint, contact_id bigint, entry_key varchar, reached_at timestamp, "
            "occurred_at timestamp, assignment varchar, definition_version varchar, tick_end timestamp)"
        )
        for number, window in enumerate(windows):
            set_window(connection, window)
            for _ in range(2 if number % 3 == 0 else 1):
                connection.execute(f"delete from {table} where reached_at >= getvariable('tick_start')")
                # the model itself carries more
                connection.execute(f"insert into {table} by name select {COLUMNS}, occurred_at from ({sql(window)})")
        rows = connection.execute(f"select {COLUMNS} from {table}").fetchall()
    assert len(rows) == len(set(rows))
    return {Entry(*row) for row in rows}


def ways_out(history: History, rule: Rule) -> list[tuple[str, str, list[tuple[int, datetime]]]]:
    """The exits and last steps of everybody who might enter, those to come included."""
    might = {(rule.identify(row), row.reached_at) for row in history.qualified if row.contact_id is not None}
    return [
        (
            f"{rule.workflow}__{step}",
            column,
            sorted((number, at[way]) for number, start in might if way in (at := left_at(number, start))),
        )
        for way, step, column in (("exited", "exited", "exited_at"), ("last", LAST_STEPS[rule.workflow], "reached_at"))
    ]


def ticks(seed: int) -> list[Window]:
    draw, windows, start, end = random.Random(seed), [], START, START + timedelta(days=DAYS)
    while start < end:
        size = draw.choice([1, 2, 5, 14, 30]) * HOUR
        windows.append(Window(start, min(start + size, end)))
        start += size
    return windows


WHOLE = [Window(START, START + timedelta(days=DAYS))]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", [1, 2])
def test_entries_are_those_of_the_reference(entries: dict[str, str], name: str, seed: int) -> None:
    history, rule = random_history(seed), RULES[name]
    for windows in (WHOLE, ticks(seed)):
        expected = enter(history, rule, lambda _: HOLDOUT, [window.start for window in windows])
        assert {"treated", "holdout"} == {entry.assignment for entry in expected}
        assert entered(history, rule, lambda _: within_the_path(entries[name]), windows) == expected


def within_the_path(sql: str) -> str:
    """The longest path, shortened to what a history of some days can show."""
    for days in ("14 days", "30 days", "60 days"):
        sql = sql.replace(f"interval '{days}'", f"interval '{LONGEST_PATH // timedelta(hours=1)} hours'")
    return sql


@pytest.mark.parametrize("name", ["per key", "after 30 hours"])
def test_another_holdout_moves_only_those_not_yet_assigned(entries: dict[str, str], name: str) -> None:
    history, changes_at, rule = random_history(3), START + timedelta(days=2), RULES[name]
    assert f"< {HOLDOUT}" in entries[name]
    found = entered(
        history,
        rule,
        lambda window: entries[name].replace(f"< {HOLDOUT}", f"< {HOLDOUT if window.start < changes_at else 0.9}"),
        [Window(START, changes_at), Window(changes_at, START + timedelta(days=DAYS))],
    )
    assert found == enter(history, rule, lambda at: HOLDOUT if at < changes_at else 0.9)


@pytest.mark.parametrize(
    ("name", "part", "broken"),
    [
        ("once", "and members.since <= due.reached_at", ""),
        ("once", "on due.contact_id = absorbed.into_contact_id", "on false"),
        ("per key", "where same_key", ""),
        ("per key", "coalesce(first_assignments.contact_id, due.contact_id)", "due.contact_id"),
        ("always", "and qualified.reached_at < live.live_until", ""),
        ("after 30 hours", "where due.reached_at < preceded", "where due.reached_at <= preceded"),
        ("after 30 hours", "having not coalesce(bool_or(near.is_in_the_way and near.earlier_is_settled), false)", ""),
        ("after 30 hours", "not list_has_any(turns.in_the_way, steps.allowed_before)", "true"),
        ("after exit", f"and exited_at < {TICK_START}", ""),
        ("after exit", f"and reached_at < {TICK_START}", ""),
        ("after exit", "where left_before.left_at <= due.reached_at", ""),
        ("after exit", "earlier_at + interval '50 hours' as left_at", "earlier_at + interval '99 days' as left_at"),
        ("always, at most 3 in 40 hours", "< 3", "<= 3"),
        ("always, at most 3 in 40 hours", "turns.settled_entries + ", ""),
        ("always, at most 3 in 40 hours", "+ len(list_intersect(turns.counted, steps.allowed_before))", ""),
        ("always, at most 3 in 40 hours", "+ interval '40 hours'", "+ interval '99 days'"),
    ],
)
def test_an_error_in_a_rule_would_be_seen(entries: dict[str, str], name: str, part: str, broken: str) -> None:
    history, rule = random_history(1), RULES[name]
    right = within_the_path(entries[name])
    sql = right.replace(part, broken)
    assert sql != right
    assert any(
        entered(history, rule, lambda _: sql, windows)
        != enter(history, rule, lambda _: HOLDOUT, [window.start for window in windows])
        for windows in (WHOLE, ticks(1))
    )


@pytest.mark.parametrize("name", [name for name in RULES if not name.startswith("after exit")])
def test_a_backfill_obeys_the_rule_of_reentry_and_the_status(entries: dict[str, str], name: str) -> None:
    """The first contact has entered before; the third is let in while the workflow is closed."""
    at, closed = START + 5 * HOUR, START + 20 * HOUR
    statuses = [Status(True, START), Status(False, closed)]
    nobody_else = Merge(98, 99, START)
    history = History([Qualified(1, "a", START + HOUR, START + HOUR)], [nobody_else], statuses)
    long_ago = START - timedelta(days=30)
    let_in = [Qualified(1, "a", at, long_ago), Qualified(2, "a", at, long_ago), Qualified(3, "a", closed, long_ago)]
    for windows in (WHOLE, ticks(1)):
        found = entered(history, RULES[name], lambda _: entries[name], windows, let_in)
        again = {(1, at)} if RULES[name].reentry == "always" else set()
        assert {(entry.contact_id, entry.reached_at) for entry in found} == {(1, START + HOUR), (2, at)} | again


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
        for step, column in (("exited", "exited_at"), (LAST_STEPS[workflow], "reached_at")):
            connection.execute(f"create table workflows.{workflow}__{step} (enrollment_id bigint, {column} timestamp)")
        set_window(connection, Window(START, START + HOUR))
        return connection.execute(f"select count(*) from ({sql})").fetchall()[0][0]


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.limit is None])
def test_going_live_is_not_a_blast(entries: dict[str, str], name: str) -> None:
    assert entries_after_going_live(RULES[name].workflow, entries[name]) == NEW


def test_the_mutant_that_takes_in_who_qualified_before_is_caught(entries: dict[str, str]) -> None:
    assert GONE_LIVE in entries["once"]
    mutant = entries["once"].replace(GONE_LIVE, "")
    assert entries_after_going_live("welcome_series", mutant, FEW) == FEW
