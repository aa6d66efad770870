"""Each KPI as MetricFlow tells it, beside plain SQL over the same marts."""

from collections.abc import Iterable, Iterator
from copy import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from dbt.contracts.graph.nodes import Metric
from metricflow.engine.metricflow_engine import MetricFlowEngine
from semantics import Rows, as_rows, asked, read_semantics, sources

from dagster_project.ticks.transform import manifest

FIRST_DAY = date(2026, 3, 30)
VALUES: dict[str, list[str]] = {
    "workflow": ["abandoned_cart", "welcome_series"],
    "step": ["entered", "reminder", "reassurance"],
    "variant": ["all", "short"],
    "channel": ["email", "sms"],
    "attribution_model": ["last_non_direct", "linear"],
    "currency": ["GBP", "EUR"],
    "domain": ["mail.example", "post.example"],
    "topic": ["newsletter", "offers"],
}

# without a value it is all months together, the whole workflow
WHOLE = {("marketing_lift", "month"), ("revenue_lift", "step"), ("adjusted_lift", "step")}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> MetricFlowEngine:
    return read_semantics(tmp_path_factory.mktemp("semantics"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The marts that metrics are told of, by their contracts, with rows drawn by chance."""
    with duckdb.connect(tmp_path_factory.mktemp("warehouse") / "hourbell.duckdb") as connection:
        connection.execute("create schema marts")
        draw = Random(6)
        for table in sorted({source.mart for source in sources().values()}):
            [node] = [found for found in manifest().nodes.values() if found.name == table]
            columns = {name: str(column.data_type) for name, column in node.columns.items()}
            told = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute(f"create table marts.{table} ({told})")
            rows = [[value(draw, table, name, kind) for name, kind in columns.items()] for _ in range(400)]
            connection.executemany(f"insert into marts.{table} values ({', '.join('?' * len(columns))})", rows)
        yield connection


def value(draw: Random, table: str, name: str, kind: str) -> Any:
    if (table, name) in WHOLE and draw.randrange(3) == 0:
        return None
    day = FIRST_DAY + timedelta(days=draw.randrange(5))
    if kind == "date":
        return day.replace(day=1) if "month" in name else day
    if kind == "timestamp":
        return datetime(day.year, day.month, day.day)
    if kind == "varchar":
        return draw.choice(VALUES.get(name, ["one", "other"]))
    if kind == "boolean":
        return draw.randrange(2) == 1
    if kind.startswith("decimal(9,8)"):
        return Decimal(draw.randrange(100)) / 100
    return Decimal(draw.randrange(100_000)) / 100 if kind.startswith("decimal") else draw.randrange(50)


def assert_same(told: Rows, expected: Rows) -> None:
    assert told.keys() == expected.keys()
    assert expected, "there is something to compare"
    for key, values in expected.items():
        assert told[key] == pytest.approx(values), key


KPIS = {
    "engagement by day and workflow": (
        [
            "open_rate",
            "machine_open_rate",
            "click_rate",
            "click_to_open_rate",
            "unsubscribe_rate",
            "complaint_rate",
            "delivery_rate",
            "bounce_rate",
        ],
        ["metric_time__day", "message_day__workflow"],
        """
        select day, workflow, sum(opened) / sum(delivered), sum(opened_by_machine) / sum(delivered),
            sum(clicked) / sum(delivered), sum(clicked) / sum(opened), sum(unsubscribed) / sum(delivered),
            sum(complained) / sum(delivered), sum(delivered) / sum(sent), sum(bounced) / sum(sent)
        from marts.channel_performance group by all
        """,
    ),
    "conversion by workflow": (
        ["conversion_rate", "enrollments"],
        ["workflow_day__workflow"],
        """
        select workflow, sum(converted) / sum(reached) filter (step = 'entered'), sum(reached) filter (step = 'entered')
        from marts.workflow_performance group by all
        """,
    ),
    "what goals were worth": (
        ["goal_revenue"],
        ["workflow_day__workflow", "workflow_day__currency"],
        "select workflow, currency, sum(revenue) from marts.workflow_performance group by all",
    ),
    "what was held back, by week": (
        ["held_back_rate", "messages_held_back_by_caps", "messages_held_back_by_consent", "carried_out_rate"],
        ["metric_time__week"],
        """
        select date_trunc('week', day), sum(
                stopped_global_holdout + stopped_erased + stopped_no_consent + stopped_unreachable + stopped_exited
                + stopped_expired + stopped_suppressed + stopped_quiet_hours + stopped_frequency_cap
                + stopped_provider_rate
            ) / sum(decided), sum(stopped_frequency_cap), sum(stopped_no_consent), sum(sent) / sum(decided)
        from marts.workflow_performance group by all
        """,
    ),
    "credit by channel": (
        ["attributed_revenue", "attributed_conversions"],
        ["attributed__channel"],
        """
        select channel, sum(attributed_revenue), sum(attributed_conversions) from marts.attributed_conversions
        where is_counted_by group by all
        """,
    ),
    "models of attribution": (
        ["credited_revenue"],
        ["attributed__attribution_model"],
        "select attribution_model, sum(attributed_revenue) from marts.attributed_conversions group by all",
    ),
    "return on investment by month and workflow": (
        ["roi", "total_cost", "roi_after_all_costs"],
        ["metric_time__month", "workflow_month__workflow", "workflow_month__currency"],
        """
        select month, workflow, currency, (sum(revenue) - sum(tool_cost + time_cost)) / sum(total_cost),
            sum(total_cost), sum(revenue) / sum(total_cost) - 1
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
        ["list_net_growth", "list_loss_rate"],
        ["list_day__channel"],
        """
        select channel, sum(joined) - sum(unsubscribed + bounced + erased + without_address + merged),
            sum(unsubscribed + bounced + erased + without_address + merged)
            / sum(members_before) filter (day = (select min(day) from marts.list_growth))
        from marts.list_growth group by all
        """,
    ),
    "customers as of the last midnight": (
        ["lifetime_value", "average_order_value"],
        ["cohort__cohort_month__month", "cohort__currency"],
        """
        select cohort_month, currency, sum(revenue) / sum(customers), sum(revenue) / sum(orders)
        from marts.customer_lifetime_value
        where as_of = (select max(as_of) from marts.customer_lifetime_value) group by all
        """,
    ),
    "who orders again": (
        ["repeat_purchase_rate", "customers"],
        ["repeating__cohort_month__month"],
        """
        select cohort_month, sum(repeat_customers) / sum(customers), sum(customers) from marts.repeat_purchase
        where as_of = (select max(as_of) from marts.repeat_purchase) group by all
        """,
    ),
    "time to conversion beside those who get nothing": (
        ["median_hours_to_conversion", "converted_in_a_day_rate", "converted_in_a_week_rate"],
        ["conversion_time__workflow", "conversion_time__assignment"],
        """
        select workflow, assignment, max(half_within_hours), sum(converted_in_a_day) / sum(people_for_a_day),
            sum(converted_in_a_week) / sum(people_for_a_week)
        from marts.time_to_conversion group by all
        """,
    ),
    "rates of the week beside what providers allow": (
        [
            "week_return_rate",
            "return_rate_limit",
            "week_complaint_rate",
            "complaint_rate_limit",
            "complaint_rate_warning",
        ],
        ["domain_day__domain"],
        """
        select domain, sum(returned_in_week) / sum(tried_in_week), min(bounce_limit),
            sum(complained_in_week) / sum(accepted_in_week), min(complaint_limit), min(complaint_warning)
        from marts.email_deliverability
        where day = (select max(day) from marts.email_deliverability) group by all
        """,
    ),
    "messages a contact a week": (
        ["messages_per_contact", "held_back_in_week", "capped_in_week"],
        [],
        """
        select sum(contacts * messages_in_week) / sum(contacts), sum(
                stopped_global_holdout + stopped_erased + stopped_no_consent + stopped_unreachable + stopped_exited
                + stopped_expired + stopped_suppressed + stopped_quiet_hours + stopped_frequency_cap
                + stopped_provider_rate
            ), sum(stopped_frequency_cap)
        from marts.contact_fatigue where as_of = (select max(as_of) from marts.contact_fatigue)
        """,
    ),
    "what the marginal message earns": (
        ["marginal_message_earns", "revenue_per_marginal_message", "marginal_lost_contacts"],
        ["marginal__message_number", "marginal__currency"],
        """
        select message_number, currency, max(earned_per_person), sum(revenue) / max(people), max(lost_contacts)
        from marts.marginal_message where as_of = (select max(as_of) from marts.marginal_message) group by all
        """,
    ),
    "who comes back": (
        ["retention"],
        ["cohort_age__cohort_month__month", "cohort_age__months_since"],
        """
        select cohort_month, months_since, sum(active_customers) / nullif(sum(customers), 0) from marts.cohort_retention
        where as_of = (select max(as_of) from marts.cohort_retention) group by all
        """,
    ),
    "whether the score tells what people do": (
        ["level_order_rate", "calibrated_expected"],
        ["calibrated__level"],
        """
        select level, sum(ordered) / nullif(sum(contacts), 0), sum(expected_ordered) from marts.score_calibration
        where as_of = (select max(as_of) from marts.score_calibration) group by all
        """,
    ),
    "incremental revenue": (
        ["incremental_revenue", "incremental_revenue_low", "incremental_revenue_high", "incremental_roi"],
        ["metric_time__month", "incremental_month__workflow", "incremental_month__currency"],
        """
        select month, workflow, currency, sum(incremental_revenue), max(incremental_revenue_low),
            max(incremental_revenue_high), sum(incremental_roi * total_cost) / sum(total_cost)
        from marts.incremental_revenue group by all
        """,
    ),
    "what all marketing adds": (
        ["marketing_added_revenue", "marketing_added_revenue_low", "marketing_added_revenue_high"],
        ["marketing_month__currency"],
        """
        select currency, sum(incremental_revenue) filter (where month is null),
            max(incremental_revenue_low) filter (where month is null),
            max(incremental_revenue_high) filter (where month is null)
        from marts.marketing_lift group by all
        """,
    ),
    "what workflows add": (
        ["conversion_lift", "conversion_lift_low", "added_conversions", "treated_conversion_rate", "conversion_power"],
        ["lifted__workflow"],
        """
        select workflow, max(conversion_lift), max(conversion_lift_low), sum(added_conversions),
            sum(treated_converted) / sum(treated), max(conversion_power)
        from marts.holdout_lift group by all
        """,
    ),
    "what steps add": (
        ["step_conversion_lift", "step_added_conversions"],
        ["step_lifted__workflow", "step_lifted__step"],
        "select workflow, step, max(conversion_lift), sum(added_conversions) from marts.step_lift group by all",
    ),
    "what workflows add in money": (
        ["revenue_lift", "added_revenue", "added_revenue_low", "added_revenue_high", "step_added_revenue"],
        ["revenue_lifted__workflow", "revenue_lifted__currency"],
        """
        select workflow, currency, max(revenue_lift) filter (step is null), sum(added_revenue) filter (step is null),
            max(added_revenue_low) filter (step is null), max(added_revenue_high) filter (step is null),
            sum(added_revenue) filter (step is not null)
        from marts.revenue_lift group by all
        """,
    ),
    "lift as of the last tick": (
        ["added_conversions", "people_converted", "experiment_contacts"],
        ["metric_time__day"],
        """
        select as_of, sum(lifts), sum(times), sum(variants) from (
            select as_of, added_conversions as lifts, null as times, null as variants from marts.holdout_lift
            union all select as_of, null, converted, null from marts.time_to_conversion
            union all select as_of, null, null, contacts from marts.experiment_results
        ) group by all
        """,
    ),
    "lift less what was spent before": (
        ["plain_lift", "adjusted_lift", "adjusted_lift_high", "variance_reduction"],
        ["adjusted__workflow", "adjusted__step", "adjusted__measure", "adjusted__currency"],
        """
        select workflow, step, measure, currency, max(lift), max(adjusted_lift), max(adjusted_lift_high),
            max(variance_reduction)
        from marts.adjusted_lift group by all
        """,
    ),
    "variants": (
        ["experiment_contacts", "variant_mean", "variant_lift"],
        ["variant_result__experiment", "variant_result__variant"],
        "select experiment, variant, sum(contacts), max(mean), max(lift) from marts.experiment_results group by all",
    ),
    "payback": (
        ["months_to_pay_back", "cost_covered", "added_months_to_pay_back", "added_cost_covered"],
        ["payback__workflow", "payback__currency"],
        """
        select workflow, currency, max(months_to_pay_back), sum(revenue) / sum(total_cost),
            max(added_months_to_pay_back), sum(added_revenue) / sum(total_cost)
        from marts.workflow_payback group by all
        """,
    ),
    "cost by tick": (
        ["cost_per_tick", "cost_per_action", "seconds_per_tick", "longest_tick"],
        ["metric_time__day"],
        """
        select cast(tick_end - interval '1 microsecond' as date), sum(money) / count(*), sum(money) / sum(actions),
            sum(seconds) / count(*), max(seconds)
        from marts.tick_costs group by all
        """,
    ),
    "what was set aside": (
        ["share_set_aside", "values_blanked"],
        ["landing__table_name"],
        """
        select table_name, sum(rows_set_aside) / sum(rows_taken_in + rows_set_aside), sum(values_blanked)
        from marts.data_quality group by all
        """,
    ),
    "what that cost": (
        ["faults_found", "worth_of_faults"],
        ["finding__reason", "finding__currency"],
        "select reason, currency, sum(rows_found), sum(worth) from marts.data_quality_findings group by all",
    ),
    "what was held, and what that cost": (
        ["messages_held", "held_messages_lost", "revenue_lost_by_holds", "added_revenue_lost_by_holds", "hours_held"],
        ["hold__workflow", "hold__currency"],
        """
        select workflow, currency, sum(messages), sum(lost), sum(revenue_lost), sum(added_revenue_lost), avg(hours_held)
        from marts.held_messages group by all
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
        (
            "credit by channel",
            ("Dimension('attributed__is_counted_by') }}", "Dimension('attributed__attribution_model') }} = 'linear'"),
        ),
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


# the KPIs that are asked for, and the metric that defines each
NAMED = {
    "opens by deliveries": "open_rate",
    "machine opens apart": "machine_open_rate",
    "clicks by deliveries": "click_rate",
    "conversion": "conversion_rate",
    "time to conversion": "median_hours_to_conversion",
    "in time, beside those who get nothing": "converted_in_a_week_rate",
    "unsubscribe rate": "unsubscribe_rate",
    "complaint rate": "complaint_rate",
    "what providers allow": "complaint_rate_limit",
    "deliverability by domain": "email_return_rate",
    "list growth": "list_growth_rate",
    "list health": "list_loss_rate",
    "messages a contact a week": "messages_per_contact",
    "held back": "held_back_in_week",
    "what the marginal message earns": "marginal_message_earns",
    "cohort retention": "retention",
    "repeat purchase": "repeat_purchase_rate",
    "customer lifetime value": "lifetime_value",
    "revenue attributed": "attributed_revenue",
    "revenue incremental": "incremental_revenue",
    "ROI": "roi",
    "payback": "months_to_pay_back",
    "cost by tick": "cost_per_tick",
}


def defined_twice(also: Iterable[Metric] = ()) -> list[list[str]]:
    """Metrics that are worked out from the same: one KPI by several names."""
    measures = {
        measure.name: [
            model.node_relation.alias,
            measure.agg.value,
            measure.expr or measure.name,
            str(measure.non_additive_dimension),
        ]
        for model in manifest().semantic_models.values()
        if model.node_relation
        for measure in model.measures
    }
    found: dict[str, list[str]] = {}
    for metric in (*manifest().metrics.values(), *also):
        given = metric.type_params
        made_of: list[Any] = [metric.type.value, str(metric.filter), given.expr]
        made_of += (
            [measures[given.measure.name]] if given.measure else [given.numerator, given.denominator, given.metrics]
        )
        found.setdefault(str(made_of), []).append(metric.name)
    return [names for names in found.values() if len(names) > 1]


def test_each_kpi_that_is_asked_for_has_one_metric_and_no_two_are_the_same() -> None:
    assert set(NAMED.values()) <= {metric.name for metric in manifest().metrics.values()}
    assert defined_twice() == []


@pytest.mark.parametrize("name", ["messages_opened", "open_rate", "roi"])
def test_a_kpi_by_another_name_is_found(name: str) -> None:
    again = copy(manifest().metrics[f"metric.hourbell.{name}"])
    again.name = "another"
    assert defined_twice([again]) == [[name, "another"]]
