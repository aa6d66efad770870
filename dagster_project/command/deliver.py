"""hourbell deliver"""

from activations.account import PARTS, DeliveryAccount
from activations.delivery import DeliveryStoppedError
from activations.profile import open_profile
from dagster_project.command.show import console, progress, table
from dagster_project.deliver import deliver_outbox
from dagster_project.home import Home


def deliver() -> None:
    """Deliver what ticks have decided and nobody has delivered yet; go on where a delivery was interrupted.

    Without a live profile everything goes to the sandbox on this machine.

    Example: hourbell deliver
    """
    deliver_with_progress(Home.from_environment().prepare())


def deliver_with_progress(home: Home) -> DeliveryAccount:
    """Deliver, with a bar, and print the account."""
    try:
        with open_profile(home.sandbox) as profile, progress() as bar:
            task = bar.add_task("Delivering", total=None)
            account = deliver_outbox(
                home, profile, progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
    except DeliveryStoppedError as stopped:
        show_account(stopped.account)
        raise
    show_account(account)
    return account


def show_account(account: DeliveryAccount) -> None:
    """Print what became of every action in the outbox."""
    table(
        "Delivery",
        ["channel", "actions", *(part.replace("_", " ") for part in PARTS)],
        [
            [channel, parts.get("actions", 0), *(parts.get(part, 0) for part in PARTS)]
            for channel, parts in account.by_channel.items()
        ],
    )
    for reason, number in account.reasons.items():
        console.print(f"  {number:,} × {reason}", highlight=False)
