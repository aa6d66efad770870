"""How the warehouse is opened: by us and by dbt alike, in row groups that cores can share out."""

import os
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from dagster_project.home import Home
from dagster_project.ticks.statements import Memory, RunningTick, Statement
from dagster_project.ticks.transform import DBT, run_dbt
from dagster_project.ticks.windows import HOUR, Window
from dagster_project.warehouse import (
    DATABASE,
    ROW_GROUP,
    SETTINGS,
    STORAGE_VERSION,
    open_warehouse,
    spare_threads,
    use_all_threads,
)

WINDOW = Window(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 9) + HOUR)
CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path).prepare()


def row_groups(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    told = f"select count(distinct row_group_id) from pragma_storage_info('{table}')"
    (groups,) = connection.execute(told).fetchone()
    return int(groups)


def numbers(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int, int]:
    return connection.execute(f"select count(*), count(distinct number), sum(number) from {table}").fetchone()


def test_dbt_opens_the_warehouse_as_we_do(home: Home) -> None:
    stated = yaml.safe_load((DBT / "profiles.yml").read_text())["hourbell"]["outputs"]["duckdb"]
    (attached,) = stated["attach"]
    assert stated["settings"] == SETTINGS
    assert stated["database"] == attached["alias"] == DATABASE
    assert attached["options"] == {"row_group_size": ROW_GROUP, "storage_version": STORAGE_VERSION}
    # side by side in one process, which DuckDB refuses to those that differ
    with open_warehouse(home) as connection:
        connection.execute("create table noted as select 1 as number")
        run_dbt(home, ["show", "--inline", "select * from noted"])
        assert connection.execute("select current_database()").fetchall() == [(DATABASE,)]
    with duckdb.connect(str(home.warehouse), read_only=True) as reader:
        assert reader.execute("select * from main.noted").fetchall() == [(1,)]


def test_what_does_not_fit_into_memory_spills_beside_the_warehouse(home: Home) -> None:
    with open_warehouse(home) as connection:
        assert connection.execute("select current_setting('temp_directory')").fetchone() == (f"{home.warehouse}.tmp",)


def test_an_hour_of_a_middling_shop_is_several_row_groups(home: Home) -> None:
    with open_warehouse(home) as connection:
        connection.execute("create table arrivals as select range as number from range(100_000)")
        assert row_groups(connection, "arrivals") == -(-100_000 // ROW_GROUP)


def test_texts_are_packed_by_the_format_of_our_own_duckdb(home: Home) -> None:
    with open_warehouse(home) as connection:
        connection.execute("create table people as select 'person ' || range % 1000 as name from range(100_000)")
        connection.execute("checkpoint")
        told = "select distinct compression from pragma_storage_info('people') where segment_type = 'VARCHAR'"
        assert connection.execute(told).fetchall() == [("DICT_FSST",)]


def test_a_warehouse_of_an_older_format_in_larger_row_groups_is_gone_on_with(home: Home) -> None:
    with duckdb.connect(str(home.warehouse)) as before:
        before.execute("create table history as select range as number from range(100_000)")
        assert row_groups(before, "history") == 1
    for start in (100_000, 140_000, 180_000):
        with open_warehouse(home) as connection:
            connection.execute(f"insert into history select range from range({start}, {start + 40_000})")
            connection.execute(f"delete from history where number = {start - 1}")
            connection.execute(f"insert into history values ({start - 1})")
    with open_warehouse(home, read_only=True) as connection:
        assert numbers(connection, "history") == (220_000, 220_000, sum(range(220_000)))
        assert row_groups(connection, "history") > 3
    with duckdb.connect(str(home.warehouse), read_only=True) as reader:
        assert numbers(reader, "history") == (220_000, 220_000, sum(range(220_000)))


def test_who_only_reads_cannot_write(home: Home) -> None:
    with open_warehouse(home):
        pass
    with open_warehouse(home, read_only=True) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("create table noted as select 1 as number")


@pytest.mark.skipif(CORES == 1, reason="there is nothing to share out on one core")
@pytest.mark.parametrize(("rows", "threads"), [(ROW_GROUP, 1), (ROW_GROUP + 1, CORES)])
def test_a_tick_gets_all_threads_once_a_model_writes_more_than_one_does_alone(
    home: Home, rows: int, threads: int
) -> None:
    writes = f"insert into due select range, timestamp '{WINDOW.end}' from range({rows})"
    model = Statement("due", "welcome", ("delete from due", writes), table="due", written_at="tick_end")
    with open_warehouse(home) as connection:
        connection.execute("create table due (number bigint, tick_end timestamp)")
        assert spare_threads(connection, home)
        RunningTick(connection, WINDOW, Memory(), is_spared=True).run(model)
        assert connection.execute("select current_setting('threads')").fetchone() == (threads,)
        use_all_threads(connection)


def test_an_hour_that_landed_more_than_one_thread_does_alone_has_all_from_the_start(home: Home) -> None:
    with open_warehouse(home) as connection:
        assert not spare_threads(connection, home, landed=ROW_GROUP)
        assert connection.execute("select current_setting('threads')").fetchone() == (CORES,)
