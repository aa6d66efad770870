"""Great Expectations over the files of an outbox, before delivery can see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy.exc import SQLAlchemyError

from activations.errors import HourbellError
from activations.templating.files import template_names
from activations.yaml_files import read_yaml
from dagster_project.landing import judging
from dagster_project.landing.quality import landed_rows
from dagster_project.landing.sources import quoted_text
from dagster_project.landing.splitting import timestamp
from dagster_project.registry import registered_steps
from data.contract import Expectation, Table

EXPECTATIONS = Path(__file__).with_name("expectations.yml")
VIEW = "outbox_examined"
_EXAMINED = "examined"
_ONLY_RENDERED = ("profile", "context")
"""Wide columns, which rendering reads and hardly an expectation asks for."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a workflow's actions."""

    workflow: str
    reason: str
    actions: int
    example: int | None

    def __str__(self) -> str:
        return f"{self.actions:,} × {self.reason}" + (f" (as action {self.example})" if self.example else "")


def examine(
    connection: duckdb.DuckDBPyConnection,
    staged: Sequence[Path],
    evidence: Path,
    *,
    tick_end: datetime,
    templates: Path,
) -> list[Fault]:
    """Judge the files of a tick, with the second look that a Parquet file `evidence` holds, a row an action.

    Raises HourbellError where an expectation cannot be evaluated: that is never taken for success.
    """
    channels = [name for (name,) in connection.execute("select channel from configuration.channels").fetchall()]
    table = stated_expectations(channels, template_names(templates), tick_end)
    # found and joined once, and not with each of dozens of questions
    beside = evidence.with_name(_EXAMINED)
    asked = str([expectation.arguments for expectation in table.expectations])
    left_out = [column for column in _ONLY_RENDERED if column not in asked]
    rows = f"from read_parquet({quoted_text(beside)})"
    try:
        connection.execute(
            f"copy (select columns(lambda name: name not in {left_out}), "
            f"concat_ws('.', workflow, step) as workflow_step from ({landed_rows(staged)}) "
            "left join (select distinct on (action_id) * from "
            f"read_parquet({quoted_text(evidence)})) using (action_id)) to {quoted_text(beside)} (format parquet)"
        )
        results = judging.evaluate(table, VIEW, rows)
        faults = []
        for expectation, result in zip(table.expectations, results, strict=True):
            if result["exception"]:
                raise HourbellError(
                    f"The expectation {expectation.reason!r} could not be evaluated: {result['exception']}"
                )
            if not result["success"]:
                faults += _faults(connection, rows, expectation, result["result"])
    except (duckdb.Error, SQLAlchemyError) as error:
        raise HourbellError(f"The outbox cannot be read: {getattr(error, 'orig', None) or error}") from error
    return faults


def stated_expectations(channels: Sequence[str], templates: Sequence[str], tick_end: datetime) -> Table:
    """What expectations.yml states, with the names and times that it leaves open."""
    sets = {"channels": list(channels), "steps": registered_steps()}
    listed = ", ".join(quoted_text(name) for name in templates)
    expectations = []
    for entry in read_yaml(EXPECTATIONS):
        expect, reason = entry.pop("expect"), entry.pop("reason")
        if "value_set" in entry:
            entry["value_set"] = sets[entry["value_set"]]
        if "condition" in entry:
            entry["condition"] = (
                entry["condition"].replace("$templates", f"[{listed}]").replace("$tick_end", timestamp(tick_end))
            )
        expectations.append(Expectation(expect, "quarantine", reason, entry))
    return Table(
        "outbox", "What a tick is about to send.", "One row per action.", ("action_id",), (), tuple(expectations)
    )


def _faults(
    connection: duckdb.DuckDBPyConnection, rows: str, expectation: Expectation, found: Mapping[str, Any]
) -> list[Fault]:
    query = str(found.get("unexpected_index_query") or "").rstrip().rstrip(";")
    if not query:
        raise HourbellError(f"The expectation {expectation.reason!r} failed and does not say for which rows.")
    connection.execute(f"create or replace temp view {VIEW} as {rows}")
    concerned = connection.execute(
        "select workflow, count(*), min(action_id) from "
        f"{VIEW} semi join ({query}) as found using (landing_file, landing_row) group by workflow order by workflow"
    ).fetchall()
    if sum(number for _, number, _ in concerned) != int(found.get("unexpected_count") or 0):
        raise HourbellError(f"The rows for which {expectation.reason!r} failed cannot be found again.")
    return [Fault(workflow, expectation.reason, number, example) for workflow, number, example in concerned]
