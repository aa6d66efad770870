"""What became of actions, as files for landing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from activations.journal.journal import Journal
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


def write_outcomes(journal: Journal, spool: Path, *, at_least: int = 1) -> int:
    """Put the outcomes of newly settled actions into the spool, and return how many; fewer than `at_least` may wait.

    Each is written once. After a crash in between it may be written a second time, which its natural key makes
    harmless.
    """
    written = 0
    while len(rows := journal.unwritten_outcomes(_FROM, ROWS_A_FILE)) >= at_least:
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
