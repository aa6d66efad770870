"""hourbell journal"""

from typing import Annotated

import typer

from activations.delivery.delivery import default_receipts
from activations.errors import HourbellError
from activations.journal.care import rebuild, verify
from activations.journal.journal import open_journal
from activations.journal.receipts import Damage, receipts_folder
from dagster_project.command.show import console, say, table
from dagster_project.deliver import utc_now
from dagster_project.home import Home

UNSETTLED = ["unknown", "failed", "rejected", "expired"]

app = typer.Typer(help="What was sent and what not: look at it, compare it with its receipts, rebuild it.")


@app.command("list")
def list_actions(
    status: Annotated[list[str] | None, typer.Option(help="Only actions in this state; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest to list.")] = 20,
) -> None:
    """What did not arrive, or may not have, and why.

    Example: hourbell journal list --status unknown
    """
    home = Home.from_environment()
    statuses = status or UNSETTLED
    with open_journal(home.journal_url, receipts_folder(home.journal_url, default_receipts(home.spool))) as journal:
        table("Journal", ["channel", "status", "actions"], [(*by, n) for by, n in sorted(journal.counts().items())])
        for channel, workflow, state, reason, number in journal.reasons(statuses):
            say(f"  {number:,} × {channel}, {workflow}, {state}: {reason or 'no reason'}")
        newest = journal.rows(statuses, limit=limit)
        if newest:
            console.print("The newest:")
        for row in newest:
            # a line each, so that a number can be copied however narrow the terminal is
            say(
                f"  {row.action_id}  {row.claimed_at:%Y-%m-%d %H:%M} UTC  {row.channel}  {row.workflow}.{row.step}  "
                f"{row.status} after {row.attempts}: {row.reason or 'no reason'}"
            )
        if any(status == "unknown" for _, status in journal.counts()):
            say("Ask the provider about what is unknown, then: hourbell journal resolve NUMBER --accepted")


@app.command("verify")
def verify_journal() -> None:
    """Compare the journal with its receipts; leaves with an error where they differ.

    Example: hourbell journal verify
    """
    home = Home.from_environment()
    found = verify(home.journal_url, default_receipts(home.spool))
    table(
        "Journal",
        ["actions", "missing", "different", "without a receipt", "damaged receipts"],
        [(found.rows, found.missing, found.different, found.without_receipt, len(found.damaged))],
    )
    for fault in (*found.examples, *found.faults, *map(_damage, found.damaged)):
        say(f"  {fault}")
    if not found.agrees:
        raise HourbellError("The journal and its receipts differ. `hourbell journal rebuild` makes it anew from them.")


@app.command("rebuild")
def rebuild_journal(
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Go on without receipts that cannot be read, and name them.")
    ] = False,
    skip_unread: Annotated[
        bool,
        typer.Option(
            "--skip-unread",
            help="Go on where the old journal cannot be read whole. What only that knew is lost, and may go out again: "
            "only where its receipts are all there.",
        ),
    ] = False,
) -> None:
    """Build the journal anew from its receipts. The old one is kept, and nothing is sent.

    Example: hourbell journal rebuild
    """
    home = Home.from_environment().prepare()
    built = rebuild(home.journal_url, default_receipts(home.spool), skip_damaged=skip_damaged, skip_unread=skip_unread)
    console.print(f"{built.rows:,} actions from {built.receipts:,} receipts; {built.salvaged:,} from the old journal.")
    for damage in built.damaged:
        say(f"  left out: {_damage(damage)}")
    if built.unread:
        say(f"  the old journal could not be read whole: {built.unread[0]}. What is in no receipt is lost.")
    if built.kept_as is not None:
        say(f"The old journal is {built.kept_as}.")


@app.command("resolve")
def resolve(
    actions: Annotated[list[int], typer.Argument(help="The numbers of actions that are unknown.")],
    accepted: Annotated[
        bool | None, typer.Option("--accepted/--not-accepted", help="Whether the provider has taken them.")
    ] = None,
    note: Annotated[str, typer.Option(help="How that is known.")] = "",
) -> None:
    """Settle by hand what nobody could find out. It is not sent again in either case.

    Example: hourbell journal resolve 7000000000000000063 --accepted --note "in the provider's log"
    """
    if accepted is None:
        raise HourbellError("Say whether the provider has taken them: --accepted or --not-accepted.")
    home = Home.from_environment()
    with open_journal(home.journal_url, receipts_folder(home.journal_url, default_receipts(home.spool))) as journal:
        journal.resolve(actions, accepted=accepted, note=note, now=utc_now())
    console.print(f"{len(actions):,} resolved as {'accepted' if accepted else 'not accepted'}.")


def _damage(damage: Damage) -> str:
    return f"line {damage.line} of {damage.segment}"
