"""Files that hold people: what has landed, logs, and a last look at all that there is."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from activations.durable import write_whole
from activations.erasure.anonymising import Anonymiser
from activations.errors import HourbellError
from dagster_project.erasure.rows import anonymise_file, anonymising, concerns
from dagster_project.home import Home
from dagster_project.landing.sources import quoted_text
from data.contract import tables

_CHUNK = 1 << 24


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


def erase_in_logs(home: Home, addresses: Collection[str]) -> int:
    """Take the lines that name somebody out of the logs, and return how many they were."""
    sought = [address.encode().lower() for address in addresses]
    removed = 0
    for path in sorted(home.logs.rglob("*")) if sought else ():
        if not path.is_file():
            continue
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not any(word in line.lower() for word in sought)]
        if len(kept) < len(lines):
            write_whole(path, b"".join(kept))
            removed += len(lines) - len(kept)
    return removed


def holding(root: Path, addresses: Collection[str]) -> list[Path]:
    """Files in which an address still stands, by their bytes and, of Parquet, by what is in it."""
    sought = [address.lower() for address in addresses]
    if not sought:
        return []
    words = [word.encode() for word in sought]
    with duckdb.connect() as connection:
        return [
            path
            for path in _files(root)
            if any(_has(text, words) for text in _texts(path))
            or (path.suffix == ".parquet" and _is_packed(connection, path, sought))
        ]


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _has(text: bytes, sought: Collection[bytes]) -> bool:
    lower = text.lower()
    return any(word in lower for word in sought)


def _texts(path: Path) -> Iterator[bytes]:
    overlap = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield overlap + chunk
            overlap = chunk[-256:]


def _is_packed(connection: duckdb.DuckDBPyConnection, path: Path, sought: Collection[str]) -> bool:
    """Whether a word stands in a file whose bytes are packed; one that is no such file has been looked at as it is."""
    try:
        found = connection.execute(
            f"select 1 from read_parquet({quoted_text(path)}) as rows, (select unnest($words) as word) "
            "where contains(lower(rows::varchar), word) limit 1",
            {"words": [*sought]},
        ).fetchall()
    except duckdb.InvalidInputException:
        return False
    return bool(found)
