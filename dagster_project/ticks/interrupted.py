"""A tick that was interrupted half-way: it is brought to its end before the next, so that what it decided leaves."""

from dataclasses import dataclass

import duckdb

from dagster_project.ticks.windows import Window


@dataclass(frozen=True)
class OpenTick:
    """A tick that was begun and not brought to its end."""

    window: Window
    is_decided: bool
    """Whether all its models have run, so that only what they say has to leave."""


def create_open_ticks(connection: duckdb.DuckDBPyConnection) -> None:
    """Where a tick stands while it is at work; needs the schema `engine`."""
    connection.execute(
        "create table if not exists engine.open_ticks (tick_start timestamp, tick_end timestamp, is_decided boolean)"
    )


def begin(connection: duckdb.DuckDBPyConnection, window: Window, *, is_decided: bool = False) -> None:
    """Note that a tick is at work from now on, and how far it is."""
    connection.execute("begin")
    connection.execute("delete from engine.open_ticks")
    connection.execute("insert into engine.open_ticks values (?, ?, ?)", [window.start, window.end, is_decided])
    connection.execute("commit")


def finish(connection: duckdb.DuckDBPyConnection) -> None:
    """Note that all of it is done."""
    connection.execute("delete from engine.open_ticks")


def interrupted(connection: duckdb.DuckDBPyConnection) -> OpenTick | None:
    """The tick that was begun, came so far that its window counts as completed for some, and never came to its end.

    One that completed nothing is none: a wider window takes its place.
    """
    known = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'engine' and table_name in ('open_ticks', 'windows')"
    ).fetchall()
    if len(known) < 2:
        return None
    rows = connection.execute(
        "select * from engine.open_ticks where (tick_start, tick_end) in "
        "(select (tick_start, tick_end) from engine.windows where succeeded)"
    ).fetchall()
    return OpenTick(Window(rows[0][0], rows[0][1]), rows[0][2]) if rows else None
