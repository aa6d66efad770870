"""A small tick of a small warehouse runs on one thread, and one into which many arrive on all."""

from datetime import datetime
from pathlib import Path

import pytest

from dagster_project.home import Home
from dagster_project.ticks.tick_costs import costing, rows_landed
from dagster_project.ticks.windows import HOUR, Window
from dagster_project.warehouse import FEW, open_warehouse, spare_threads

BEFORE = Window(datetime(2026, 3, 2, 8), datetime(2026, 3, 2, 9))
WINDOW = Window(BEFORE.end, BEFORE.end + HOUR)


@pytest.mark.parametrize(("landed", "is_spared"), [(0, True), (FEW - 1, True), (FEW, False)])
def test_threads_are_spared_where_little_has_landed(tmp_path: Path, landed: int, is_spared: bool) -> None:
    home = Home(tmp_path).prepare()
    with open_warehouse(home) as connection:
        connection.execute("create schema engine")
        for window, rows in ((BEFORE, 3 * FEW), (WINDOW, landed)):
            with costing(home, window, "landing") as spent:
                spent.rows = rows
        with costing(home, WINDOW, "leaving") as spent:
            spent.rows = 3 * FEW
        assert rows_landed(connection, WINDOW) == landed
        connection.execute("set threads = 2")
        spare_threads(connection, home, rows_landed(connection, WINDOW))
        assert connection.execute("select current_setting('threads')").fetchone() == (1 if is_spared else 2,)


def test_what_was_not_noted_is_nothing(tmp_path: Path) -> None:
    with open_warehouse(Home(tmp_path).prepare()) as connection:
        connection.execute("create schema engine")
        assert rows_landed(connection, WINDOW) == 0
