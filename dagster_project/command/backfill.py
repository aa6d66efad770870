"""hourbell backfill"""

from typing import Annotated

import typer

from dagster_project.command.show import console, progress, table
from dagster_project.history.backfill import Backfill, let_in, plan_backfill
from dagster_project.home import Home
from dagster_project.ticks.windows import parse_size, parse_time


def backfill_workflow(
    workflow: Annotated[str, typer.Argument(help="A live workflow of the registry.")],
    since: Annotated[str, typer.Option(help="Who qualified from then on (UTC): 2026-03-01, 2026-03-01T09:00.")],
    ahead: Annotated[str, typer.Option(help="How far ahead to look at what would be sent: 12h, 2d.")] = "1d",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let those enter a workflow who qualified before it went live. First it shows how many they are, and how many of
    them would be written to; then it asks.

    Example: hourbell backfill birthday --since 2026-03-01
    """
    home = Home.from_environment()
    with progress() as bar:
        task = bar.add_task(f"{workflow} since {since}", total=None)
        planned = plan_backfill(
            home,
            workflow,
            parse_time(since),
            parse_size(ahead),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    _show(planned, ahead)
    if not planned.treated + planned.held_out:
        return
    if not yes and not typer.confirm("Let them in?", default=False):
        console.print("Nobody is let in.")
        return
    let_in(home, planned)
    console.print("They enter with the next tick, or now: [bold]hourbell tick[/]")


def _show(planned: Backfill, ahead: str) -> None:
    people = planned.treated + planned.held_out
    console.print(
        f"[bold]{planned.workflow}[/]: {people:,} contacts qualified since {planned.since:%Y-%m-%d %H:%M} (UTC), "
        f"while it was not live, and would enter at {planned.enters_at:%Y-%m-%d %H:%M}: {planned.treated:,} treated, "
        f"{planned.held_out:,} held out.",
        soft_wrap=True,
    )
    if planned.entered_already:
        console.print(f"{planned.entered_already:,} have entered already, and do not enter again.")
    if planned.left_already:
        console.print(f"{planned.left_already:,} would have left by now, and do not enter.")
    if people:
        table(
            f"Of them, within {ahead}",
            ["step", "sent", "put off", "stopped, by gate"],
            [
                (
                    step.step,
                    step.sent,
                    step.waiting,
                    ", ".join(f"{gate} {number:,}" for gate, number in step.stopped) or "–",
                )
                for step in planned.steps
            ],
        )
