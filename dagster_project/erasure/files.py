"""Files that hold people: what has landed, logs, and a last look at all that there is."""

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import duckdb

from activations.collector.sealing import DAMAGED
from activations.durable import read_checked_line, write_whole
from activations.erasure.anonymising import Anonymiser
from activations.erasure.sought import Sought
from activations.errors import HourbellError
from dagster_project.erasure.rows import anonymise_file, anonymising, concerns
from dagster_project.home import Home
from dagster_project.landing.sources import quoted_text
from dagster_project.warehouse import open_warehouse
from data.contract import tables

_CHUNK = 1 << 24
_OVERLAP = 512
_SHORTEST_WORD = 4
_ROWS = 1_000


def erase_in_landing(home: Home, anonymiser: Anonymiser) -> int:
    """Write every landed file that holds somebody who was erased anew, under its name; returns how many they were."""
    written = 0
    connection = duckdb.connect()
    try:
        connection.execute("set TimeZone = 'UTC'")
        with anonymising(connection, anonymiser):
            for table in tables():
                for file in sorted((home.landing / table.name).glob("[!.]*.parquet")) if concerns(table) else ():
                    without = file.with_name(f".{file.stem}.{os.getpid()}.partial")
                    try:
                        if anonymise_file(connection, anonymiser.suppression, table, file, without):
                            write_whole(file, without.read_bytes())
                            written += 1
                    finally:
                        without.unlink(missing_ok=True)
    except (OSError, duckdb.Error) as error:
        raise HourbellError(
            f"What has landed cannot be written anew: {error}. Make room or give rights, then erase again."
        ) from error
    finally:
        connection.close()
    return written


def erase_in_logs(home: Home, sought: Sought) -> int:
    """Take the lines that name somebody out of the logs, and return how many they were."""
    return sum(_keep_lines(path, lambda line: not sought.names(line)) for path in sorted(home.logs.rglob("*")))


def erase_in_damaged(home: Home, sought: Sought, words: Collection[str]) -> int:
    """Take out of what the collector kept of damaged files whatever has landed, and lines that name somebody by what is
    left of them; returns how many those were."""
    called = [word.encode().lower() for word in words if len(word) >= _SHORTEST_WORD]

    def is_kept(line: bytes) -> bool:
        lower = line.lower()
        return read_checked_line(line) is None and not sought.names(line) and not any(word in lower for word in called)

    removed = 0
    for path in sorted(home.collected.glob(f"*{DAMAGED}")):
        removed += _keep_lines(path, is_kept)
        if not path.stat().st_size:
            path.unlink()
    return removed


def _keep_lines(path: Path, is_kept: Callable[[bytes], bool]) -> int:
    """Leave some lines of a file, and return how many are gone."""
    if not path.is_file():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if is_kept(line)]
    if len(kept) < len(lines):
        write_whole(path, b"".join(kept))
    return len(lines) - len(kept)


def holding(home: Home, sought: Sought, but: Path) -> list[Path]:
    """Files but one in which somebody still stands: by address or number in all bytes, and of Parquet in what is in it;
    by id where no rows are written anew, since others may speak of an id in theirs."""
    by_rows = (home.landing, home.outbox, home.warehouse.parent, home.published, home.spool, home.root / "journal")
    with duckdb.connect() as connection:
        return [
            path
            for path in _files(home.root)
            if path != but
            and (
                _stands_in(path, sought, ids=not any(path.is_relative_to(folder) for folder in by_rows))
                or (path.suffix == ".parquet" and _is_packed(connection, path, sought))
            )
        ]


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _stands_in(path: Path, sought: Sought, *, ids: bool) -> bool:
    return any(sought.has_address(text) or (ids and sought.has_id(text)) for text in _texts(path))


def _texts(path: Path) -> Iterator[bytes]:
    """A file in parts that overlap, so that nothing is cut in all of them; with a line's end at either end."""
    overlap = b"\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield overlap + chunk
            overlap = (overlap + chunk)[-_OVERLAP:]
    yield overlap + b"\n"


def _is_packed(connection: duckdb.DuckDBPyConnection, path: Path, sought: Sought) -> bool:
    """Whether an address stands in a file whose bytes are packed; what is no such file has been looked at as it is."""
    try:
        found = connection.execute(
            f"select rows::varchar from read_parquet({quoted_text(path)}) as rows "
            "where list_bool_or([contains(lower(rows::varchar), word) for word in $words::varchar[]])",
            {"words": [*sought.addresses]},
        )
        while some := found.fetchmany(_ROWS):
            if any(sought.has_address(text.encode()) for (text,) in some):
                return True
    except duckdb.InvalidInputException:
        return False
    return False


def longer_addresses(home: Home, identifiers: Collection[tuple[str, str]]) -> list[str]:
    """Addresses and numbers of other people in which one of these stands, from landed files and the warehouse."""
    mine = [value.lower() for kind, value in identifiers if kind in ("email", "phone")]
    landed = [
        f"select distinct {name} as known from read_parquet({quoted_text(home.landing / table.name / '*.parquet')})"
        for table in tables()
        for name in ("email", "phone")
        if name in table.column_names and any((home.landing / table.name).glob("[!.]*.parquet"))
    ]
    with open_warehouse(home) as connection:
        if connection.execute("from duckdb_tables() where table_name = 'identifiers'").fetchall():
            landed.append(
                "select identifier_value from contacts.identifiers where identifier_type in ('email', 'phone')"
            )
        found = connection.execute(
            f"select distinct lower(known) from ({' union '.join(landed or ['select null as known'])}) where "
            "list_bool_or([contains(lower(known), one) and lower(known) <> one for one in $mine::varchar[]]) "
            "and not list_contains($mine, lower(known))",
            {"mine": mine},
        ).fetchall()
    return [known for (known,) in found]
