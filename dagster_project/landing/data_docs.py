"""Great Expectations' own pages: what is expected of each table, and how what landed last met it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import great_expectations as gx
from great_expectations.core.run_identifier import RunIdentifier

from dagster_project.landing.duckdb_dialect import DRIVER
from dagster_project.landing.quality import landed_rows, view_name
from dagster_project.landing.suites import Engine, build
from data.contract import tables

_DATABASE = f"{DRIVER}:///:memory:hourbell_data_docs"
# numbers only: what people typed is nobody's who reads documentation
_COUNTED = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Landed:
    """Files of a table that were taken in together."""

    files: tuple[Path, ...]
    tick_start: datetime


@dataclass(frozen=True)
class Page:
    """What is written of one table."""

    table: str
    suite: Path
    validation: Path | None
    """None where nothing of it has landed."""
    met: int
    asked: int


def write_data_docs(folder: Path, landed: Mapping[str, Landed]) -> list[Page]:
    """Write the pages of every table of the contract into a folder, and say which they are."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    engine = Engine(_DATABASE, docs=folder)
    try:
        fared = {table.name: _keep(engine, table.name, landed.get(table.name)) for table in tables()}
        engine.context.build_data_docs()
    finally:
        engine.close()
    return [
        Page(
            name,
            folder / "expectations" / f"{name}.html",
            next(iter(sorted((folder / "validations" / name).rglob("*.html"))), None),
            met,
            asked,
        )
        for name, (met, asked) in fared.items()
    ]


def _keep(engine: Engine, name: str, landed: Landed | None) -> tuple[int, int]:
    """Put a table's expectations, and how they were met, where pages are made from; how many were met, of how many."""
    [table] = [table for table in tables() if table.name == name]
    expectations = []
    for position, stated in enumerate(table.expectations):
        expectation = build(position, stated)
        expectation.notes = f"What is wrong otherwise: {stated.reason}."
        expectations.append(expectation)
    suite = engine.context.suites.add(gx.ExpectationSuite(name, expectations=expectations))
    if landed is None:
        return 0, 0
    rows = engine.show(view_name(table), landed_rows(landed.files))
    definition = engine.context.validation_definitions.add(gx.ValidationDefinition(name=name, data=rows, suite=suite))
    at = landed.tick_start
    ran = RunIdentifier(run_name=f"tick-{at:%Y%m%dT%H%M}", run_time=at.replace(tzinfo=UTC))
    found = definition.run(result_format=dict(_COUNTED), run_id=ran)
    return sum(bool(result.success) for result in found.results), len(found.results)
