"""hourbell pull"""

from typing import Annotated

import typer

from activations.settings.environment import open_profile
from dagster_project.command.show import console, table
from dagster_project.home import Home
from dagster_project.pull import pull_crms


def pull(
    crm: Annotated[
        str | None, typer.Argument(help="A CRM of crm.yml, or hubspot or salesforce for all of those; else all.")
    ] = None,
) -> None:
    """Read what has changed in the CRMs since the last time; it counts from the next tick on.

    What Hourbell has told them itself is no change. Deals come as crm.yml says; that a contact was deleted there is an
    event, and nobody is forgotten for it.

    Example: hourbell pull hubspot
    """
    home = Home.from_environment().prepare()
    with open_profile(home.sandbox) as profile:
        pulled = pull_crms(home, profile, crm)
    table(
        "Pulled",
        ["CRM", "changed there", "news to us", "withdrawals", "deals", "deleted there"],
        [[each.crm, each.records, each.contacts, each.withdrawals, each.deals, each.deleted] for each in pulled],
    )
    console.print("Next: [bold]hourbell tick[/]")
