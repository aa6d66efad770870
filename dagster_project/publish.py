"""The published copy of the marts: what BI tools read, so that they never meet the warehouse's writer.

A copy is written beside the one that is there and swapped in by a rename. Whoever has the old one open goes on reading
it, and a crash in between leaves it as it was.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from activations.durable import sync
from activations.errors import HourbellError
from dagster_project.generations import KEPT, UNFINISHED, begin, finish, point_to, remove_older, remove_unfinished
from dagster_project.landing.sources import quoted_text
from dagster_project.ticks.transform import manifest, tables_read

FILE = "hourbell.duckdb"
PARQUET = "parquet"
# as old as DuckDB's stable format is, so that tools with an older client can read it
STORAGE_VERSION = "v1.0.0"
_ENGINE = "engine."
# of what the engine keeps, all that is written before a tick has decided
_WRITTEN_BEFORE = frozenset({"engine.windows", "engine.backfilled"})

_SCHEMA = "marts"


def published_marts() -> list[str]:
    """The marts that are for everybody, by name."""
    return sorted(
        node.alias
        for node in manifest().nodes.values()
        if node.resource_type == "model" and node.schema == _SCHEMA and str(node.access) == "public"
    )


def settled_marts() -> list[str]:
    """The published marts that nothing changes any more once a tick has decided."""
    nodes = {node.alias: node for node in manifest().nodes.values() if node.schema == _SCHEMA}
    return [
        mart
        for mart in published_marts()
        if nodes[mart].config.materialized != "view"
        or not any(table.startswith(_ENGINE) for table in tables_read(nodes[mart]) - _WRITTEN_BEFORE)
    ]


def publish(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    marts: Sequence[str] | None = None,
    *,
    keep: int = KEPT,
    begun: Sequence[str] | None = None,
) -> list[str]:
    """Publish the marts of a warehouse as `hourbell.duckdb` and as `parquet/<mart>.parquet`; returns their names.

    So many copies in Parquet are kept, the new one included. `begun` are the marts that `begin_copy` has copied.

    Marts that were never built are left out. Raises HourbellError where the copy cannot be written; the old one stays.
    """
    names = _built(connection, published_marts() if marts is None else marts)
    with _telling(folder):
        if begun is None:
            begun = begin_copy(connection, folder, ())
        database, generation = _write_copies(connection, folder, names, begun)
        database.replace(folder / FILE)
        point_to(generation, PARQUET)
        sync(folder)
        remove_older(folder, PARQUET, keep)
    return names


def begin_copy(connection: duckdb.DuckDBPyConnection, folder: Path, marts: Iterable[str]) -> list[str]:
    """Begin with a copy that nobody reads yet: of these marts, as far as they are built. Returns their names.

    It is attached until `publish` goes on with it, or `give_up` lets go. Raises HourbellError where it cannot be
    written, and then nothing is left of it.
    """
    names = _built(connection, marts)
    with _telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder)
        file = quoted_text(_unfinished(folder))
        try:
            connection.execute(f"attach {file} as published (storage_version '{STORAGE_VERSION}')")
            connection.execute(f"create schema published.{_SCHEMA}")
            _copy(connection, names)
        except BaseException:
            give_up(connection, folder)
            raise
    return names


def give_up(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let go of a copy that was begun, and of the room that it takes. Raises HourbellError where that cannot be."""
    with _telling(folder):
        connection.execute("detach database if exists published")
        remove_unfinished(folder)


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """Say what it means that a copy cannot be written."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        raise HourbellError(
            f"The marts cannot be published to {folder}: {error}. Readers keep the copy that is there. "
            "Make room, give rights or mend the mart that it names; the next tick publishes again."
        ) from error


def _unfinished(folder: Path) -> Path:
    return folder / f"{FILE}{UNFINISHED}"


def _copy(connection: duckdb.DuckDBPyConnection, marts: Iterable[str]) -> None:
    for mart in marts:
        connection.execute(f"create table published.{_SCHEMA}.{mart} as select * from {_SCHEMA}.{mart}")


def _built(connection: duckdb.DuckDBPyConnection, marts: Iterable[str]) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ?",
        [_SCHEMA],
    ).fetchall()
    built = {name for (name,) in rows}
    return [name for name in marts if name in built]


def _write_copies(
    connection: duckdb.DuckDBPyConnection, folder: Path, marts: Sequence[str], begun: Collection[str]
) -> tuple[Path, Path]:
    """Both copies, of which Parquet is made from the other: most marts are views, and each is worked out once."""
    try:
        _copy(connection, (mart for mart in marts if mart not in begun))
        generation = _write_parquet(connection, folder, marts)
        # nothing may be left to a log beside the file, which the rename would lose
        connection.execute("checkpoint published")
    finally:
        connection.execute("detach published")
    unfinished = _unfinished(folder)
    sync(unfinished)
    return unfinished, generation


def _write_parquet(connection: duckdb.DuckDBPyConnection, folder: Path, marts: Sequence[str]) -> Path:
    unfinished = begin(folder, PARQUET)
    for mart in marts:
        path = unfinished / f"{mart}.parquet"
        connection.execute(f"copy published.{_SCHEMA}.{mart} to {quoted_text(path)} (format parquet, compression zstd)")
        sync(path)
    return finish(unfinished)
