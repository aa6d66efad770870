"""hourbell docs"""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.command.show import console
from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock


def docs(
    out: Annotated[
        Path | None, typer.Option(help="The folder for the pages; by default docs of the data directory.")
    ] = None,
) -> None:
    """Build the documentation of what lands and of all models, as pages that need no server and ask no other host.

    Example: hourbell docs --out /srv/hourbell-docs
    """
    # seconds of imports that other commands do not pay
    from dagster_project.docs import INDEX, write_docs

    home = Home.from_environment().prepare()
    folder = (out or home.docs).expanduser().resolve()
    with tick_lock(home):
        pages = write_docs(home, folder)
    met, asked = sum(page.met for page in pages), sum(page.asked for page in pages)
    console.print(f"{len(pages)} tables that may land; what landed last met {met} of {asked} expectations.")
    console.print(f"Open {folder / INDEX}", soft_wrap=True, highlight=False)
