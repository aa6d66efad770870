"""What ticks cost: the seconds of each part, the rows that it wrote, the bytes that it left."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

Part = Literal["landing", "deciding", "leaving", "publishing"]

log = logging.getLogger(__name__)


@dataclass
class Spent:
    """What a part of a tick has to show for it; it fills this in."""

    rows: int | None = None
    bytes: int | None = None


def create_tick_costs(connection: duckdb.DuckDBPyConnection) -> None:
    """Needs the schema `engine`."""
    connection.execute(
        "create table if not exists engine.tick_costs (tick_start timestamp not null, tick_end timestamp not null, "
        "part varchar not null, seconds double not null, rows_written bigint, bytes_written bigint)"
    )


@contextmanager
def costing(home: Home, window: Window, part: Part) -> Iterator[Spent]:
    """Time a part of a tick, and note what it cost if it came to its end; that a note fails stops no tick."""
    spent, started = Spent(), time.monotonic()
    yield spent
    try:
        with open_warehouse(home) as connection:
            connection.execute("begin")
            note_cost(connection, window, part, time.monotonic() - started, spent)
            connection.execute("commit")
    except (duckdb.Error, HourbellError) as error:
        log.warning("What the tick %s cost could not be noted: %s", window, error)


@contextmanager
def noting(connection: duckdb.DuckDBPyConnection, window: Window, part: Part) -> Iterator[Spent]:
    """Time a part of a tick of which the warehouse is open, and note what it cost if it came to its end."""
    spent, started = Spent(), time.monotonic()
    yield spent
    note_cost(connection, window, part, time.monotonic() - started, spent)


def note_cost(connection: duckdb.DuckDBPyConnection, window: Window, part: Part, seconds: float, spent: Spent) -> None:
    """Note what a part of a tick cost, the last time that it ran."""
    create_tick_costs(connection)
    connection.execute(
        "delete from engine.tick_costs where part = ? and tick_end > ? and tick_end <= ?",
        [part, window.start, window.end],
    )
    connection.execute(
        "insert into engine.tick_costs values (?, ?, ?, ?, ?, ?)",
        [window.start, window.end, part, seconds, spent.rows, spent.bytes],
    )
