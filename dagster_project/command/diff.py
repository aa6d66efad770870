"""hourbell diff"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from dagster_project.command.show import console, progress, table
from dagster_project.history.diff import diff
from dagster_project.history.difference import Difference, Entered
from dagster_project.home import Home
from dagster_project.ticks.windows import parse_size

_STEPS = ("step", "only before", "only now", "the same", "changed", "how")
_STOPS = ("step", "gate", "before", "now")
_EXAMPLES = ("step", "contact", "before", "now")


def diff_workflow(
    ref: Annotated[str, typer.Argument(help="A branch, tag or commit: what to compare with.")],
    workflow: Annotated[str, typer.Argument(help="A workflow of the registry, there or here.")],
    over: Annotated[str, typer.Option(help="How much history: 12h, 30d.")] = "30d",
    size: Annotated[str, typer.Option(help="Length of each tick: 30m, 1h, 1d.")] = "1h",
    markdown: Annotated[bool, typer.Option("--markdown", help="As a pull request shows it.")] = False,
) -> None:
    """Whose messages change: a workflow as it was at a git ref, and as it is here, over the same history. Nothing is
    sent, nothing is kept.

    Examples:

    hourbell diff main abandoned_cart

    hourbell diff HEAD~1 birthday --over 7d --markdown >> pull_request.md
    """
    span, length = parse_size(over), parse_size(size)
    with progress(shown=not markdown) as bar:
        tasks = {version: bar.add_task(f"{workflow} {version}", total=None) for version in ("before", "now")}
        found = diff(
            Home.from_environment(),
            ref,
            workflow,
            span,
            length,
            lambda version, done, total: bar.update(tasks[version], completed=done, total=total),
        )
    if markdown:
        # as it is, for a file or another program
        typer.echo("\n".join(markdown_of(found)))
    else:
        _show(found)


def _show(found: Difference) -> None:
    console.print(f"[bold]{found.workflow}[/], {found.ref} and here, had it been live from {found.window} (UTC)")
    console.print(_entries(found))
    console.print(f"[bold]{_verdict(found)}[/]")
    for title, columns, rows in _tables(found):
        if rows:
            table(title, columns, rows)


def markdown_of(found: Difference) -> Iterator[str]:
    """As lines that a pull request shows."""
    yield f"### Messages of `{found.workflow}`: {found.ref} and here"
    yield ""
    yield f"**{_verdict(found)}** Had it been live from {found.window} (UTC). {_entries(found)}"
    for title, columns, rows in _tables(found):
        if not rows:
            continue
        yield ""
        yield f"{title}:"
        yield ""
        yield _line(columns)
        yield _line(["--:" if isinstance(value, int) else "---" for value in rows[0]])
        yield from (_line(row) for row in rows)


def _tables(found: Difference) -> list[tuple[str, Sequence[str], list[tuple[Any, ...]]]]:
    steps = [
        (step.step, step.only_before, step.only_now, step.same, step.changed, _counted(step.changes))
        for step in found.steps
    ]
    stops = [(step.step, *counts) for step in found.steps for counts in step.stopped]
    examples = [(one.step, str(one.contact_id), one.before or "–", one.now or "–") for one in found.examples]
    return [
        ("Contacts who get a message, by step", _STEPS, steps),
        ("What the gate stops", _STOPS, stops),
        ("For example", _EXAMPLES, examples),
    ]


def _verdict(found: Difference) -> str:
    if not found.contacts:
        return "Nobody would have got anything, in either version."
    if not found.affected:
        return f"Nobody's messages change: {found.contacts:,} contacts get the same."
    return f"The messages of {found.affected:,} contacts change, of {found.contacts:,} who get any."


def _entries(found: Difference) -> str:
    if found.before is None:
        return f"All of it is new: {found.ref} has no such workflow. {_people(found.now)} would have entered."
    if found.now is None:
        return f"It is gone: it is only at {found.ref}. {_people(found.before)} would have entered there."
    if found.before == found.now:
        return f"{_people(found.now)} would have entered, in both versions."
    return f"{_people(found.before)} would have entered before, {_people(found.now)} now."


def _people(entered: Entered | None) -> str:
    assert entered is not None
    return f"{entered.treated + entered.held_out:,} contacts ({entered.held_out:,} of them held out)"


def _counted(changes: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{change} {number:,}" for change, number in changes) or "–"


def _line(cells: Sequence[Any]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(shown)} |"
