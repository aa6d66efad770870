"""What the collector has written, as files for landing."""

import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from activations.collector.latest import note_latest
from activations.collector.store import SUFFIX
from activations.durable import read_checked_line
from activations.errors import HourbellError
from activations.spool import spool_file
from data.contract import LOADED_AT, contract

TAKEN = ".taken"
DAMAGED = ".damaged"

log = logging.getLogger(__name__)


def seal_collected(collected: Path, spool: Path) -> list[Path]:
    """Put what was collected until now into the spool, and remove it here; returns the files in the spool.

    The collector may write meanwhile. Where this is interrupted, the next time makes the same files once more, and what
    has landed of them is not landed again.
    """
    if not collected.is_dir():
        return []
    sealed: list[Path] = []
    try:
        with (collected / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in sorted(collected.glob(f"*{SUFFIX}")):
                _take(path)
            for path in sorted(collected.glob(f"*{TAKEN}")):
                sealed += _seal(path, spool)
    except OSError as error:
        raise HourbellError(
            f"What was collected in {collected} cannot be read: {error.strerror}. Give yourself rights to it."
        ) from error
    return sealed


def _take(path: Path) -> None:
    """Take a file away from whoever writes it, between two of its lines."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.rename(path.with_name(f"{path.name}{TAKEN}"))


def _seal(path: Path, spool: Path) -> list[Path]:
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
    sealed = [spool_file(spool, table, _frame(table, found)) for table, found in sorted(rows.items())]
    if is_damaged:
        kept = path.with_name(f"{path.name.removesuffix(TAKEN)}{DAMAGED}")
        path.rename(kept)
        log.error("%s is damaged: what can be read of it lands, and it is kept for the rest.", kept)
    else:
        path.unlink()
    return sealed


def _records(path: Path) -> Iterator[dict[str, Any] | None]:
    """The records of a file; None for one that is not what was written.

    The last line may be what a crash left: it was never answered for, and ends the file.
    """
    with path.open("rb") as file:
        unread = False
        for line in file:
            if unread:
                yield None
            record = read_checked_line(line) if line.endswith(b"\n") else None
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
