"""A tick of a small warehouse runs on one thread, unless it takes in more of a table than one thread is given."""

from datetime import datetime
from pathlib import Path

import pytest

from dagster_project.home import Home
from dagster_project.landing.ingest import create_raw_tables, most_landed
from dagster_project.ticks.windows import HOUR, Window
from dagster_project.warehouse import ROW_GROUP, open_warehouse, spare_threads

BEFORE = Window(datetime(2026, 3, 2, 8), datetime(2026, 3, 2, 9))
WINDOW = Window(BEFORE.end, BEFORE.end + HOUR)


@pytest.mark.parametrize(("landed", "is_spared"), [(0, True), (ROW_GROUP - 1, True), (ROW_GROUP, False)])
def test_threads_are_spared_where_they_would_have_nothing_to_share(
    tmp_path: Path, landed: int, is_spared: bool
) -> None:
    home = Home(tmp_path).prepare()
    with open_warehouse(home) as connection:
        create_raw_tables(connection)
        files = [("events", 3 * ROW_GROUP, BEFORE), ("contacts", landed // 2, WINDOW)]
        # one table in two files, and beside it another
        files += [("events", landed - landed // 3, WINDOW), ("events", landed // 3, WINDOW)]
        for table, rows, window in files:
            connection.execute(
                "insert into raw.landed_files values (?, 'file', ?, 0, 0, ?)", [table, rows, window.start]
            )
        assert most_landed(connection, WINDOW.start) == landed
        connection.execute("set threads = 2")
        spare_threads(connection, home, most_landed(connection, WINDOW.start))
        assert connection.execute("select current_setting('threads')").fetchone() == (1 if is_spared else 2,)


def test_where_nothing_has_landed_there_is_nothing(tmp_path: Path) -> None:
    with open_warehouse(Home(tmp_path).prepare()) as connection:
        create_raw_tables(connection)
        assert most_landed(connection, WINDOW.start) == 0


def test_duckdb_gives_a_row_group_to_one_thread(tmp_path: Path) -> None:
    with open_warehouse(Home(tmp_path).prepare()) as connection:
        connection.execute(f"create table many as select range as number from range({ROW_GROUP + 1})")
        groups = connection.execute("select count(distinct row_group_id) from pragma_storage_info('many')").fetchall()
        connection.execute(f"create table few as select range as number from range({ROW_GROUP})")
        group = connection.execute("select count(distinct row_group_id) from pragma_storage_info('few')").fetchall()
    assert (group, groups) == ([(1,)], [(2,)])
