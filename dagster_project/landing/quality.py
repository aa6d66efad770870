"""The quality gate on the way in: newly landed files of a table, judged against its contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.exc import SQLAlchemyError

from activations.errors import HourbellError
from dagster_project.landing import judging
from dagster_project.landing.sources import quoted_text
from data.contract import Expectation, Table, contract

NOTHING_ELSE_HOLDS = "table_columns_to_match_set"


@dataclass(frozen=True)
class Outcome:
    """How landed rows met one expectation."""

    expectation: Expectation
    success: bool
    observed: str
    unexpected: int = 0
    """Rows that do not meet it; 0 for what is asked of the table as a whole."""
    query: str | None = None
    """SQL of those rows' `landing_file` and `landing_row`, over the view `Verdict.view`."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says of newly landed files of one table."""

    table: Table
    files: tuple[Path, ...]
    rows: int
    outcomes: tuple[Outcome, ...]

    @property
    def view(self) -> str:
        return view_name(self.table)

    @property
    def stops(self) -> tuple[Outcome, ...]:
        """What was asked of the table as a whole and not met: the tick must not decide on it."""
        return tuple(o for o in self.outcomes if not o.success and o.expectation.on_failure == "stop")

    @property
    def set_aside(self) -> tuple[Outcome, ...]:
        """Expectations with rows that go to quarantine."""
        return tuple(o for o in self.outcomes if o.unexpected and o.expectation.on_failure == "quarantine")

    @property
    def blanked(self) -> tuple[Outcome, ...]:
        """Expectations with values that are set to null."""
        return tuple(o for o in self.outcomes if o.unexpected and o.expectation.on_failure == "blank")

    @property
    def passed(self) -> bool:
        return not self.stops


class QualityStop(HourbellError):  # noqa: N818
    """A table as a whole is not what its contract says; nothing was taken in."""

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = tuple(verdicts)
        super().__init__(
            "\n".join(
                f"The quality gate stopped {verdict.table.name}: {outcome.expectation.reason} "
                f"(expect_{outcome.expectation.expect}; observed: {outcome.observed}). {outcome.expectation.mend} "
                f"Landed: {', '.join(str(file) for file in verdict.files)}."
                for verdict in self.verdicts
                for outcome in verdict.stops
            )
        )


def view_name(table: Table) -> str:
    """The name under which a table's newly landed rows are judged, and under which ingesting finds them again."""
    return f"landed_{table.name}"


def landed_rows(files: Sequence[Path]) -> str:
    """SQL of the rows of landed files, with the name of the file (`landing_file`) and the place in it
    (`landing_row`, from 0)."""
    names = ", ".join(quoted_text(file) for file in files)
    return (
        "select * exclude (filename, file_row_number), parse_filename(filename) as landing_file, "
        f"file_row_number as landing_row from read_parquet([{names}], filename=true, file_row_number=true, "
        "union_by_name=true)"
    )


def validate(table: Table | str, files: Sequence[Path]) -> Verdict:
    """Judge newly landed files of a table as one; nothing is changed.

    Raises HourbellError where an expectation cannot be evaluated: that is never taken for a failure, nor for success.
    """
    stated = contract(table) if isinstance(table, str) else table
    try:
        results = judging.evaluate(stated, view_name(stated), landed_rows(files))
        rows = _row_count(files)
    except (duckdb.Error, SQLAlchemyError, pa.ArrowException, OSError) as error:
        raise HourbellError(
            f"Landed files of {stated.name} cannot be read: {_said(error)}. "
            f"Take them out of landing and load them again: {', '.join(str(file) for file in files)}."
        ) from error
    shape = next(
        (
            result
            for stated_, result in zip(stated.expectations, results, strict=True)
            if stated_.expect == NOTHING_ELSE_HOLDS and not result["success"] and not result["exception"]
        ),
        None,
    )
    outcomes = [
        _outcome(expectation, result, rows)
        for expectation, result in zip(stated.expectations, results, strict=True)
        # without its columns nothing else of a table can be asked
        if shape is None or result is shape
    ]
    return Verdict(stated, tuple(files), rows, tuple(outcomes))


def _said(error: Exception) -> str:
    """What DuckDB said, without the statement that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def _outcome(expectation: Expectation, result: Mapping[str, Any], rows: int) -> Outcome:
    if result["exception"]:
        raise HourbellError(
            f"The expectation {expectation.reason!r} (expect_{expectation.expect}) could not be evaluated: "
            f"{result['exception']}. Correct it in data/contract."
        )
    found = result["result"]
    unexpected = int(found.get("unexpected_count") or 0)
    too_few = rows < expectation.from_rows
    return Outcome(
        expectation,
        success=too_few or (bool(result["success"]) and not (unexpected and expectation.on_failure != "stop")),
        observed=_observed(found, unexpected, rows),
        unexpected=0 if expectation.on_failure == "stop" else unexpected,
        query=_query(found) if unexpected else None,
    )


def _observed(found: Mapping[str, Any], unexpected: int, rows: int) -> str:
    mismatched = (found.get("details") or {}).get("mismatched")
    if mismatched:
        return "; ".join(f"{kind} {', '.join(map(str, names))}" for kind, names in sorted(mismatched.items()))
    if "observed_value" in found:
        return str(found["observed_value"])
    return f"{unexpected} of {rows} rows"


def _query(found: Mapping[str, Any]) -> str | None:
    query = found.get("unexpected_index_query")
    return str(query).rstrip().rstrip(";") if query else None


def _row_count(files: Sequence[Path]) -> int:
    return sum(pq.read_metadata(file).num_rows for file in files)
