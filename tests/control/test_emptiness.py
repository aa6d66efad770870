"""What is told from a query's text holds in the warehouse: where it says that nothing can come, nothing comes."""

from collections.abc import Iterator
from itertools import product

import duckdb
import pytest

from dagster_project.ticks.compiled import prepared
from dagster_project.ticks.emptiness import NEVER_EMPTY, Reader, Rows, Ways

START, END = "cast(getvariable('tick_start') as timestamp)", "cast(getvariable('tick_end') as timestamp)"
IN_TICK, A_IN_TICK, B_IN_TICK = (f"{of}moment >= {START} and {of}moment < {END}" for of in ("", "a.", "b."))
# three tables of rows in and before the tick, a view, and one that each tick writes anew
QUERIES = {
    "a filter": f"select * from t.a where {IN_TICK}",
    "an alias": f"select x.id from t.a as x where x.moment >= {START} and {END} > x.moment",
    "a look back": f"select 1 from t.a where moment >= {START} - interval '2 days' and moment < {START}",
    "an inner join": f"select a.id from t.a as a inner join t.b as b on a.id = b.id where {A_IN_TICK}",
    "a condition of a join": f"select a.id from t.a as a join t.b as b on a.id = b.id and b.moment >= {START}",
    "a left join": f"select a.id from t.a as a left join t.b as b on a.id = b.id and {B_IN_TICK} where {A_IN_TICK}",
    "a right join": f"select b.id from t.a as a right join t.b as b on a.id = b.id and a.moment >= {START}",
    "a full join": f"select b.id from (select * from t.a where {IN_TICK}) as a full join t.b as b on a.id = b.id",
    "a cross join": f"select a.id from t.b as b, t.a as a where {A_IN_TICK}",
    "a semi join": f"select b.id from t.b as b semi join (select * from t.a where {IN_TICK}) as a on a.id = b.id",
    "an anti join": f"select b.id from t.b as b anti join (select * from t.a where {IN_TICK}) as a on a.id = b.id",
    "side by side": f"select b.id from t.b as b positional join (select * from t.a where {IN_TICK}) as a",
    "another's column": f"select a.id from t.a as a, (select moment as later from t.b) as b where later >= {START}",
    "a union": f"select id from t.a where {IN_TICK} union all select id from t.b where {IN_TICK}",
    "a difference": f"select id from t.a where {IN_TICK} except select id from t.b",
    "what is left": f"select id from t.b except select id from t.a where {IN_TICK}",
    "an intersection": f"select id from t.a intersect select id from t.b where {IN_TICK}",
    "of those that": f"select * from t.a where id in (select id from t.b where {IN_TICK})",
    "not of those that": f"select * from t.a where id not in (select id from t.b where {IN_TICK})",
    "there is": f"select * from t.a as a where exists (select 1 from t.b as b where b.id = a.id and {B_IN_TICK})",
    "there is none": f"select * from t.a as a where not exists (select 1 from t.b as b where {B_IN_TICK})",
    "either": f"select * from t.a where ({IN_TICK}) or id in (select id from t.b where {IN_TICK})",
    "an aggregate": f"select count(*) from t.a where {IN_TICK}",
    "a named aggregate": f"select arg_min(id, moment) from t.a where {IN_TICK}",
    "a rare aggregate": f"select favg(id) from t.a where {IN_TICK}",
    "a list": f"select list(id) from t.a where {IN_TICK}",
    "groups": f"select id, count(*) from t.a where {IN_TICK} group by id",
    "groups of all": f"select id, count(*) from t.a where {IN_TICK} group by all",
    "no group at all": f"select count(*) from t.a where {IN_TICK} group by all",
    "a rollup": f"select id, count(*) from t.a where {IN_TICK} group by rollup (id)",
    "groups that have": f"select sum(id) as total from t.a where {IN_TICK} having total is null",
    "a window": f"select id, count(*) over () from t.a where {IN_TICK}",
    "a turn of each": f"select * from t.a where {IN_TICK} qualify row_number() over (order by moment) = 1",
    "named queries": f"with one as (select * from t.a where {IN_TICK}), two as (select * from one) select * from two",
    "a filter of a filter": f"with one as (select id, moment from t.a where id > 0) select * from one where {IN_TICK}",
    "a filter of a limit": f"with one as (select id, moment from t.a limit 1) select * from one where {IN_TICK}",
    "a filter of another column": f"""
        with one as (select id, {END} - interval '1 minute' as moment from t.a) select * from one where {IN_TICK}
    """,
    "a filter of what is inside": f"select x.id from (select id, moment from t.b) as x where x.moment >= {START}",
    "a name in the way": f"with a as (select * from t.b where {IN_TICK}) select * from a",
    "a recursion": f"""
        with recursive up as (
            select id from t.a where {IN_TICK}
            union
            select b.id + 1 as id from t.b as b join up on b.id = up.id where b.id < 9
        ) select * from up
    """,
    "nothing": "select 1 as one where false",
    "nothing, or something": f"select 1 as id where false union all by name select id from t.a where {IN_TICK}",
    "a row of its own": "select 1 as one",
    "values": "select * from (values (1), (2)) as numbers (id)",
    "a series": f"select * from range(3) as numbers (id) where id in (select id from t.a where {IN_TICK})",
    "unnested": f"select unnest([1, 2]) from t.a where {IN_TICK}",
    "beside a series": f"select a.id from t.a as a, unnest([1, 2]) as numbers (n) where {A_IN_TICK}",
    "a scalar": f"select (select max(id) from t.a where {IN_TICK}) as id",
    "a view": f"select * from t.recent where id > 0 and {IN_TICK}",
    "what a tick writes": "select * from t.fresh where id > 0",
    "of what a tick writes": f"select a.id from t.fresh as a left join t.b as b on a.id = b.id and {B_IN_TICK}",
}
# what these say is not understood, or never empty
IN_VAIN = {
    "a filter of a limit", "a filter of another column", "a right join", "a full join", "an anti join",
    "side by side", "another's column", "what is left", "not of those that", "a rare aggregate", "there is none",
    "either", "an aggregate", "a named aggregate", "a list", "no group at all", "a rollup", "groups that have",
    "a row of its own", "values", "a scalar",
}  # fmt: skip
VIEW = f"select * from t.a where moment >= {START} - interval '5 days'"
TIMES = {"old": "2026-03-01", "looked back to": "2026-03-08 10:30", "now": "2026-03-10 10:30"}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema t")
        for table in ("a", "b", "fresh"):
            connection.execute(f"create table t.{table} (id integer, moment timestamp)")
        connection.execute("set variable tick_start = timestamp '2026-03-10 10:00'")
        connection.execute("set variable tick_end = timestamp '2026-03-10 11:00'")
        connection.execute(f"create view t.recent as {VIEW}")
        yield connection


@pytest.fixture(scope="module")
def ways(warehouse: duckdb.DuckDBPyConnection) -> dict[str, Ways]:
    named = "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
    reader = Reader([name for (name,) in warehouse.execute(named).fetchall()], ["t.fresh"])
    reader.add_view("t.recent", VIEW)
    return {name: reader.ways(query) for name, query in QUERIES.items()}


def is_there(connection: duckdb.DuckDBPyConnection, rows: Rows) -> bool:
    return bool(connection.execute(f"select 1 from {rows} limit 1").fetchall())


def test_where_nothing_can_come_nothing_comes(warehouse: duckdb.DuckDBPyConnection, ways: dict[str, Ways]) -> None:
    told = dict.fromkeys(QUERIES, 0)
    for filled in product([None, *TIMES], [None, *TIMES], [False, True]):
        for table, time in zip(("a", "b"), filled[:2], strict=True):
            warehouse.execute(f"delete from t.{table}")
            if time is not None:
                warehouse.execute(f"insert into t.{table} values (1, timestamp '{TIMES[time]}')")
        warehouse.execute("delete from t.fresh")
        if filled[2]:
            warehouse.execute("insert into t.fresh values (1, timestamp '2026-03-10 10:30')")
        for name, query in QUERIES.items():
            if any(not any(is_there(warehouse, rows) for rows in way) for way in ways[name]):
                assert warehouse.execute(query).fetchall() == [], (name, filled)
                told[name] += 1
    assert {name for name, times in told.items() if not times} == IN_VAIN


def test_what_cannot_be_read_is_taken_to_bring_rows(ways: dict[str, Ways]) -> None:
    assert all(ways[name] == NEVER_EMPTY for name in IN_VAIN)


def test_of_nearly_every_model_it_is_known_when_it_brings_nothing() -> None:
    known = prepared()
    assert known is not None
    always = {statement.model for statement in known.compiled.statements if statement.empty_when == NEVER_EMPTY}
    # the registries may change in any tick, a day is worked out anew as long as it lasts, and midnights come anyway
    assert always == {
        "segment_definitions",
        "workflow_status_changes",
        "step_changes",
        "open_experiments",
        "workflow_performance",
        "channel_performance",
        "midnights",
    }
