"""A tick that was interrupted half-way: it is brought to its end before the next, so that what it decided leaves."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from dagster_project.windows import Window


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
    connection.execute("alter table engine.open_ticks add column if not exists begun_at timestamp")
    connection.execute(
        "create table if not exists engine.tick_times (tick_end timestamp, begun_at timestamp, finished_at timestamp)"
    )


def begin(
    connection: duckdb.DuckDBPyConnection, window: Window, *, is_decided: bool = False, at: datetime | None = None
) -> None:
    """Note that a tick is at work from now on, and how far it is; `at` is when, which stays that of its beginning."""
    connection.execute("begin")
    rows = connection.execute(
        "select begun_at from engine.open_ticks where tick_start = ? and tick_end = ?", [window.start, window.end]
    ).fetchall()
    connection.execute("delete from engine.open_ticks")
    begun_at = next((begun for (begun,) in rows if begun is not None), at)
    connection.execute(
        "insert into engine.open_ticks (tick_start, tick_end, is_decided, begun_at) values (?, ?, ?, ?)",
        [window.start, window.end, is_decided, begun_at],
    )
    connection.execute("commit")


def finish(connection: duckdb.DuckDBPyConnection, *, at: datetime | None = None) -> None:
    """Note that all of it is done, and when."""
    if at is not None:
        for tick_end, begun_at in connection.execute(
            "select tick_end, begun_at from engine.open_ticks where begun_at is not null"
        ).fetchall():
            note_time(connection, tick_end, begun_at, at)
    connection.execute("delete from engine.open_ticks")


def note_time(
    connection: duckdb.DuckDBPyConnection, tick_end: datetime, begun_at: datetime, finished_at: datetime
) -> None:
    """How long a tick took, the last time that it ran."""
    connection.execute("delete from engine.tick_times where tick_end = ?", [tick_end])
    connection.execute("insert into engine.tick_times values (?, ?, ?)", [tick_end, begun_at, finished_at])


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
