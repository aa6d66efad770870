"""hourbell deliver"""

from typing import Annotated

import typer

from activations.delivery.account import PARTS, DeliveryAccount
from activations.delivery.delivery import DeliveryStoppedError
from activations.errors import HourbellError
from activations.settings.environment import open_profile, silent_profile
from dagster_project.command.show import console, progress, table
from dagster_project.deliver import deliver_outbox, dry_run_outbox, utc_now
from dagster_project.home import Home


def deliver(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: list what would be sent, a line of JSON a message.")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option("--processes", min=1, max=64, help="How many share what waits; one a core for a large backlog."),
    ] = None,
) -> None:
    """Deliver what ticks have decided and nobody has delivered yet; go on where a delivery was interrupted.

    Without a live profile everything goes to the sandbox on this machine.

    Example: hourbell deliver
    """
    home = Home.from_environment().prepare()
    if dry_run:
        _list_what_would_be_sent(home)
    else:
        deliver_with_progress(home, processes)


def _list_what_would_be_sent(home: Home) -> None:
    """The list alone goes to standard output, so that it can be kept and compared."""
    found = dry_run_outbox(home, silent_profile(home.sandbox), utc_now())
    for sending in found.sendings:
        typer.echo(str(sending))
    account = found.account
    others = {part.replace("_", " "): getattr(account, part) for part in PARTS if part != "accepted"}
    told = ", ".join(f"{number:,} {part}" for part, number in others.items() if number)
    typer.echo(f"{len(found.sendings):,} would be sent. Of the rest: {told or 'nothing'}.", err=True)
    if found.problems:
        raise HourbellError("\n".join(found.problems))


def deliver_with_progress(home: Home, processes: int | None = None) -> DeliveryAccount:
    """Deliver, with a bar, and print the account."""
    try:
        with open_profile(home.sandbox) as profile, progress() as bar:
            task = bar.add_task("Delivering", total=None)
            account = deliver_outbox(
                home,
                profile,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                processes=processes,
            )
    except DeliveryStoppedError as stopped:
        show_account(stopped.account)
        raise
    show_account(account)
    return account


def show_account(account: DeliveryAccount) -> None:
    """Print what became of every action in the outbox."""
    channels = account.by_channel
    parts = [part for part in PARTS if any(counts.get(part) for counts in channels.values())]
    if channels:
        table(
            "Delivery",
            ["", *channels],
            [
                [part.replace("_", " "), *(counts.get(part, 0) for counts in channels.values())]
                for part in ("actions", *parts)
            ],
        )
    else:
        console.print("Nothing waits to be delivered.")
    for reason, number in account.reasons.items():
        console.print(f"  {number:,} × {reason}", highlight=False)
