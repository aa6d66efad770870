"""hourbell release, hourbell drop"""

import getpass
from collections.abc import Sequence
from typing import Annotated

import typer

from activations.delivery.account import Tally
from activations.delivery.delivery import TEMPLATES, default_receipts
from activations.errors import HourbellError
from activations.holds.approvals import approve_content
from activations.holds.hold import Hold, choose, standing_holds
from activations.holds.sample import samples
from activations.holds.settle import settle_holds
from activations.journal.journal import open_journal
from activations.journal.receipts import receipts_folder
from dagster_project.command.show import console, say
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.ticks.windows import parse_time

_Workflow = Annotated[str | None, typer.Argument(help="Only what is held of this workflow.")]
_Tick = Annotated[str | None, typer.Option(help="Only what is held of the tick that ended then (UTC).")]
_By = Annotated[str | None, typer.Option(help="Who decides; by default who is logged in.")]
_Note = Annotated[str, typer.Option(help="Why; it is kept with the decision.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def release(
    workflow: _Workflow = None, tick: _Tick = None, by: _By = None, note: _Note = "", yes: _Yes = False
) -> None:
    """Show what the gate out holds and why, and let it go.

    A release covers exactly what was shown: where SQL, template or recipients change before it is delivered, it is held
    again.

    Example: hourbell release welcome_series --note "the new welcome"
    """
    home = Home.from_environment().prepare()
    holds = _shown(home, workflow, tick)
    if not holds or not _agreed(yes, f"Release {_counted(holds)}?"):
        return
    who = by or _user()
    for hold in holds:
        now = utc_now()
        hold.decide("release", by=who, at=now, note=note)
        approve_content(
            home.outbox,
            hold.about.workflow,
            by=who,
            at=now,
            definitions=hold.content.definitions,
            templates=hold.content.templates,
        )
    console.print(f"Released {_counted(holds)}. The next delivery sends it, or now: [bold]hourbell deliver[/]")


def drop(workflow: _Workflow = None, tick: _Tick = None, by: _By = None, note: _Note = "", yes: _Yes = False) -> None:
    """Show what the gate out holds and why, and refuse it for good: nothing of it is ever sent.

    Example: hourbell drop abandoned_cart --tick 2026-03-02T10:00 --note "the step had lost its window"
    """
    home = Home.from_environment().prepare()
    holds = _shown(home, workflow, tick)
    if not holds or not _agreed(yes, f"Drop {_counted(holds)} for good?"):
        return
    who = by or _user()
    dropped = [hold.decide("drop", by=who, at=utc_now(), note=note) for hold in holds]
    receipts = receipts_folder(home.journal_url, default_receipts(home.spool))
    with open_journal(home.journal_url, receipts) as journal:
        problems = settle_holds(dropped, journal, now=utc_now(), tally=Tally())
    if problems:
        raise HourbellError("\n".join(problems))
    console.print(f"Dropped {_counted(holds)}. The next delivery brings that back as outcomes.")


def tell_holds(home: Home) -> None:
    """Say in a line each what waits for a decision; nothing where nothing does."""
    holds = standing_holds(home.outbox, TEMPLATES)
    if not holds:
        return
    console.print(f"[bold red]The gate out holds {_counted(holds)}:[/]")
    for hold in holds:
        say(f"  {hold}: {hold.about.actions:,} actions: {'; '.join(hold.reasons)}")
    console.print("Look at it with [bold]hourbell release[/], or refuse it with [bold]hourbell drop[/].")


def _shown(home: Home, workflow: str | None, tick: str | None) -> list[Hold]:
    holds = choose(standing_holds(home.outbox, TEMPLATES), workflow, parse_time(tick) if tick else None)
    if not holds:
        console.print("The gate out holds nothing.")
    for hold in holds:
        _show(hold)
    return holds


def _show(hold: Hold) -> None:
    about = hold.about
    console.print(
        f"[bold]{about.workflow}[/], tick {about.tick_start:%Y-%m-%d %H:%M} to {about.tick_end:%Y-%m-%d %H:%M}"
    )
    for reason in hold.reasons:
        say(f"  held: {reason}")
    counts = [f"{name} {number:,}" for part in (about.steps, about.channels) for name, number in part.items()]
    say(f"  {about.actions:,} actions: {', '.join(counts)}")
    if about.first_expires_at is not None:
        say(f"  the first expires on {about.first_expires_at:%Y-%m-%d %H:%M} UTC")
    for sample in samples(hold, utc_now()):
        say(f"  template {sample.template} ({about.templates.get(sample.template, 0):,}): {sample.subject}")
        for line in filter(str.strip, sample.text.splitlines()):
            say(f"    | {line}")
    say(f"  SQL {', '.join(about.definitions) or 'unknown'}; content {hold.content.digest}")


def _agreed(yes: bool, question: str) -> bool:
    if yes or typer.confirm(question, default=False):
        return True
    console.print("Nothing was decided.")
    return False


def _counted(holds: Sequence[Hold]) -> str:
    actions = sum(hold.about.actions for hold in holds)
    return f"{actions:,} actions of {', '.join(sorted({hold.about.workflow for hold in holds}))}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise HourbellError("It is not known who decides. Say so: --by NAME") from error
