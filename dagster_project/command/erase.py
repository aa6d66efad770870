"""hourbell erase"""

from collections import Counter
from typing import Annotated

import typer

from dagster_project.command.show import console, say
from dagster_project.deliver import utc_now
from dagster_project.erasure.erase import erase, find_people
from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock
from dagster_project.warehouse_setup import prepare_warehouse


def erase_contact(
    who: Annotated[
        list[str] | None, typer.Argument(help="E-mail addresses, numbers with their country (+44…) or contact ids.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget people for good: all that names them goes, the figures stay, and no import brings them back.

    Without an argument, or if it was interrupted, it finishes what was begun.

    Example: hourbell erase ada@shop.example
    """
    home = Home.from_environment()
    with tick_lock(home):
        prepare_warehouse(home)
        now = utc_now()
        people = find_people(home, who or [], now)
        if not people:
            console.print("Nobody to erase. Name an address, a number or a contact's id.")
            return
        for person in people:
            kinds = Counter(kind for kind, _ in person.identifiers)
            known = ", ".join(f"{number} × {kind}" for kind, number in kinds.items())
            say(
                f"{person.asked}: contact {person.contact_id or 'unknown'}, known by {known or 'nothing'}; "
                f"{len(person.ids):,} ids of contacts, enrollments and actions"
            )
        say(
            "Their rows stay and name nobody: landed files, warehouse, outbox, journal and receipts, published marts, "
            f"the app's inbox, the website's slots, sandbox and logs in {home.root}. "
            f"Keyed hashes are kept in {home.erased}. This cannot be undone."
        )
        if not yes and not typer.confirm("Erase?", default=False):
            console.print("Nothing was erased.")
            return
        done = erase(home, people, now, told=lambda step: say(f"  {step} …"))
    say(
        f"Erased {done.people:,}: {done.actions:,} actions out of the outbox, {done.landed_files:,} landed files, "
        f"{done.received:,} messages of the sandbox. The next tick knows of it. Files that were loaded from elsewhere, "
        "backups and providers are yours to see to."
    )
    for file in done.partners_files:
        say(f"A partner has {file}, in which they are: tell them.")
