"""hourbell inbox"""

from typing import Annotated

import typer

from activations.errors import HourbellError
from activations.sandbox.show import one_message, overview, write_page
from activations.sandbox.store import messages
from dagster_project.command.show import console
from dagster_project.home import Home


def inbox(
    number: Annotated[int | None, typer.Argument(help="Show this message whole.")] = None,
    template: Annotated[str | None, typer.Option(help="Only messages of this template.")] = None,
    to: Annotated[str | None, typer.Option(help="Only messages to this address.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest to list.")] = 20,
    page: Annotated[bool, typer.Option("--page", help="Write a page to look at in a browser.")] = False,
) -> None:
    """What the sandbox received.

    Example: hourbell inbox --template welcome_hello
    """
    folder = Home.from_environment().sandbox
    if page:
        console.print(f"Open {write_page(folder)} in a browser.")
        return
    if number is None:
        console.print(overview(folder, limit=limit, template=template, recipient=to))
        return
    found = [message for message in messages(folder) if message.number == number]
    if not found:
        raise HourbellError(f"The sandbox has no message {number}. `hourbell inbox` lists what it has.")
    console.print(one_message(found[0]))
