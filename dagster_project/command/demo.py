"""hourbell demo"""

import time
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.progress import TaskID

from activations.sandbox.show import write_page
from dagster_project.command.show import console, progress, table
from dagster_project.demo import Demo, demo_home, run_demo, truth_folder
from dagster_project.home import Home
from dagster_project.publish import FILE, PARQUET
from dagster_project.ticks.windows import parse_size
from dagster_project.true_lift import true_click_rates, true_lift, true_step_lift
from dagster_project.warehouse import open_warehouse

DECIDED = """
    select
        workflow,
        sum(reached) filter (step = 'entered')::bigint,
        sum(held_out) filter (step = 'entered')::bigint,
        sum(decided)::bigint,
        sum(decided)::bigint - sum(sent)::bigint,
        sum(sent)::bigint
    from marts.workflow_performance
    group by workflow
    order by workflow
"""
WHY_NOT = """
    select gate, outcome, count(*)
    from decisions.decisions
    where gate is not null
    group by all
    order by count(*) desc, gate
"""
ANSWERED = """
    select
        workflow, sum(sent)::bigint, sum(delivered)::bigint, sum(opened)::bigint, sum(clicked)::bigint,
        sum(converted)::bigint, sum(unsubscribed)::bigint, sum(complained)::bigint, sum(bounced)::bigint
    from marts.workflow_performance
    group by workflow
    order by workflow
"""
ADDED = """
    select
        workflow, treated, held_out, 100 * treated_conversion_rate, 100 * held_out_conversion_rate,
        100 * conversion_lift, 100 * conversion_lift_low, 100 * conversion_lift_high
    from marts.holdout_lift
    order by workflow
"""
STEPS_ADDED = """
    select
        workflow, step, treated, held_out, 100 * treated_conversion_rate, 100 * held_out_conversion_rate,
        100 * conversion_lift, 100 * conversion_lift_low, 100 * conversion_lift_high
    from marts.step_lift
    order by workflow, step
"""
VARIANTS = """
    select experiment, variant, state, contacts, 100 * mean, 100 * lift, 100 * lift_low, 100 * lift_high
    from marts.experiment_results
    where metric = 'clicked'
    order by experiment, lift is not null, variant
"""
EARNED = """
    select
        workflow, currency, sum(messages)::bigint, sum(conversions)::bigint, sum(revenue)::double,
        sum(total_cost)::double,
        (sum(revenue) - sum(tool_cost) - sum(time_cost))::double / nullif(sum(total_cost), 0)::double
    from marts.workflow_roi
    group by workflow, currency
    order by workflow, currency
"""
_WRAPPED = ("unsub-\nscribed", "com-\nplained")
SET_ASIDE = "select table_name, reason, count(*) from raw.quarantine group by all order by all"


def demo(
    contacts: Annotated[int, typer.Option(help="How many people there are.")] = 2_000,
    days: Annotated[int, typer.Option(help="How many days of ticks.")] = 14,
    size: Annotated[str, typer.Option(help="Length of each tick.")] = "6h",
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 1,
) -> None:
    """A simulated shop, two weeks of ticks, delivery to the sandbox, what people did then, and what it added.

    Nothing leaves this machine. The demo has a data directory of its own, which each run starts anew.

    Example: hourbell demo --contacts 500 --days 7
    """
    home = demo_home(Home.from_environment())
    started = time.monotonic()
    with progress() as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        built = run_demo(home, Demo(contacts, days, parse_size(size), seed), show)
    page = write_page(home.sandbox)
    with open_warehouse(home, read_only=True) as warehouse:
        _decided(warehouse, f"{days} days in {time.monotonic() - started:.0f} seconds")
        _answered(warehouse)
        _added(warehouse, truth_folder(home))
        _tried(warehouse, truth_folder(home))
        _earned(warehouse)
    console.print("\nWhere to look next", style="bold")
    console.print(f"  export HOURBELL_HOME={home.root}", highlight=False, soft_wrap=True)
    console.print("  hourbell status            where everybody is now")
    console.print("  hourbell inbox             the messages that were sent")
    console.print(f"  {page}    the same, in a browser", highlight=False, soft_wrap=True)
    console.print(f"  {built.start}    dashboards, in a browser", highlight=False, soft_wrap=True)
    console.print(f"  {home.published / FILE}    the marts, for BI tools", highlight=False, soft_wrap=True)
    console.print(f"  {home.published / PARQUET}    the same, as Parquet", highlight=False, soft_wrap=True)
    console.print("  dagster dev                lineage, checks and the hourly schedule")
    console.print("  dbt/models/workflows/      the workflows themselves")


def _decided(warehouse: duckdb.DuckDBPyConnection, title: str) -> None:
    table(
        title,
        ["workflow", "entered", "held out", "decided", "not sent", "sent"],
        warehouse.execute(DECIDED).fetchall(),
    )
    table("Why something was not sent", ["gate", "outcome", "times"], warehouse.execute(WHY_NOT).fetchall())
    table("Set aside by the quality gate", ["table", "reason", "rows"], warehouse.execute(SET_ASIDE).fetchall())


def _answered(warehouse: duckdb.DuckDBPyConnection) -> None:
    table(
        "What people did",
        [
            "workflow",
            "sent",
            "deliv-\nered",
            "opened",
            "clicked",
            "bought",
            "unsub-\nscribed",
            "com-\nplained",
            "bounced",
        ],
        warehouse.execute(ANSWERED).fetchall(),
        caption="opened: by people, not by mailboxes of themselves. bought: reached the workflow's goal.",
    )


def _added(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> None:
    truly = true_lift(warehouse, truth)
    rows = warehouse.execute(ADDED).fetchall()
    table(
        "What it added against the holdout, in % of people",
        ["workflow", "treated", "held\nout", "of\ntreated", "of held\nout", "lift", "from", "to", "truly"],
        [(*row, _percent(truly.get(row[0]))) for row in rows],
        caption="from, to: the 95 % interval. truly: what the messages brought about, which only the simulator knows.",
    )
    of_steps = true_step_lift(warehouse, truth)
    table(
        "What single messages added, against those held out of that step alone",
        ["step", "treated", "held\nout", "of\ntreated", "of held\nout", "lift", "from", "to", "truly"],
        [
            (f"{workflow}\n  {step}", *row, _percent(of_steps.get((workflow, step))))
            for workflow, step, *row in warehouse.execute(STEPS_ADDED).fetchall()
        ],
    )


def _tried(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> None:
    truly = true_click_rates(warehouse, truth)
    rows = warehouse.execute(VARIANTS).fetchall()
    table(
        "What was tried, in % of people who click",
        ["variant", "state", "people", "click", "truly", "more", "from", "to"],
        [
            (f"{experiment}\n  {variant}", state, people, rate, _percent(truly.get((experiment, variant))), *more)
            for experiment, variant, state, people, rate, *more in rows
        ],
        caption="truly: what was to be expected. more, from, to: beside the first variant, by an interval that may "
        "be looked at after every tick. too few: not judged yet.",
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _earned(warehouse: duckdb.DuckDBPyConnection) -> None:
    table(
        "What it earned",
        ["workflow", "currency", "messages", "orders", "revenue", "cost", "ROI"],
        warehouse.execute(EARNED).fetchall(),
        caption="Orders whose last touch that was no direct visit was a message of the workflow. The cost is that of "
        "the whole month.",
    )
