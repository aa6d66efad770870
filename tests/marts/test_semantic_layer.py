"""Each KPI as MetricFlow tells it, beside plain SQL over the same marts."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from dbt.contracts.graph.semantic_manifest import SemanticManifest
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from dagster_project.ticks.transform import manifest

FIRST_DAY = date(2026, 3, 30)
VALUES: dict[str, list[str]] = {
    "workflow": ["abandoned_cart", "welcome_series"],
    "step": ["entered", "reminder", "reassurance"],
    "variant": ["all", "short"],
    "channel": ["email", "sms"],
    "attribution_model": ["last_non_direct", "linear"],
    "currency": ["GBP"],
    "domain": ["mail.example", "post.example"],
    "topic": ["newsletter", "offers"],
}

Rows = dict[tuple[Any, ...], tuple[float | None, ...]]


class RendersOnly:
    """All that MetricFlow needs of a warehouse to write its SQL."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"


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


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> MetricFlowEngine:
    return read_semantics(tmp_path_factory.mktemp("semantics"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The marts that metrics are told of, by their contracts, with rows drawn by chance."""
    with duckdb.connect(tmp_path_factory.mktemp("warehouse") / "hourbell.duckdb") as connection:
        connection.execute("create schema marts")
        draw = Random(6)
        for model in manifest().semantic_models.values():
            assert model.node_relation is not None
            table = model.node_relation.alias
            [node] = [found for found in manifest().nodes.values() if found.name == table]
            columns = {name: str(column.data_type) for name, column in node.columns.items()}
            told = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute(f"create table marts.{table} ({told})")
            rows = [[value(draw, name, kind) for name, kind in columns.items()] for _ in range(400)]
            connection.executemany(f"insert into marts.{table} values ({', '.join('?' * len(columns))})", rows)
        yield connection


def value(draw: Random, name: str, kind: str) -> Any:
    day = FIRST_DAY + timedelta(days=draw.randrange(5))
    if kind == "date":
        return day.replace(day=1) if "month" in name else day
    if kind == "timestamp":
        return datetime(day.year, day.month, day.day)
    if kind == "varchar":
        return draw.choice(VALUES.get(name, ["one", "other"]))
    return Decimal(draw.randrange(100_000)) / 100 if kind.startswith("decimal") else draw.randrange(50)


def asked(engine: MetricFlowEngine, warehouse: duckdb.DuckDBPyConnection, metrics: list[str], by: list[str]) -> Rows:
    """What MetricFlow tells: its metrics by its dimensions."""
    request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=by)
    found = warehouse.execute(engine.explain(request).sql_statement.sql)
    names = [column[0] for column in found.description or []]
    order = [*range(len(by)), *(names.index(metric) for metric in metrics)]
    return as_rows([tuple(row[place] for place in order) for row in found.fetchall()], len(by))


def as_rows(rows: list[tuple[Any, ...]], keys: int) -> Rows:
    def plain(value: Any) -> Any:
        return value.date() if isinstance(value, datetime) else value

    return {
        tuple(plain(key) for key in row[:keys]): tuple(None if told is None else float(told) for told in row[keys:])
        for row in rows
    }


def assert_same(told: Rows, expected: Rows) -> None:
    assert told.keys() == expected.keys()
    assert expected, "there is something to compare"
    for key, values in expected.items():
        assert told[key] == pytest.approx(values), key


KPIS = {
    "engagement by day and workflow": (
        ["open_rate", "machine_open_rate", "click_rate", "unsubscribe_rate", "complaint_rate"],
        ["metric_time__day", "workflow_day__workflow"],
        """
        select day, workflow, sum(opened) / sum(delivered), sum(opened_by_machine) / sum(delivered),
            sum(clicked) / sum(delivered), sum(unsubscribed) / sum(delivered), sum(complained) / sum(delivered)
        from marts.workflow_performance group by all
        """,
    ),
    "conversion by workflow": (
        ["conversion_rate", "goal_revenue", "enrollments"],
        ["workflow_day__workflow"],
        """
        select workflow, sum(converted) / sum(reached) filter (step = 'entered'), sum(revenue),
            sum(reached) filter (step = 'entered')
        from marts.workflow_performance group by all
        """,
    ),
    "what was held back, by week": (
        ["held_back_rate", "messages_held_back_by_caps", "delivery_rate", "bounce_rate", "click_to_open_rate"],
        ["metric_time__week"],
        """
        select date_trunc('week', day), sum(
                stopped_global_holdout + stopped_erased + stopped_no_consent + stopped_unreachable + stopped_exited
                + stopped_expired + stopped_suppressed + stopped_quiet_hours + stopped_frequency_cap
                + stopped_provider_rate
            ) / sum(decided), sum(stopped_frequency_cap), sum(delivered) / sum(sent), sum(bounced) / sum(sent),
            sum(clicked) / sum(opened)
        from marts.workflow_performance group by all
        """,
    ),
    "credit by channel": (
        ["attributed_revenue", "attributed_conversions"],
        ["attributed_month__channel"],
        """
        select channel, sum(revenue), sum(conversions) from marts.attribution_totals
        where attribution_model = 'last_non_direct' group by all
        """,
    ),
    "models of attribution": (
        ["credited_revenue"],
        ["attributed_month__attribution_model"],
        "select attribution_model, sum(revenue) from marts.attribution_totals group by all",
    ),
    "return on investment by month and workflow": (
        ["roi", "total_cost"],
        ["metric_time__month", "workflow_month__workflow"],
        """
        select month, workflow, (sum(revenue) - sum(tool_cost + time_cost)) / sum(total_cost), sum(total_cost)
        from marts.workflow_roi group by all
        """,
    ),
    "deliverability by domain": (
        ["email_return_rate", "email_complaint_rate"],
        ["domain_day__domain"],
        """
        select domain, sum(refused + bounced) / sum(accepted + refused), sum(complained) / sum(accepted)
        from marts.email_deliverability group by all
        """,
    ),
    "the list as its last day left it": (
        ["list_members"],
        ["list_day__channel", "list_day__topic"],
        """
        select channel, topic, sum(members) from marts.list_growth
        where day = (select max(day) from marts.list_growth) group by all
        """,
    ),
    "how the list grew": (
        ["list_net_growth"],
        ["list_day__channel"],
        """
        select channel, sum(joined) - sum(unsubscribed + bounced + erased + without_address + merged)
        from marts.list_growth group by all
        """,
    ),
    "customers as of the last midnight": (
        ["repeat_purchase_rate", "lifetime_value", "average_order_value"],
        ["cohort__cohort_month__month"],
        """
        select cohort_month, sum(repeat_customers) / sum(customers), sum(revenue) / sum(customers),
            sum(revenue) / sum(orders)
        from marts.customer_lifetime_value
        where as_of = (select max(as_of) from marts.customer_lifetime_value) group by all
        """,
    ),
}


@pytest.mark.parametrize("kpi", KPIS)
def test_a_kpi_is_what_its_mart_says(engine: MetricFlowEngine, warehouse: duckdb.DuckDBPyConnection, kpi: str) -> None:
    metrics, by, sql = KPIS[kpi]
    assert_same(asked(engine, warehouse, metrics, by), as_rows(warehouse.execute(sql).fetchall(), len(by)))


@pytest.mark.parametrize(
    ("kpi", "change"),
    [
        (
            "engagement by day and workflow",
            ('"measure": {"name": "opened",', '"measure": {"name": "opened_by_machine",'),
        ),
        ("conversion by workflow", ("') }} = 'entered'", "') }} = 'reminder'")),
        ("credit by channel", ("= 'last_non_direct'", "= 'linear'")),
        ("the list as its last day left it", ('"window_choice": "max"', '"window_choice": "min"')),
    ],
    ids=["machines among the opens", "another step", "another model", "the first day"],
)
def test_another_definition_is_caught(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, kpi: str, change: tuple[str, str]
) -> None:
    metrics, by, sql = KPIS[kpi]
    changed = read_semantics(tmp_path, change)
    with pytest.raises(AssertionError):
        assert_same(asked(changed, warehouse, metrics, by), as_rows(warehouse.execute(sql).fetchall(), len(by)))


def test_every_metric_is_told_and_described(engine: MetricFlowEngine, warehouse: duckdb.DuckDBPyConnection) -> None:
    named = {metric.name: metric for metric in manifest().metrics.values()}
    assert all(metric.description.endswith(".") and metric.label for metric in named.values())
    compared = {name for metrics, _, _ in KPIS.values() for name in metrics}
    for name in named.keys() - compared:
        assert asked(engine, warehouse, [name], [])
