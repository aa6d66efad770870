"""The published copy of the marts: what BI tools read, so that they never meet the warehouse's writer.

A copy is written beside the one that is there and swapped in by a rename. Whoever has the old one open goes on reading
it, and a crash in between leaves it as it was.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from activations.durable import sync
from activations.errors import HourbellError
from dagster_project.ticks.transform import manifest

FILE = "hourbell.duckdb"
PARQUET = "parquet"
# as old as DuckDB's stable format is, so that tools with an older client can read it
STORAGE_VERSION = "v1.0.0"

_SCHEMA = "marts"
_UNFINISHED = ".unfinished"
_GENERATION = ".parquet-"
_KEPT_GENERATIONS = 2


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
    keep: int = _KEPT_GENERATIONS,
) -> list[str]:
    """Publish the marts of a warehouse as `hourbell.duckdb` and as `parquet/<mart>.parquet`; returns their names.

    So many copies in Parquet are kept, the new one included.

    Marts that were never built are left out. Raises HourbellError where the copy cannot be written; the old one stays.
    """
    names = _built(connection, published_marts() if marts is None else marts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder)
        database, generation = _write_copies(connection, folder, names)
        database.replace(folder / FILE)
        _point_to(folder, generation)
        sync(folder)
        _remove_old_generations(folder, generation, keep)
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
    unfinished = folder / f"{FILE}{_UNFINISHED}"
    connection.execute(f"attach {_quoted(unfinished)} as published (storage_version '{STORAGE_VERSION}')")
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
    number = max((_number(generation) for generation in _generations(folder)), default=0) + 1
    unfinished = folder / f"{_GENERATION}{number}{_UNFINISHED}"
    unfinished.mkdir()
    for mart in marts:
        path = unfinished / f"{mart}.parquet"
        connection.execute(f"copy published.{_SCHEMA}.{mart} to {_quoted(path)} (format parquet, compression zstd)")
        sync(path)
    return unfinished.rename(folder / f"{_GENERATION}{number}")


def _point_to(folder: Path, generation: Path) -> None:
    """Swap the folder `parquet` as a whole: a folder cannot be renamed onto another, a link can."""
    link = folder / f"{PARQUET}{_UNFINISHED}"
    link.symlink_to(generation.name)
    link.replace(folder / PARQUET)


def _generations(folder: Path) -> list[Path]:
    finished = (path for path in folder.glob(f"{_GENERATION}*") if not path.name.endswith(_UNFINISHED))
    return sorted(finished, key=_number)


def _number(generation: Path) -> int:
    return int(generation.name.removeprefix(_GENERATION))


def _remove_unfinished(folder: Path) -> None:
    """What a run that was killed left behind."""
    for path in (*folder.glob(f"*{_UNFINISHED}"), *folder.glob(f"*{_UNFINISHED}.wal")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _remove_old_generations(folder: Path, newest: Path, keep: int) -> None:
    """One older generation stays for whoever has listed its files and not yet opened them."""
    for generation in _generations(folder)[:-keep]:
        if generation != newest:
            with suppress(OSError):
                shutil.rmtree(generation)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
