"""hourbell forecast"""

from typing import Annotated

import typer

from dagster_project.command.show import console, progress, table
from dagster_project.history.forecast import Forecast, forecast
from dagster_project.home import Home
from dagster_project.ticks.windows import parse_size


def forecast_workflow(
    workflow: Annotated[str, typer.Argument(help="A workflow of the registry, whether or not it is live.")],
    over: Annotated[str, typer.Option(help="How much history: 12h, 30d.")] = "30d",
    size: Annotated[str, typer.Option(help="Length of each tick: 30m, 1h, 1d.")] = "1h",
) -> None:
    """What a workflow would have done in the last weeks, before it is switched on. Nothing is sent, nothing is kept.

    Example: hourbell forecast birthday --over 30d
    """
    span, length = parse_size(over), parse_size(size)
    with progress() as bar:
        task = bar.add_task(f"{workflow} over {over}", total=None)
        found = forecast(
            Home.from_environment(),
            workflow,
            span,
            length,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    _show(found)


def _show(found: Forecast) -> None:
    people = found.treated + found.held_out
    console.print(f"[bold]{found.workflow}[/], had it been live from {found.window} (UTC)")
    if not people:
        console.print("Nobody would have entered.")
        return
    console.print(
        f"{people:,} contacts would have entered: {found.treated:,} treated, {found.held_out:,} held out. "
        f"{found.converted:,} of them reached the goal by themselves."
    )
    table(
        "Steps",
        ["step", "reached", "sent", "put off", "stopped, by gate"],
        [
            (
                step.step,
                step.reached,
                step.sent,
                step.waiting,
                ", ".join(f"{gate} {number:,}" for gate, number in step.stopped) or "–",
            )
            for step in found.steps
        ],
    )
    table("The same people also heard from", ["workflow", "contacts"], found.overlap)
    smallest = found.smallest_lift
    if smallest is None:
        console.print("Nobody is held out, so what it adds would not be known.")
    else:
        console.print(
            f"The holdout would show a lift of {100 * smallest:.1f} points or more in the share of contacts who reach "
            "the goal; of less, it could not say whether it was chance."
        )
