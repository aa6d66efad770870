"""What the collector takes in, on disk before it says so.

Each process writes a file of its own, a line of JSON for all that was waiting when it wrote; each line begins with a
checksum. A tick takes such a file away to land it (`sealing.py`), which whoever writes it notices before the next line.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from activations.durable import append_synced, checked, open_log
from activations.errors import HourbellError
from data.contract import LOADED_AT, contract

SUFFIX = ".jsonl"
_FILE_BYTES = 16 * 1024 * 1024
_WAITING_BYTES = 64 * 1024 * 1024


class StoreBusyError(HourbellError):
    """The disk does not keep up; whoever sends is to come again."""


class CollectedLog:
    """The file that one process appends to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: FileIO | None = None
        self._path = folder
        self._end = 0

    def append(self, line: bytes) -> None:
        """Write a line; it is on disk when this returns. Raises HourbellError where it may not be."""
        try:
            file = self._locked()
            try:
                self._write(file, line)
                self._end += len(line)
            except OSError:
                self.close()
                raise
            finally:
                if not file.closed:
                    fcntl.flock(file, fcntl.LOCK_UN)
        except OSError as error:
            raise HourbellError(
                f"What came in cannot be written to {self.folder}: {error.strerror}. Make room or give rights; it was "
                "not accepted, and whoever sent it comes again."
            ) from error

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self, file: FileIO, line: bytes) -> None:
        append_synced(file, self._end, line)

    def _locked(self) -> FileIO:
        """The file to write to, locked against being taken away meanwhile."""
        while True:
            file = self._open()
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, self._path):
                return file
            self.close()

    def _open(self) -> FileIO:
        if self._file is not None and self._end < _FILE_BYTES:
            return self._file
        self.close()
        self._path = self.folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}{SUFFIX}"
        self._end = 0
        self._file = open_log(self._path)
        return self._file


class Store:
    """Keeps rows of the input contract's tables until a tick lands them."""

    def __init__(self, log: CollectedLog, now: Callable[[], datetime]) -> None:
        self._log = log
        self._now = now
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    async def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows of a table of the contract; they are on disk when this returns.

        Times are naive UTC, columns of JSON may be mappings, and what a row leaves out is null. All that waits is
        written together. Raises HourbellError where nothing was kept, and for a table or column that is not in the
        contract.
        """
        known = contract(table).column_names
        if not rows:
            return
        if self._waiting_bytes > _WAITING_BYTES:
            raise StoreBusyError("More comes in than the disk can take. Send it again a little later.")
        unknown = next((name for row in rows for name in row if name not in known), None)
        if unknown is not None:
            raise HourbellError(f"The table {table} has no column {unknown}; it has {', '.join(known)}.")
        known_at = self._now()
        part = orjson.dumps({"table": table, "rows": [{**_texts(row), LOADED_AT: known_at} for row in rows]})
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((part, kept))
        self._waiting_bytes += len(part)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        await kept

    async def close(self) -> None:
        """Wait until all that waits is written."""
        if self._writer is not None:
            await self._writer
        self._log.close()

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                parts, self._waiting, self._waiting_bytes = self._waiting, [], 0
                line = checked(b'{"parts":[' + b",".join(part for part, _ in parts) + b"]}")
                failed: HourbellError | None = None
                try:
                    await asyncio.to_thread(self._log.append, line)
                except HourbellError as error:
                    failed = error
                for _, kept in parts:
                    if kept.done():
                        continue
                    if failed is None:
                        kept.set_result(None)
                    else:
                        kept.set_exception(failed)
        finally:
            self._writer = None


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: orjson.dumps(value).decode() if isinstance(value, Mapping) else value for name, value in row.items()}


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
