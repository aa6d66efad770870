"""What became of actions, as files for landing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from activations.journal.journal import Journal
from activations.journal.rows import Settlement
from activations.spool import spool_file

ROWS_A_FILE = 10_000
OUTCOMES = pl.Schema(
    {
        "action_id": pl.Int64(),
        "channel": pl.String(),
        "status": pl.String(),
        "reason": pl.String(),
        "provider": pl.String(),
        "provider_message_id": pl.String(),
        "occurred_at": pl.Datetime("us"),
    }
)
_FROM = [{"occurred_at": "settled_at"}.get(name, name) for name in OUTCOMES]


class OwnOutcomes:
    """Those of what one deliverer settles, which it knows without reading them back from the journal.

    They go into files as soon as there are enough for one. What is left, also by a crash, `write_outcomes` finds.
    """

    def __init__(self, journal: Journal, spool: Path, rows_a_file: int) -> None:
        self._journal = journal
        self._spool = spool
        self._rows_a_file = rows_a_file
        self._columns: dict[str, list[Any]] = {name: [] for name in OUTCOMES}
        self.written = 0

    def add(self, channel: str, provider: str, settlements: Sequence[Settlement], now: datetime) -> None:
        """Settlements that the journal has; what is unknown may be resolved any moment, and is left to it."""
        settlements = [each for each in settlements if each.status != "unknown"]
        if not settlements:
            return
        number = len(settlements)
        same = {"channel": channel, "provider": provider, "occurred_at": now}
        own = dict(zip(Settlement._fields, zip(*settlements, strict=True), strict=True))
        for name, column in self._columns.items():
            column += [same[name]] * number if name in same else own[name]
        while len(self._columns["action_id"]) >= self._rows_a_file:
            self._write_file()

    def _write_file(self) -> None:
        columns = {name: column[: self._rows_a_file] for name, column in self._columns.items()}
        self._columns = {name: column[self._rows_a_file :] for name, column in self._columns.items()}
        frame = _frame(columns)
        # another delivery may have come by and written some
        missing = self._journal.without_outcome(columns["action_id"])
        if len(missing) < len(frame):
            frame = frame.filter(pl.col("action_id").is_in(missing))
        if missing:
            spool_file(self._spool, "outcomes", frame)
            self._journal.outcomes_written(missing)
            self.written += len(missing)


def write_outcomes(journal: Journal, spool: Path) -> int:
    """Put the outcomes of newly settled actions into the spool, and return how many.

    Each is written once. After a crash in between it may be written a second time, which its natural key makes
    harmless.
    """
    written = 0
    while rows := journal.unwritten_outcomes(_FROM, ROWS_A_FILE):
        columns = dict(zip(OUTCOMES, map(list, zip(*rows, strict=True)), strict=True))
        spool_file(spool, "outcomes", _frame(columns))
        journal.outcomes_written(columns["action_id"])
        written += len(rows)
    return written


def _frame(columns: Mapping[str, list[Any]]) -> pl.DataFrame:
    moments = pl.Series(columns["occurred_at"])
    if moments.dtype == pl.String:
        moments = moments.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
    return pl.DataFrame({**columns, "occurred_at": moments}, OUTCOMES)
