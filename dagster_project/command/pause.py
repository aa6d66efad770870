"""hourbell pause, hourbell resume"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from activations.channels.registry import CHANNELS
from activations.delivery.delivery import default_receipts
from activations.errors import HourbellError
from activations.journal.journal import Journal, open_journal
from activations.journal.pauses import Scope
from activations.journal.receipts import receipts_folder
from dagster_project.command.show import console, table
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.registry import registered_workflows

_Workflow = Annotated[str | None, typer.Option(help="Only this workflow.")]
_Channel = Annotated[str | None, typer.Option(help="Only this channel.")]
_All = Annotated[bool, typer.Option("--all", help="Everything.")]


def pause(
    workflow: _Workflow = None,
    channel: _Channel = None,
    everything: _All = False,
    reason: Annotated[str, typer.Option(help="Why; it is shown until they are resumed.")] = "",
) -> None:
    """Stop sending at once, also in the middle of a delivery. Without an option: show what is paused.

    Example: hourbell pause --workflow abandoned_cart --reason "wrong price in the offer"
    """
    _must_be_known("workflow", workflow, registered_workflows())
    _must_be_known("channel", channel, CHANNELS)
    with _journal() as journal:
        for scope, name in _scopes(workflow, channel, everything):
            journal.pause(scope, name, reason=reason, now=utc_now())
        table(
            "Paused",
            ["what", "name", "since (UTC)", "reason"],
            [(each.scope, each.name, f"{each.paused_at:%Y-%m-%d %H:%M}", each.reason) for each in journal.pauses()],
        )


def resume(workflow: _Workflow = None, channel: _Channel = None, everything: _All = False) -> None:
    """Let what was paused go on; what has come too late meanwhile expires.

    Example: hourbell resume --workflow abandoned_cart
    """
    scopes = _scopes(workflow, channel, everything)
    if not scopes:
        raise HourbellError("Say what to resume: --workflow, --channel or --all. `hourbell pause` shows what is.")
    with _journal() as journal:
        for scope, name in scopes:
            if not journal.resume(scope, name, now=utc_now()):
                raise HourbellError(f"{scope} {name}".strip() + " is not paused. `hourbell pause` shows what is.")
        left = journal.pauses()
    console.print("Resumed." if not left else f"Resumed; still paused: {', '.join(map(str, left))}.")


@contextmanager
def _journal() -> Iterator[Journal]:
    home = Home.from_environment().prepare()
    with open_journal(home.journal_url, receipts_folder(home.journal_url, default_receipts(home.spool))) as journal:
        yield journal


def _must_be_known(what: str, name: str | None, known: Iterable[str]) -> None:
    """A slip of the pen must not leave sending what somebody believes to be paused."""
    if name is not None and name not in known:
        raise HourbellError(f"There is no {what} {name}. Nothing was paused. Known are: {', '.join(sorted(known))}.")


def _scopes(workflow: str | None, channel: str | None, everything: bool) -> list[tuple[Scope, str]]:
    scopes: list[tuple[Scope, str]] = [("all", "")] if everything else []
    if workflow is not None:
        scopes.append(("workflow", workflow))
    if channel is not None:
        scopes.append(("channel", channel))
    return scopes
