"""The marts say the same whether they were worked out every hour or once in five days."""

import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from answered_shop import SHOP, AnsweredRun

from dagster_project.home import Home
from dagster_project.replay import Statement, replay_tick
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window, split

Rows = dict[str, list[tuple]]
SPAN = Window(SHOP.start, SHOP.end)


def marts(connection: duckdb.DuckDBPyConnection) -> Rows:
    """The rows of every mart, but for the ends of the ticks that wrote them."""
    tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    return {
        table: connection.execute(
            f"select columns(name -> name <> 'tick_end') from marts.{table} order by all"
        ).fetchall()
        for (table,) in sorted(tables)
    }


@pytest.fixture(scope="module")
def as_it_was(answered_run: AnsweredRun) -> Rows:
    with open_warehouse(answered_run.home, read_only=True) as connection:
        return marts(connection)


def worked_out_anew(
    answered_run: AnsweredRun, statements: list[Statement], size: timedelta, folder: Path
) -> Rows:
    """All marts from nothing, in ticks of another size, from the same knowledge and decisions."""
    home = Home(folder).prepare()
    shutil.copyfile(answered_run.home.warehouse, home.warehouse)
    with open_warehouse(home) as connection:
        for table in marts(connection):
            connection.execute(f"delete from marts.{table}")
        connection.execute("delete from engine.windows where scope = 'marts'")
        for window in split(SPAN, size):
            replay_tick(connection, statements, window)
        return marts(connection)


@pytest.mark.parametrize("hours", [2, 30, 5 * 24])
def test_the_size_of_a_tick_changes_no_mart(
    answered_run: AnsweredRun,
    compiled: tuple[Home, list[Statement]],
    as_it_was: Rows,
    tmp_path: Path,
    hours: int,
) -> None:
    statements = [known for known in compiled[1] if known.scope == "marts"]
    found = worked_out_anew(answered_run, statements, timedelta(hours=hours), tmp_path)
    assert found.keys() == as_it_was.keys()
    assert [mart for mart in found if found[mart] != as_it_was[mart]] == []
    assert {mart for mart in found if found[mart]} >= {
        "attributed_conversions", "conversion_touchpoints", "message_engagement", "workflow_performance",
    }  # fmt: skip


def test_a_mart_that_forgets_its_window_is_caught(
    answered_run: AnsweredRun, compiled: tuple[Home, list[Statement]], as_it_was: Rows, tmp_path: Path
) -> None:
    """The mutant: touchpoints of the tick's last hour only."""
    start = "cast(getvariable('tick_start') as timestamp)"
    late = "(cast(getvariable('tick_end') as timestamp) - interval '1 hour')"
    statements = [
        Statement(known.model, known.scope, tuple(sql.replace(start, late) for sql in known.sql))
        if known.model == "conversion_touchpoints"
        else known
        for known in compiled[1]
        if known.scope == "marts"
    ]
    found = worked_out_anew(answered_run, statements, timedelta(hours=30), tmp_path)
    assert found["attributed_conversions"] != as_it_was["attributed_conversions"]
