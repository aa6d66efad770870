"""A union without the arms that bring nothing is the same union: rows, columns and types."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise, product

import duckdb
import pytest

from dagster_project.ticks.arms import Arm, Columns, arms_of
from dagster_project.ticks.compiled import prepared
from dagster_project.ticks.emptiness import NEVER_EMPTY, Reader, Rows
from dagster_project.ticks.statements import Memory, RunningTick, Span, Statement
from dagster_project.ticks.windows import HOUR, Window

NOW = "cast(getvariable('tick_end') as timestamp)"
TICK = Window(datetime(2026, 3, 10, 10), datetime(2026, 3, 10, 11))
DUE = f"tick_end = {NOW}"
# how many arms of each can be left out
UNIONS = {
    "by name": (
        f"""select id, 'a' as arm from t.a where {DUE} union all by name
        select id, note, 'b' as arm from t.b where {DUE} union all by name
        select id, 'c' as arm from t.c where {DUE} order by id""",
        1,
    ),
    "in a bracket": (
        f"""with all_of_them as (
            select null as id, null as note where false
            union all by name select id, 'x' as note from t.a where {DUE}
            union all by name select id, 'union all' as note from t.c where {DUE}
        )
        select * from all_of_them -- union all""",
        1,
    ),
    "by place": (
        f"""select id, note from t.b where {DUE}
        union all select id, 'x' as other from t.a where {DUE}
        union all select id, 'y' from t.c where {DUE}""",
        1,
    ),
    "another type": (
        f"""select id from t.a where {DUE} union all select id from t.wide where {DUE}
        union all select id from t.c where {DUE} union all select id from t.wide where {DUE} limit 10""",
        1,
    ),
    "of what is named beside it": (
        f"""with named as (select id from t.a where {DUE})
        select id from t.c where {DUE} union all select id from named""",
        0,
    ),
    "each row once": (f"select id from t.a where {DUE} union select id from t.a where {DUE}", 0),
    "a difference": (
        f"select id from t.a union all select id from t.c where {DUE} except select id from t.c where {DUE}",
        0,
    ),
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema t")
        connection.execute(f"set variable tick_end = timestamp '{TICK.end}'")
        for table, kind in {"a": "integer", "b": "integer", "c": "integer", "wide": "bigint"}.items():
            connection.execute(f"create table t.{table} (id {kind}, note varchar, tick_end timestamp)")
        yield connection


def arms(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Arm, ...]:
    def columns(query: str) -> Columns | None:
        try:
            return tuple((name, kind) for name, kind, *_ in connection.execute(f"describe {query}").fetchall())
        except duckdb.Error:
            return None

    return arms_of(sql, columns, Reader(["count"]).ways)


@pytest.mark.parametrize("name", UNIONS)
def test_a_union_is_the_same_without_what_brings_nothing(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    sql, dispensable = UNIONS[name]
    parts = arms(connection, f"({sql}\n)")
    assert sum(arm.empty_when != NEVER_EMPTY for arm in parts) == dispensable
    assert "".join(arm.sql for arm in parts) == (f"({sql}\n)" if dispensable else "")
    if not dispensable:
        return
    for filled in product([False, True], repeat=4):
        for table, is_filled in zip(("a", "b", "c", "wide"), filled, strict=True):
            connection.execute(f"delete from t.{table}")
            if is_filled:
                connection.execute(f"insert into t.{table} values (1, 'n', ?), (2, 'm', ?)", [TICK.end, TICK.start])
        kept = "".join(
            arm.sql
            for arm in parts
            if not any(
                all(not connection.execute(f"select 1 from {rows} limit 1").fetchall() for rows in way)
                for way in arm.empty_when
            )
        )
        whole, less = connection.sql(f"from ({sql}\n)"), connection.sql(f"from {kept}")
        assert (less.columns, less.types) == (whole.columns, whole.types)
        assert sorted(map(str, less.fetchall())) == sorted(map(str, whole.fetchall()))


def test_what_a_tick_has_not_written_is_left_out_of_its_unions(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table t.seen (id integer, note varchar, arm varchar)")
    sql = f"insert into t.seen by name ({UNIONS['by name'][0]})"
    statement = Statement("seen", "decisions", ("delete from t.seen", sql), "t.seen", arms=arms(connection, sql))
    said: list[str] = []

    class Listening:
        def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
            said.append(sql)
            return connection.execute(sql)

    for written, is_there in (({}, True), ({"t.c": 0}, False), ({"t.c": 2}, True)):
        tick = RunningTick(Listening(), TICK, Memory(), written=dict(written))  # type: ignore[arg-type]
        own = Rows("t.c", frozenset({"(tick_end = CAST(GETVARIABLE('tick_end') AS TIMESTAMP))"}))
        tick.own_rows |= dict.fromkeys(written, own)
        tick.run(statement)
        assert ("from t.c" in said[-1]) == is_there, written


def test_of_arrivals_and_candidates_a_tick_asks_only_the_steps_that_it_took() -> None:
    known = prepared()
    assert known is not None
    by_model = {statement.model: statement for statement in known.compiled.statements}
    for model in ("arrivals", "candidates"):
        steps = by_model[model].sql[1].count("union all by name")
        assert sum(arm.empty_when != NEVER_EMPTY for arm in by_model[model].arms) > 0.9 * steps


def test_spans_stay_in_order_and_apart() -> None:
    memory = Memory(spans={"t": []}, columns={"t": "at"})
    wrote = Statement("m", "s", (), "t", written_at="at")
    start = TICK.start
    for first, last in ((0, 1), (5, 6), (9, 10), (6, 7), (2, 3)):
        memory.note(wrote, Window(start + first * HOUR, start + last * HOUR), 1)
        spans = memory.spans["t"]
        assert all(one.end < other.start for one, other in pairwise(spans))
    held = {hour for hour in range(12) if memory.may_hold("t", Span(start + hour * HOUR, start + (hour + 1) * HOUR))}
    assert {0, 2, 5, 6, 9} <= held
    assert not held & {10, 11}


def test_what_comes_of_the_project_alone_is_written_once_in_a_replay(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table t.registry (id integer)")
    statement = Statement(
        "registry",
        "s",
        ("delete from t.registry", "insert into t.registry values (1)"),
        "t.registry",
        is_of_project=True,
    )
    memory = Memory()
    for tick, rows in ((TICK, 1), (Window(TICK.end, TICK.end + HOUR), 0)):
        running = RunningTick(connection, tick, memory)
        running.run(statement)
        assert running.written["t.registry"] == rows
    models = {"segment_definitions", "workflow_status_changes", "step_changes"}
    known = prepared()
    assert known is not None
    assert {statement.model for statement in known.compiled.statements if statement.is_of_project} == models
