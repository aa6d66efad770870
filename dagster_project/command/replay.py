"""hourbell replay"""

from typing import Annotated

import typer

from dagster_project.command.show import console, progress, table
from dagster_project.history.again import Again, decide_again
from dagster_project.home import Home
from dagster_project.ticks.windows import parse_size


def replay_history(
    over: Annotated[str, typer.Option(help="How much history: 12h, 30d.")] = "30d",
) -> None:
    """Decide the last weeks once more, tick by tick, with the models as they are now, and say what would be other. It
    leaves with exit code 1 where anything is. Nothing is sent, nothing is kept.

    Examples:

    hourbell replay

    hourbell replay --over 365d
    """
    span = parse_size(over)
    with progress() as bar:
        task = bar.add_task(f"ticks of the last {over}", total=None)
        found = decide_again(
            Home.from_environment(), span, lambda done, total: bar.update(task, completed=done, total=total)
        )
    _show(found)
    if not found.is_same:
        raise typer.Exit(1)


def _show(found: Again) -> None:
    table(
        f"Decisions of {found.ticks:,} ticks, {found.window} (UTC), then and now",
        ["workflow", "step", "the same", "only then", "only now"],
        [(step.workflow, step.step, step.same, step.only_then, step.only_now) for step in found.steps],
    )
    if found.is_same:
        console.print("[bold]All is decided as it was, to the last byte.[/]")
    else:
        console.print(
            f"[bold]Not all is decided as it was[/], and {found.other_arrivals:,} arrivals are other. Where a workflow "
            "was changed meanwhile, that is why: its decisions of today are not those of then. What landed is not to "
            "change."
        )
