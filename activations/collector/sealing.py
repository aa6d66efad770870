"""What the collector has written, as files for landing."""

import fcntl
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from activations.collector.latest import note_latest
from activations.collector.objections import TABLE, note_statements
from activations.collector.store import SUFFIX
from activations.durable import read_checked_line
from activations.errors import HourbellError
from activations.spool import spool_file
from data.contract import LOADED_AT, contract

TAKEN = ".taken"
DAMAGED = ".damaged"

log = logging.getLogger(__name__)


def seal_collected(collected: Path, spool: Path, land: Callable[[], object] | None = None) -> list[Path]:
    """Put what was collected until now into the spool, let it land, and remove it here; returns the files in the spool.

    The collector may write meanwhile. Where this is interrupted, the next time makes the same files once more, and what
    has landed of them is not landed again.
    """
    if not collected.is_dir():
        return []
    try:
        with (collected / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in sorted(collected.glob(f"*{SUFFIX}")):
                _take(path)
            taken = [_seal(path, spool) for path in sorted(collected.glob(f"*{TAKEN}"))]
            sealed = [file for one in taken for file in one.sealed]
            if sealed and land is not None:
                land()
            for one in taken:
                _remove(one)
    except OSError as error:
        raise HourbellError(
            f"What was collected in {collected} cannot be read: {error.strerror}. Give yourself rights to it."
        ) from error
    return sealed


@dataclass(frozen=True)
class _Taken:
    """A file that was taken away, and what it became."""

    path: Path
    sealed: list[Path]
    is_damaged: bool


def _take(path: Path) -> None:
    """Take a file away from whoever writes it, between two of its lines."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.rename(path.with_name(f"{path.name}{TAKEN}"))


def _seal(path: Path, spool: Path) -> _Taken:
    rows: dict[str, list[dict[str, Any]]] = {}
    is_damaged = False
    for record in _records(path):
        if record is None:
            is_damaged = True
            continue
        for part in record["parts"]:
            rows.setdefault(part["table"], []).extend(part["rows"])
    if rows.get("events"):
        note_latest(path.parent, rows["events"])
    if rows.get(TABLE):
        note_statements(path.parent, rows[TABLE])
    sealed = [spool_file(spool, table, _frame(table, found)) for table, found in sorted(rows.items())]
    return _Taken(path, sealed, is_damaged)


def _remove(taken: _Taken) -> None:
    if not taken.is_damaged:
        taken.path.unlink()
        return
    kept = taken.path.with_name(f"{taken.path.name.removesuffix(TAKEN)}{DAMAGED}")
    taken.path.rename(kept)
    log.error("%s is damaged: what can be read of it lands, and it is kept for the rest.", kept)


def _records(path: Path) -> Iterator[dict[str, Any] | None]:
    """The records of a file; None for one that is not what was written.

    The last line may be what a crash left: it was never answered for, and ends the file.
    """
    with path.open("rb") as file:
        unread = False
        for line in file:
            if unread:
                yield None
            record = read_checked_line(line)
            unread = record is None
            if record is not None:
                yield record


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """All as text, which landing reads by the contract. Every column is there, so that none is missed."""
    names = dict.fromkeys([*contract(table).column_names, LOADED_AT])
    return pl.DataFrame(
        {name: [_text(row.get(name)) for row in rows] for name in names}, dict.fromkeys(names, pl.String)
    )


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
