"""Receipts: what a deliverer was told, as append-only files beside the journal, from which that can be rebuilt.

Each deliverer writes files of its own, a JSON object a line: what it claimed before it called, how each action ended
before the journal says so, what it gave back. A line counts from the moment in which it is on disk. Each begins with a
checksum, so that damage is found and not believed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activations.durable import append_synced, checked_line, open_log, read_checked_line
from activations.errors import HourbellError

Receipt = Mapping[str, Any]

_SUFFIX = ".jsonl"
_SEGMENT_BYTES = 32 * 1024 * 1024


class DamagedReceiptError(HourbellError):
    """A line in the middle of a file of receipts is not what was written."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of receipts, all of one deliverer."""

    path: Path
    deliverer: str

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that cannot be believed; lines count from 1 where reading began."""

    segment: str
    line: int


def receipts_folder(journal_url: str, otherwise: Path) -> Path:
    """Where the receipts of a journal are: beside its file; `otherwise` where it is on a server."""
    address = sa.make_url(journal_url)
    if address.get_backend_name() == "sqlite" and address.database:
        path = Path(address.database)
        return path.with_name(f"{path.name}.receipts")
    return otherwise


def segments(folder: Path) -> list[Segment]:
    """The files of receipts, oldest first; none where nothing was delivered yet."""
    return [Segment(path, path.stem.partition("-")[2]) for path in sorted(folder.glob(f"*{_SUFFIX}"))]


def read_receipts(
    segment: Segment, start: int = 0, damaged: list[Damage] | None = None
) -> Iterator[tuple[Receipt, int]]:
    """The receipts of a file from a position on, each with the position after it.

    An unfinished last line is what a crash leaves: it was never acted on, and ends the file. Any other line that is not
    what was written is added to `damaged`, or raises DamagedReceiptError where that is not given.
    """
    position = start
    try:
        with segment.path.open("rb") as file:
            file.seek(start)
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                position += len(line)
                receipt = read_checked_line(line)
                if receipt is not None:
                    yield receipt, position
                elif damaged is not None:
                    damaged.append(Damage(segment.name, number))
                else:
                    raise DamagedReceiptError(
                        f"{segment.path} is damaged {number} lines after byte {start}. Nothing is sent before that is "
                        "mended: bring the file back from a backup, or run `hourbell journal rebuild --skip-damaged`."
                    )
    except OSError as error:
        raise HourbellError(f"{segment.path} cannot be read: {error.strerror}. Give yourself rights to it.") from error


class ReceiptLog:
    """The receipts that one deliverer writes."""

    def __init__(self, folder: Path, deliverer: str) -> None:
        self.folder = folder
        self._deliverer = deliverer
        self._file: FileIO | None = None
        self._path = folder
        self._end = 0

    @property
    def position(self) -> tuple[str, int] | None:
        """The file that is written to and how much of it is on disk; None where nothing was written."""
        return (self._path.name, self._end) if self._file is not None else None

    def append(self, *receipts: Receipt) -> None:
        """Write receipts; they are on disk when this returns. Raises HourbellError where they may not be."""
        content = b"".join(checked_line(receipt) for receipt in receipts)
        try:
            file = self._open()
            try:
                append_synced(file, self._end, content)
            except OSError:
                # what failed must not be read; the next goes into another file
                self.close()
                raise
        except OSError as error:
            raise HourbellError(
                f"Receipts cannot be written to {self._path}: {error.strerror}. Make room or give rights, then deliver "
                "again: what was under way is found out, and nothing is sent twice."
            ) from error
        self._end += len(content)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self) -> FileIO:
        if self._file is not None and self._end < _SEGMENT_BYTES:
            return self._file
        self.close()
        self._path = self.folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{self._deliverer}{_SUFFIX}"
        self._end = 0
        self._file = open_log(self._path)
        return self._file


def rows_of(receipt: Receipt) -> list[dict[str, Any]]:
    """The rows that a receipt lists, by the names of its columns."""
    columns: Sequence[str] = receipt["columns"]
    return [
        {
            name: datetime.fromisoformat(value) if name in _TIMES and value is not None else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in receipt["rows"]
    ]


_TIMES = frozenset({"tick_end", "claimed_at", "settled_at", "as_of"})
