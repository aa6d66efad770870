"""The published copy of the marts: what BI tools read, so that they never meet the warehouse's writer.

A copy is written beside the one that is there and swapped in by a rename. Whoever has the old one open goes on reading
it, and a crash in between leaves it as it was.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from activations.durable import sync
from activations.errors import HourbellError
from dagster_project.generations import KEPT, UNFINISHED, begin, finish, point_to, remove_older, remove_unfinished
from dagster_project.landing.sources import quoted_text
from dagster_project.ticks.transform import manifest

FILE = "hourbell.duckdb"
PARQUET = "parquet"
# as old as DuckDB's stable format is, so that tools with an older client can read it
STORAGE_VERSION = "v1.0.0"

_SCHEMA = "marts"


def published_marts() -> list[str]:
    """The marts that are for everybody, by name."""
    return sorted(
        node.alias
        for node in manifest().nodes.values()
        if node.resource_type == "model" and node.schema == _SCHEMA and str(node.access) == "public"
    )


def publish(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    marts: Sequence[str] | None = None,
    *,
    keep: int = KEPT,
) -> list[str]:
    """Publish the marts of a warehouse as `hourbell.duckdb` and as `parquet/<mart>.parquet`; returns their names.

    So many copies in Parquet are kept, the new one included.

    Marts that were never built are left out. Raises HourbellError where the copy cannot be written; the old one stays.
    """
    names = _built(connection, published_marts() if marts is None else marts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder)
        database, generation = _write_copies(connection, folder, names)
        database.replace(folder / FILE)
        point_to(generation, PARQUET)
        sync(folder)
        remove_older(folder, PARQUET, keep)
    except (OSError, duckdb.Error) as error:
        raise HourbellError(
            f"The marts cannot be published to {folder}: {error}. Readers keep the copy that is there. "
            "Make room, give rights or mend the mart that it names; the next tick publishes again."
        ) from error
    return names


def _built(connection: duckdb.DuckDBPyConnection, marts: Sequence[str]) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables where table_schema = ?", [_SCHEMA]
    ).fetchall()
    built = {name for (name,) in rows}
    return [name for name in marts if name in built]


def _write_copies(connection: duckdb.DuckDBPyConnection, folder: Path, marts: Sequence[str]) -> tuple[Path, Path]:
    """Both copies, of which Parquet is made from the other: most marts are views, and each is worked out once."""
    unfinished = folder / f"{FILE}{UNFINISHED}"
    connection.execute(f"attach {quoted_text(unfinished)} as published (storage_version '{STORAGE_VERSION}')")
    try:
        connection.execute(f"create schema published.{_SCHEMA}")
        for mart in marts:
            connection.execute(f"create table published.{_SCHEMA}.{mart} as select * from {_SCHEMA}.{mart}")
        generation = _write_parquet(connection, folder, marts)
        # nothing may be left to a log beside the file, which the rename would lose
        connection.execute("checkpoint published")
    finally:
        connection.execute("detach published")
    sync(unfinished)
    return unfinished, generation


def _write_parquet(connection: duckdb.DuckDBPyConnection, folder: Path, marts: Sequence[str]) -> Path:
    unfinished = begin(folder, PARQUET)
    for mart in marts:
        path = unfinished / f"{mart}.parquet"
        connection.execute(f"copy published.{_SCHEMA}.{mart} to {quoted_text(path)} (format parquet, compression zstd)")
        sync(path)
    return finish(unfinished)
