"""Great Expectations over landed files, evaluated inside DuckDB: no row comes into Python.

Importing this module takes seconds, as Great Expectations does; `judging` imports it when there is something to judge.
"""

import atexit
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy as sa
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_condition_partial,
    multicolumn_condition_partial,
)

from activations.errors import HourbellError
from dagster_project.landing.duckdb_dialect import DRIVER, keep_results
from data.contract import ROW_ID, Expectation, Table

DATABASE = f"{DRIVER}:///:memory:hourbell_quality_gate"
MEMORY = "1GB"
_ROWS = "rows_to_satisfy"

# a first look at all of them, then a closer one at those that were not met: half the time of one close look at all
GLANCE = {"result_format": "BOOLEAN_ONLY"}
# counts and the SQL that finds the rows: enough to set them aside, and it does not grow with their number
CLOSE_LOOK = {
    "result_format": "BASIC",
    "unexpected_index_column_names": list(ROW_ID),
    "return_unexpected_index_query": True,
    "partial_unexpected_count": 0,
}

Result = Mapping[str, Any]
"""What Great Expectations found of one expectation: `success`, and `result` or `exception`."""

_one_at_a_time = Lock()


class DuckdbRegex(ColumnMapMetricProvider):
    """Great Expectations knows no regular expressions of DuckDB's."""

    condition_metric_name = "column_values.match_duckdb_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: sa.ColumnElement[str], regex: str, **_: object) -> sa.ColumnElement[bool]:  # noqa: N805
        return sa.func.regexp_matches(column, sa.literal(regex))


class NoDuckdbRegex(ColumnMapMetricProvider):
    """As above, the other way round."""

    condition_metric_name = "column_values.not_match_duckdb_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: sa.ColumnElement[str], regex: str, **_: object) -> sa.ColumnElement[bool]:  # noqa: N805
        return sa.not_(sa.func.regexp_matches(column, sa.literal(regex)))


class ExpectColumnValuesToMatchDuckdbRegex(ColumnMapExpectation):
    """Values match a regular expression somewhere, in the syntax of RE2."""

    regex: str
    map_metric = "column_values.match_duckdb_regex"
    success_keys = ("regex", "mostly")


class ExpectColumnValuesToNotMatchDuckdbRegex(ColumnMapExpectation):
    """Values match a regular expression nowhere, in the syntax of RE2."""

    regex: str
    map_metric = "column_values.not_match_duckdb_regex"
    success_keys = ("regex", "mostly")


class SqlCondition(MulticolumnMapMetricProvider):
    """A condition over a row, in DuckDB's SQL."""

    condition_metric_name = "multicolumn_values.sql_condition"
    condition_domain_keys = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")
    condition_value_keys = ("condition",)

    @multicolumn_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column_list: object, condition: str, **_: object) -> sa.ColumnElement[bool]:  # noqa: N805
        return sa.literal_column(f"({condition})", sa.Boolean())


class ExpectRowsToSatisfy(MulticolumnMapExpectation):
    """Rows satisfy an SQL condition; a row for which it is null is let through."""

    condition: str
    map_metric = "multicolumn_values.sql_condition"
    success_keys = ("condition", "mostly")


_OWN_CLASSES: Mapping[str, type[gxe.Expectation]] = {
    "column_values_to_match_regex": ExpectColumnValuesToMatchDuckdbRegex,
    "column_values_to_not_match_regex": ExpectColumnValuesToNotMatchDuckdbRegex,
    _ROWS: ExpectRowsToSatisfy,
}


class Engine:
    """An in-memory DuckDB and the Great Expectations context over it, both kept for the life of the process."""

    def __init__(self, database: str = DATABASE, docs: Path | None = None) -> None:
        """`docs` is where its pages go, if any are asked for."""
        # it neither phones home nor prints progress bars
        self.context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
                analytics_enabled=False,
                progress_bars={"globally": False, "metric_calculations": False},
                data_docs_sites=_site(docs) if docs is not None else None,
            ),
        )
        self._source = self.context.data_sources.add_sql("landed", connection_string=database)
        engine = self._source.get_execution_engine().engine
        keep_results(engine)
        # an open connection keeps the in-memory database
        self._connection = engine.connect()
        with self._connection.begin():
            for setting in ("TimeZone = 'UTC'", f"memory_limit = '{MEMORY}'"):
                self._connection.exec_driver_sql(f"set global {setting}")
        self._batches: dict[str, BatchDefinition] = {}

    def close(self) -> None:
        """Let go of the database, while there still is an interpreter to do so."""
        self._connection.close()
        self._source.get_execution_engine().close()
        self._source.get_engine().dispose()

    def show(self, view: str, relation: str) -> BatchDefinition:
        """Make the rows of an SQL query a view."""
        with self._connection.begin():
            self._connection.exec_driver_sql(f"create or replace view {view} as {relation}")
        if view not in self._batches:
            asset = self._source.add_table_asset(view, table_name=view)
            self._batches[view] = asset.add_batch_definition_whole_table("all")
        return self._batches[view]

    def judge(
        self, view: str, expectations: Mapping[int, Expectation], result_format: Mapping[str, Any]
    ) -> dict[int, Result]:
        """Judge a view's rows; a result for each expectation."""
        suite = gx.ExpectationSuite(view, expectations=[build(at, stated) for at, stated in expectations.items()])
        found = self._batches[view].get_batch().validate(suite, result_format=dict(result_format))
        return {
            result.expectation_config.meta["position"]: {
                "success": bool(result.success),
                "result": result.result or {},
                "exception": _exception(result.exception_info),
            }
            for result in found.results
        }


def evaluate(table: Table, view: str, relation: str) -> list[Result]:
    """Judge rows against a table's expectations; one result for each, in their order.

    `relation` is SQL of the rows, with `landing_file` and `landing_row`. An expectation that could not be evaluated
    has `exception` in its result. Of those that are met, `result` is empty.
    """
    stated = dict(enumerate(table.expectations))
    with _one_at_a_time:
        engine = _engine()
        engine.show(view, relation)
        results = _glance(engine, view, stated)
        unmet = {at: stated[at] for at, result in results.items() if not result["success"]}
        if unmet:
            results |= engine.judge(view, unmet, CLOSE_LOOK)
    return [results[at] for at in stated]


def _glance(engine: Engine, view: str, stated: Mapping[int, Expectation]) -> dict[int, Result]:
    """Whether each expectation is met. Conditions over a row are asked at once, as most rows satisfy all of them;
    where one does not, none counts as met before the closer look."""
    conditions = {
        at: one for at, one in stated.items() if one.expect == _ROWS and one.arguments.keys() == {"condition"}
    }
    if not conditions:
        return engine.judge(view, stated, GLANCE)
    first = min(conditions)
    every = " and ".join(f"({one.arguments['condition']})" for one in conditions.values())
    others = {at: one for at, one in stated.items() if at not in conditions}
    asked = {**others, first: replace(conditions[first], arguments={"condition": every})}
    results = engine.judge(view, asked, GLANCE)
    return results | dict.fromkeys(conditions, results[first])


@cache
def _engine() -> Engine:
    # it warns of every datasource and metric of a kind that it did not bring along
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    engine = Engine()
    atexit.register(engine.close)
    return engine


def build(position: int, stated: Expectation) -> gxe.Expectation:
    """An expectation of the contract, as Great Expectations has it."""
    arguments = dict(stated.arguments)
    if stated.expect == _ROWS:
        # it wants columns to be named; the condition names its own, and says what null means
        arguments |= {"column_list": list(ROW_ID), "ignore_row_if": "never"}
    camel = "Expect" + "".join(word.capitalize() for word in stated.expect.split("_"))
    built = _OWN_CLASSES.get(stated.expect) or getattr(gxe, camel, None)
    if built is None:
        raise HourbellError(f"Great Expectations knows no expectation {stated.expect!r} ({stated.reason}).")
    try:
        return built(**arguments, meta={"position": position})
    except (TypeError, ValueError) as error:
        raise HourbellError(
            f"The arguments of the expectation {stated.reason!r} (expect_{stated.expect}) are not what it takes: "
            f"{error}. Correct them in data/contract."
        ) from error


def _site(folder: Path) -> dict[str, Any]:
    return {
        "pages": {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False},
        }
    }


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """The message of what went wrong, out of either of the two shapes in which it comes."""
    if not info:
        return None
    if "raised_exception" in info:
        return str(info["exception_message"]) if info["raised_exception"] else None
    messages = {str(entry["exception_message"]) for entry in info.values() if entry.get("raised_exception")}
    return "; ".join(sorted(messages)) or None
