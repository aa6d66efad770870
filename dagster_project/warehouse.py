"""The embedded warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home

# dbt opens the same file with these; two connections of one process must agree
SETTINGS = {"TimeZone": "UTC"}
SMALL = 256 * 2**20
# rows by which DuckDB divides a table among threads
ROW_GROUP = 122_880
_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")


@contextmanager
def open_warehouse(home: Home, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the warehouse, and let go of it afterwards.

    Raises HourbellError where another process holds it, where it cannot be opened, and where the disk is full.
    """
    try:
        connection = duckdb.connect(str(home.warehouse), read_only=read_only)
    except duckdb.Error as error:
        raise HourbellError(
            f"Cannot open the warehouse {home.warehouse}: {error}. "
            "If another program holds it, close that; readers should use the published copy instead."
        ) from error
    try:
        for name, value in SETTINGS.items():
            connection.execute(f"set {name} = '{value}'")
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


def spare_threads(connection: duckdb.DuckDBPyConnection, home: Home, landed: int = 0) -> None:
    """One thread is enough for a small warehouse, if no table has got more rows than threads do not share out among
    each other: the one that asks only burns what the other takes until it is done."""
    if home.warehouse.stat().st_size < SMALL and landed < ROW_GROUP:
        connection.execute("set threads = 1")


def row_counts(home: Home) -> dict[str, int]:
    """Rows by table, as the engine itself keeps count of them."""
    with open_warehouse(home) as connection:
        return dict(connection.execute("select table_name, estimated_size from duckdb_tables()").fetchall())
