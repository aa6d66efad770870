"""Published marts whose rows are made up, by the columns that their contracts promise; the same each time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from activations.delivery.delivery import TEMPLATES
from dagster_project.lint.reading import read_project
from dagster_project.publish import FILE, published_marts
from dagster_project.registry import steps_by_workflow
from dagster_project.reports.journey import draw
from dagster_project.ticks.transform import DBT, manifest

FIRST = date(2026, 3, 1)
DAYS = 20
ROWS = 400
_PEOPLE = 230
# where a column is not only a number
_NAMED: dict[str, Sequence[Any]] = {
    "channel": ["email", "sms"],
    "currency": ["GBP", "EUR"],
    "variant": ["all", "short", "long"],
    "domain": ["example.com", "example.net", "mail.example"],
    "attribution_model": ["last_non_direct", "linear", "shapley"],
    "is_counted_by": [True, False, False],
    "topic": ["newsletter", "offers"],
    "kind": ["sent", "visit"],
    "status": ["in progress", "left", "finished", "held out"],
    "level": ["hot", "cold"],
    "segment": ["vip_customers", "prospects"],
    "table_name": ["events", "orders"],
    "reason": ["message_id is missing", "total is negative"],
    "became": ["set aside", "blanked"],
    "is_conclusive": [True, False],
    "assignment": ["treated", "holdout"],
    "measure": ["conversions", "revenue"],
    "exit_reason": ["converted", "cart_ordered"],
    "metric": ["converted", "revenue", "clicked"],
    "standing": ["good", "over the limit", "too few to say"],
    "bounce_limit": [0.08],
    "complaint_limit": [0.003],
}
# the same of one mart
_NAMED_IN: dict[tuple[str, str], Sequence[Any]] = {
    ("returned_emails", "became"): ["refused", "bounced", "complained", "unsubscribed"],
    ("held_back_contacts", "gate"): ["no consent", "frequency cap", "exited", "expired", "suppressed", "quiet hours"],
    ("held_messages", "became"): ["held", "released", "dropped"],
    ("held_contacts", "became"): ["held", "released", "dropped"],
    ("held_contacts", "fate"): ["waiting", "lost", "delivered", "on its way"],
    ("list_contacts", "became"): [
        "joined",
        "unsubscribed",
        "complained",
        "bounced",
        "without address",
        "merged",
        "erased",
    ],
    ("experiment_results", "variant"): ["short", "long"],
    ("experiment_results", "experiment"): ["welcome subject", "price"],
    ("experiment_contacts", "variant"): ["short", "long"],
    ("experiment_contacts", "experiment"): ["welcome subject", "price"],
}
# by what a mart has one row, where a page relies on it
_KEYS: dict[str, Sequence[str]] = {
    "workflow_roi": ["month", "workflow", "currency"],
    "incremental_revenue": ["month", "workflow", "currency"],
    "marketing_lift": ["month", "currency"],
    "holdout_lift": ["workflow"],
    "step_lift": ["workflow", "step"],
    "revenue_lift": ["workflow", "step", "currency"],
    "adjusted_lift": ["workflow", "step", "measure", "currency"],
    "time_to_conversion": ["workflow", "assignment"],
    "workflow_payback": ["workflow", "currency"],
    "marginal_message": ["as_of", "message_number", "currency"],
    "customer_lifetime_value": ["as_of", "cohort_month", "currency"],
    "repeat_purchase": ["as_of", "cohort_month"],
    "email_deliverability": ["day", "domain", "workflow"],
    "experiment_results": ["experiment", "variant"],
    "engagement_scores": ["contact_id"],
    "list_growth": ["day", "channel", "topic"],
    "segment_sizes": ["day", "segment"],
}


def publish_made_up(folder: Path, most: int = ROWS) -> Path:
    """Write the file of the published marts, with at most so many rows of each; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    contracts = {
        node.alias: {name: str(column.data_type) for name, column in node.columns.items()}
        for node in manifest().nodes.values()
        if node.resource_type == "model" and node.schema == "marts"
    }
    with duckdb.connect(str(folder / FILE)) as connection:
        connection.execute("create schema marts")
        for mart in published_marts():
            columns = contracts[mart]
            stated = ", ".join(f'"{name}" {type_name}' for name, type_name in columns.items())
            connection.execute(f"create table marts.{mart} ({stated})")
            rows = _journeys() if mart == "workflow_journey" else _rows(mart, columns)
            if most:
                connection.register("made_up", pa.Table.from_pylist(rows if most == ROWS else rows[:most]))
                connection.execute(f"insert into marts.{mart} by name select * from made_up")
    return folder / FILE


def _rows(mart: str, columns: dict[str, str]) -> list[dict[str, Any]]:
    rows = [{name: _value(mart, name, kind, number) for name, kind in columns.items()} for number in range(ROWS)]
    keys = _KEYS.get(mart, [])
    return list({tuple(row[key] for key in keys): row for row in rows}.values()) if keys else rows


@cache
def _registered() -> tuple[list[str], list[tuple[str, str]]]:
    by_workflow = steps_by_workflow()
    return sorted(by_workflow), [(workflow, step) for workflow, steps in by_workflow.items() for step in steps]


def _value(mart: str, name: str, kind: str, number: int) -> Any:
    workflows, steps = _registered()
    workflow, step = steps[number * 7 % len(steps)]
    if name == "workflow":
        # that of which each has one row
        return workflows[number % len(workflows)] if mart == "holdout_lift" else workflow
    if (mart, name) == ("marketing_lift", "month") and number % 4 == 0:
        # all months together
        return None
    if name == "step":
        # the whole workflow
        return None if mart in ("revenue_lift", "adjusted_lift") and number % 2 == 0 else step
    if (mart, name) in _NAMED_IN:
        # so that each variant is in each experiment, and each gate at each step
        pace = {"experiment": 5, "gate": len(steps)}.get(name, 1)
        return _NAMED_IN[mart, name][(number // pace) % len(_NAMED_IN[mart, name])]
    if name in _NAMED:
        return _NAMED[name][(number // 3) % len(_NAMED[name])]
    if kind == "date":
        day = FIRST + timedelta(days=number % DAYS)
        return day.replace(day=1) if name.endswith("month") else day
    if kind == "timestamp":
        # of all that is as of a midnight, the last is what counts
        midnight = datetime(2026, 3, 1) + timedelta(days=number % DAYS)
        return midnight if name == "as_of" else midnight + timedelta(hours=number % 24)
    if name == "contact_id":
        # larger than what JavaScript can count up to
        return 9_007_199_254_740_993 + number % _PEOPLE
    made = (number * 31 + sum(map(ord, name)) * 17) % 97
    if kind == "boolean":
        return made % 2 == 0
    if kind == "double" and "hours" in name:
        # parts of an hour, and of days
        return made * 53.27 / 20
    if kind == "double":
        return (made - 20) / 97 if "lift" in name else made / 97
    if kind.startswith("decimal"):
        return made / 97 if kind.startswith("decimal(9,8)") else made * 37 / 100
    return made if kind in ("bigint", "integer") else f"{name} {made % 5}"


def _journeys() -> list[dict[str, Any]]:
    rows = []
    for workflow in read_project(DBT, TEMPLATES).workflows:
        common = {"workflow": workflow.name, "assignment": "treated", "from_step": None, "branch": None}
        for number in range(DAYS):
            day = {**common, "day": FIRST + timedelta(days=number), "exit_reason": None, "wait_hours": None}
            rows.append({**day, "to_step": "entered", "outcome": "entered", "enrollments": 40 + number})
            for place, edge in enumerate(draw(workflow).edges):
                way = {**day, "from_step": edge.from_step, "branch": edge.branch, "to_step": edge.to_step}
                # as many on each day: a selection of an even number has its middle between two waits
                went = 30 - 2 * place
                rows.append({**way, "outcome": "moved on", "wait_hours": place * 5 + number, "enrollments": went})
                left = {**way, "to_step": None, "outcome": "left", "exit_reason": "converted"}
                rows.append({**left, "wait_hours": 3 + number, "enrollments": 1 + place})
                rows.append({**way, "to_step": None, "outcome": "still there", "enrollments": 2})
    return rows
