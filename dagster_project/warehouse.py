"""The embedded warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.landing.sources import quoted_text

# dbt/profiles.yml says the same: two connections of one process must agree
DATABASE = "hourbell"
SETTINGS = {"TimeZone": "UTC", "schema": f"{DATABASE}.main"}
# rows by which DuckDB divides a table among threads; what it takes by default has one core do most of an hour's work
ROW_GROUP = 32_768
# DuckDB writes what its oldest clients can read unless told; its later formats take fewer looks at each text to pack it
STORAGE_VERSION = "v1.5.0"
SMALL = 256 * 2**20
_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")


@contextmanager
def open_warehouse(home: Home, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the warehouse, and let go of it afterwards.

    Raises HourbellError where another process holds it, where it cannot be opened, and where the disk is full.
    """
    try:
        connection = _connect(home.warehouse, read_only)
    except duckdb.Error as error:
        raise HourbellError(
            f"Cannot open the warehouse {home.warehouse}: {error}. "
            "If another program holds it, close that; readers should use the published copy instead."
        ) from error
    try:
        yield connection
    except duckdb.Error as error:
        said = str(error).partition("\n")[0]
        if not any(sign in said for sign in _NO_ROOM):
            raise
        raise HourbellError(
            f"The disk has no room left for the warehouse {home.warehouse}: {said}. Nothing is lost: make room, or set "
            "HOURBELL_HOME to a larger disk, then run the same again."
        ) from error
    finally:
        connection.close()


def _connect(file: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    """All connections of this process to a file share one database in memory, to which the file is attached: only there
    can DuckDB be told how many rows a row group has, and how to pack them."""
    connection = duckdb.connect(f":memory:{file}", config={"temp_directory": f"{file}.tmp"})
    try:
        options = f"row_group_size {ROW_GROUP}, storage_version '{STORAGE_VERSION}'"
        options += ", read_only" if read_only else ""
        connection.execute(f"attach if not exists {quoted_text(file)} as {DATABASE} ({options})")
        for name, value in SETTINGS.items():
            connection.execute(f"set {name} = '{value}'")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def spare_threads(connection: duckdb.DuckDBPyConnection, home: Home, landed: int = 0) -> bool:
    """One thread is enough for a small warehouse, if no table has got more rows than threads do not share out among
    each other: the one that asks only burns what the other takes until it is done. Returns whether that is so."""
    is_enough = home.warehouse.stat().st_size < SMALL and landed < ROW_GROUP
    if is_enough:
        connection.execute("set threads = 1")
    return is_enough


def use_all_threads(connection: duckdb.DuckDBPyConnection) -> None:
    """As many threads as there are cores, for what they can share out."""
    connection.execute("reset threads")


def row_counts(home: Home) -> dict[str, int]:
    """Rows by table, as the engine itself keeps count of them."""
    with open_warehouse(home) as connection:
        return dict(connection.execute("select table_name, estimated_size from duckdb_tables()").fetchall())
