"""Copy files into landing, as Parquet with the contract's columns; a landed file is whole or not there."""

import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from activations.durable import sync
from activations.erasure.suppression import find_suppression
from activations.errors import HourbellError
from dagster_project.erasure.rows import anonymise_file, anonymiser_of, anonymising, concerns
from dagster_project.landing.reading import landed_select, match_columns, rejected_select
from dagster_project.landing.sources import Source, find_sources, open_source, quoted_text

MEMORY = "1GB"
NAME_LENGTH = 32
# beside landing
ERASED = "erased"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A file that was loaded, and what became of it."""

    table: str
    source: Path
    landed: Path
    rows: int
    faulty_rows: int
    """Rows with a cell that could not be read; the gate says what becomes of each."""
    ignored_columns: tuple[str, ...]
    """Columns that the contract does not know; empty where the file had landed before."""
    is_new: bool


def load(
    path: Path, landing: Path, loaded_at: datetime, *, progress: Callable[[], object] | None = None
) -> list[Loaded]:
    """Land a file, or all files in a folder; `progress` is called after each.

    The table is told by the folder that holds the file, or by the beginning of its name. Rows that do not carry
    `loaded_at` get the time given (naive UTC). A file that has landed before, byte for byte, changes nothing.
    Raises HourbellError naming the file and the mend; files before it in the folder have landed, and landing them
    again changes nothing.
    """
    sources = find_sources(path)
    loaded = []
    with _explained(path, landing), _reader() as connection:
        for source in sources:
            with _explained(source.path, landing):
                loaded.append(_land(connection, source, landing, loaded_at))
            if progress is not None:
                progress()
    return loaded


def _land(connection: duckdb.DuckDBPyConnection, source: Source, landing: Path, loaded_at: datetime) -> Loaded:
    folder = landing / source.table.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_digest(source.path)}.parquet"
    if target.exists():
        rows, faulty = _counts(connection, target)
        return Loaded(source.table.name, source.path, target, rows, faulty, (), is_new=False)
    connection.execute("drop table if exists rejected_lines")
    connection.execute("drop table if exists rejected_scans")
    opened = open_source(connection, source)
    matched = match_columns(source, opened)
    if matched.ignored:
        log.warning("%s: columns that are not in the contract: %s", source.path, ", ".join(matched.ignored))
    stamp = f"timestamp '{loaded_at.isoformat(sep=' ')}'"
    with _whole(target) as partial:
        _copy(connection, landed_select(source, opened, matched, stamp), partial)
        if source.format == "csv" and connection.execute("select 1 from rejected_lines limit 1").fetchall():
            _add_rejected(connection, partial, rejected_select(source, stamp))
        _leave_out_the_erased(connection, source, landing, partial)
        rows, faulty = _counts(connection, partial)
    return Loaded(source.table.name, source.path, target, rows, faulty, matched.ignored, is_new=True)


def _leave_out_the_erased(connection: duckdb.DuckDBPyConnection, source: Source, landing: Path, partial: Path) -> None:
    """Who was erased does not come back by an export: their rows land without them, as of the person that is left."""
    suppression = find_suppression(landing.with_name(ERASED))
    if suppression is None or not concerns(source.table):
        return
    without = partial.with_name(partial.name + ".without")
    try:
        with anonymising(connection, anonymiser_of(suppression)):
            if anonymise_file(connection, suppression, source.table, partial, without):
                without.replace(partial)
    finally:
        without.unlink(missing_ok=True)


def _copy(connection: duckdb.DuckDBPyConnection, select: str, target: Path) -> None:
    connection.execute(f"copy ({select}) to {quoted_text(target)} (format parquet, compression zstd)")


def _add_rejected(connection: duckdb.DuckDBPyConnection, partial: Path, rejected: str) -> None:
    read = partial.with_name(partial.name + ".read")
    partial.rename(read)
    try:
        _copy(connection, f"from read_parquet({quoted_text(read)}) union all ({rejected})", partial)
    finally:
        read.unlink(missing_ok=True)


def _counts(connection: duckdb.DuckDBPyConnection, landed: Path) -> tuple[int, int]:
    found = connection.execute(
        f"select count(*), count(landing_faults) from read_parquet({quoted_text(landed)})"
    ).fetchall()
    rows, faulty = found[0]
    return rows, faulty


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:NAME_LENGTH]


@contextmanager
def _reader() -> Iterator[duckdb.DuckDBPyConnection]:
    with TemporaryDirectory(prefix="hourbell-") as spill:
        connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": spill})
        try:
            connection.execute("set TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A name to write to; what is written is on disk under `target` afterwards, or gone where that failed."""
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial")
    try:
        yield partial
        sync(partial)
        partial.replace(target)
        sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path, landing: Path) -> Iterator[None]:
    """Turn what the system and the engine say into one sentence that names the file and the mend."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        raise HourbellError(f"{path} cannot be landed: {_why(error, path, landing)}") from error


def _why(error: OSError | duckdb.Error, path: Path, landing: Path) -> str:
    said = str(error).partition("\n")[0]
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in said or "File too large" in said:
        return f"there is no room left in {landing}. Free some, or set HOURBELL_HOME to a larger disk."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS) or "Permission denied" in said:
        where = path if not os.access(path, os.R_OK) else landing
        return f"no rights to {where}. Give yourself the rights, or choose another place."
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"a row is too large for {MEMORY} of memory ({said}). Split the file."
    return f"{said}. See that it is whole and of the format that its name says, and export it again."
