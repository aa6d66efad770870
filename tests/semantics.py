"""dbt's semantic layer, as MetricFlow tells it over any file of marts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from dbt.contracts.graph.semantic_manifest import SemanticManifest
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from dagster_project.ticks.transform import manifest

Rows = dict[tuple[Any, ...], tuple[float | None, ...]]


class RendersOnly:
    """All that MetricFlow needs of a warehouse to write its SQL."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"


@dataclass(frozen=True)
class Source:
    """Where a metric has its figures."""

    model: str
    mart: str
    dimensions: Mapping[str, str]
    """By what it can be told: columns of the mart, and what MetricFlow calls them."""


def read_semantics(folder: Path, change: tuple[str, str] | None = None) -> MetricFlowEngine:
    """The project's definitions, perhaps with one of their texts changed."""
    path = folder / "semantic_manifest.json"
    SemanticManifest(manifest()).write_json_to_file(str(path))
    written = path.read_text()
    if change is not None:
        assert change[0] in written
        written = written.replace(*change)
    known = parse_manifest_from_dbt_generated_manifest(manifest_json_string=written)
    return MetricFlowEngine(SemanticManifestLookup(known), RendersOnly())  # type: ignore[arg-type]


@cache
def sources() -> dict[str, Source]:
    """Where each metric has its figures, by its name."""
    by_measure: dict[str, Source] = {}
    for model in manifest().semantic_models.values():
        assert model.node_relation is not None
        dimensions = {
            str(dimension.expr or dimension.name): f"{model.primary_entity}__{dimension.name}"
            + (f"__{dimension.type_params.time_granularity.value}" if dimension.type_params else "")
            for dimension in model.dimensions
        }
        source = Source(model.name, model.node_relation.alias, dimensions)
        by_measure |= {measure.name: source for measure in model.measures}
    return {
        metric.name: by_measure[metric.type_params.input_measures[0].name] for metric in manifest().metrics.values()
    }


def asked(
    engine: MetricFlowEngine,
    warehouse: duckdb.DuckDBPyConnection,
    metrics: Sequence[str],
    by: Sequence[str],
    where: Sequence[str] = (),
) -> Rows:
    """What MetricFlow tells: metrics by their dimensions."""
    request = MetricFlowQueryRequest.create(
        metric_names=list(metrics), group_by_names=list(by), where_constraints=list(where)
    )
    found = warehouse.execute(engine.explain(request).sql_statement.sql)
    names = [column[0] for column in found.description or []]
    order = [names.index(name) for name in (*by, *metrics)]
    return as_rows([tuple(row[place] for place in order) for row in found.fetchall()], len(by))


def as_rows(rows: Sequence[tuple[Any, ...]], keys: int) -> Rows:
    def plain(value: Any) -> Any:
        return value.date() if isinstance(value, datetime) else value

    return {
        tuple(plain(key) for key in row[:keys]): tuple(None if told is None else float(told) for told in row[keys:])
        for row in rows
    }
