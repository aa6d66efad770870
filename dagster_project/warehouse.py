"""The embedded warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home

# dbt opens the same file with these; two connections of one process must agree
SETTINGS = {"TimeZone": "UTC"}
SMALL = 256 * 2**20


@contextmanager
def open_warehouse(home: Home, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the warehouse, and let go of it afterwards.

    Raises HourbellError where another process holds it or where it cannot be opened.
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
    finally:
        connection.close()


def spare_threads(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """One thread is enough for a small warehouse, whose ticks take less time than threads take to start."""
    if home.warehouse.stat().st_size < SMALL:
        connection.execute("set threads = 1")


def row_counts(home: Home) -> dict[str, int]:
    """Rows by table, as the engine itself keeps count of them."""
    with open_warehouse(home) as connection:
        return dict(connection.execute("select table_name, estimated_size from duckdb_tables()").fetchall())
