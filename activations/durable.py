"""Files that are there whole or not at all, whatever happens to the machine, and lines that tell damage."""

import os
import zlib
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

_HEAD = len('{"crc":"01234567",')


class UnsyncedNameError(OSError):
    """A file is in place, and its name may not be on disk: whether it outlives a power cut nobody knows."""


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place, synced to disk before it can be seen, and its name after.

    Raises UnsyncedNameError where it is there all the same, and else OSError.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        try:
            sync(path.parent)
        except OSError as error:
            raise UnsyncedNameError(*error.args) from error
    finally:
        unfinished.unlink(missing_ok=True)


def open_log(path: Path) -> FileIO:
    """A new file to append to, whose name is on disk; raises OSError."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync(path.parent.parent)
    file = FileIO(path, "xb")
    sync(path.parent)
    return file


def sync(path: Path) -> None:
    """See to it that what is in a file, or the names in a folder, are on disk; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_synced(file: FileIO, end: int, content: bytes) -> None:
    """Write at the end of a file; it is on disk when this returns, and cut off again where that raises OSError."""
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), end)
        raise


def checked_line(record: Mapping[str, Any]) -> bytes:
    """A record as a line of JSON that begins with a checksum."""
    return checked(orjson.dumps(record))


def checked(body: bytes) -> bytes:
    """A JSON object, as it was written, as a line that begins with a checksum."""
    return b'{"crc":"%08x",' % zlib.crc32(body) + body[1:] + b"\n"


def read_checked_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None where it is not what was written."""
    body = b"{" + line[_HEAD:-1]
    if line[: _HEAD - 10] != b'{"crc":"' or line[_HEAD - 10 : _HEAD] != b'%08x",' % zlib.crc32(body):
        return None
    found = orjson.loads(body)
    return found if isinstance(found, dict) else None
