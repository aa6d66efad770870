"""hourbell explain"""

from typing import Annotated

import typer

from dagster_project.command.show import console, table
from dagster_project.explain import explain, find_contact
from dagster_project.home import Home
from dagster_project.ticks.windows import last_completed
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse


def explain_contact(
    contact: Annotated[str, typer.Argument(help="A contact's id, an address, a telephone number or a user id.")],
) -> None:
    """Where a contact is, why they got what they got, and why they did not get the rest.

    Example: hourbell explain anna@shop.example
    """
    home = Home.from_environment()
    prepare_warehouse(home)
    with open_warehouse(home) as connection:
        if last_completed(connection) is None:
            console.print("No tick yet, so nobody is known. `hourbell tick` runs one.")
            return
        found = explain(connection, find_contact(connection, contact))
    others = [str(known) for known in found.known_as if known != found.contact_id]
    console.print(f"[bold]Contact {found.contact_id}[/]" + (f", also known as {', '.join(others)}" if others else ""))
    console.print(f"Segments: {', '.join(found.segments) or 'none'}")
    table("What is known", ["trait", "value"], [row for row in found.profile if row[0] != "contact_id"])
    table("May be written to", ["channel", "topic", "how matters stand"], found.eligibility)
    table(
        "What happened, and why (UTC)",
        ["when", "workflow", "what", "why"],
        [(f"{one.at:%Y-%m-%d %H:%M}", one.workflow, one.what, one.why) for one in found.happened],
    )
    table(
        "What did not happen, and why",
        ["workflow", "step", "why"],
        [(one.workflow, one.step, one.why) for one in found.not_reached],
    )
