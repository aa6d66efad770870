"""hourbell demo"""

import time
from typing import Annotated

import typer
from rich.progress import TaskID

from activations.sandbox.show import write_page
from dagster_project.command.show import console, progress, table
from dagster_project.demo import Demo, demo_home, run_demo
from dagster_project.home import Home
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import parse_size

RESULTS = """
    select
        workflow,
        sum(reached) filter (step = 'entered')::bigint as entered,
        sum(held_out) filter (step = 'entered')::bigint as held_out,
        sum(decided)::bigint as decided,
        sum(decided)::bigint - sum(sent)::bigint as not_sent,
        sum(sent)::bigint as sent,
        sum(delivered)::bigint as delivered,
        sum(converted)::bigint as converted,
        sum(revenue)::double as revenue
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


def demo(
    contacts: Annotated[int, typer.Option(help="How many people there are.")] = 2_000,
    days: Annotated[int, typer.Option(help="How many days of ticks.")] = 14,
    size: Annotated[str, typer.Option(help="Length of each tick.")] = "4h",
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 1,
) -> None:
    """A simulated shop, two weeks of ticks, delivery to the sandbox, and what came of it.

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

        run_demo(home, Demo(contacts, days, parse_size(size), seed), show)
    page = write_page(home.sandbox)
    with open_warehouse(home, read_only=True) as warehouse:
        table(
            f"Two weeks in {time.monotonic() - started:.0f} seconds" if days == 14 else f"{days} days",
            ["workflow", "entered", "held out", "decided", "not sent", "sent", "delivered", "converted", "revenue"],
            warehouse.execute(RESULTS).fetchall(),
        )
        table("Why something was not sent", ["gate", "outcome", "times"], warehouse.execute(WHY_NOT).fetchall())
        table(
            "Set aside by the quality gate",
            ["table", "reason", "rows"],
            warehouse.execute(
                "select table_name, reason, count(*) from raw.quarantine group by all order by all"
            ).fetchall(),
        )
    console.print("\nWhere to look next", style="bold")
    console.print(f"  export HOURBELL_HOME={home.root}", highlight=False, soft_wrap=True)
    console.print("  hourbell status            where everybody is now")
    console.print("  hourbell inbox             the messages that were sent")
    console.print(f"  {page}    the same, in a browser", highlight=False, soft_wrap=True)
    console.print("  dagster dev                lineage, checks and the hourly schedule")
    console.print("  dbt/models/workflows/      the workflows themselves")
