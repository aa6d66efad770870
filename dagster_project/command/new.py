"""hourbell new"""

from typing import Annotated

import typer

from activations.delivery.delivery import TEMPLATES
from dagster_project.command.show import console
from dagster_project.home import REPOSITORY
from dagster_project.scaffold import begin_workflow
from dagster_project.ticks.transform import DBT


def new_workflow(
    name: Annotated[str, typer.Argument(help="What to call it, in small letters: winter_sale.")],
    like: Annotated[str, typer.Option("--from", help="The workflow to start from.")] = "welcome_series",
) -> None:
    """Begin a workflow: its folder, what it is for, its tests, its place in the registry.

    Example: hourbell new winter_sale --from abandoned_cart
    """
    begun = begin_workflow(DBT, TEMPLATES, name, like)
    for file in begun.files:
        console.print(str(file.relative_to(REPOSITORY)))
    console.print(
        f"[bold]{name}[/] is registered with priority {begun.priority}, and closed: nobody enters yet. "
        f"Change its steps and its tests, look at [bold]hourbell lint[/], then set its status to live.",
        soft_wrap=True,
    )
    for experiment in begun.experiments:
        console.print(f"It draws the experiment [bold]{experiment}[/], which is counted by itself.", soft_wrap=True)
