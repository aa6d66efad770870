"""hourbell preview"""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from activations.errors import HourbellError
from dagster_project.command.show import console
from dagster_project.home import Home
from dagster_project.preview import Preview, Shown, Stop, preview
from dagster_project.preview.page import page_of
from dagster_project.preview.telling import ABOUT_GATES, IDLE, action_of, difference_of, moment, wait_of

# a mail's lines end in two characters
_FOOTER = re.compile(r"\r?\n-- ?\r?\n")


def preview_workflow(
    workflow: Annotated[str, typer.Argument(help="A workflow of the registry, whether or not it is live.")],
    contact: Annotated[
        str | None, typer.Option(help="A contact's id, an address, a telephone number or a user id.")
    ] = None,
    invent: Annotated[bool, typer.Option("--invent", help="A contact who is made up.")] = False,
    page: Annotated[Path | None, typer.Option(help="A file to write it to, as one HTML page.")] = None,
) -> None:
    """One contact through a whole workflow in compressed time, by every branch, with the messages as they would read.
    Nothing is sent, nothing is kept.

    Examples:

    hourbell preview abandoned_cart --contact anna@shop.example

    hourbell preview welcome_series --invent --page welcome.html
    """
    if invent == (contact is not None):
        raise HourbellError("Say whose way it is: --contact with an id or an address, or --invent.")
    found = preview(Home.from_environment(), workflow, contact)
    _show(found)
    if page is not None:
        try:
            page.write_text(page_of(found), encoding="utf-8")
        except OSError as error:
            raise HourbellError(f"Cannot write {page}: {error.strerror}. Name another file.") from error
        console.print(f"The page is {page}: open it in a browser.", soft_wrap=True)


def _show(found: Preview) -> None:
    who = "an invented contact" if found.is_invented else f"contact {found.contact_id}"
    console.print(f"[bold]{found.workflow}[/], {who}, from {moment(found.start.reached_at)} on", highlight=False)
    console.print(f"What the entry carries is {found.entered}:", highlight=False)
    for name, value in found.carried.items():
        if value is not None:
            console.print(f"  {name}: {value}", highlight=False, markup=False)
    tree = Tree(_label(found.start))
    _grow(tree, found.start)
    console.print(tree, highlight=False)
    if found.leaves_when:
        console.print(f"Whoever leaves early, leaves because: {', '.join(found.leaves_when)}.", highlight=False)
    if found.not_reached:
        console.print(f"[bold]By no way reached:[/] {', '.join(found.not_reached)}.", highlight=False)
    console.print(
        f"[bold green]●[/] is the contact's own way; on the others a double of theirs goes. {escape(ABOUT_GATES)}"
    )


def _grow(tree: Tree, stop: Stop) -> None:
    for following in stop.following:
        _grow(tree.add(_label(following)), following)


def _label(stop: Stop) -> str:
    mark = "[bold green]●[/]" if stop.is_own else "○"
    way = f", leaves by [bold]{escape(stop.branch)}[/]" if stop.branch else ""
    lines = [f"{mark} [bold]{stop.step}[/] {wait_of(stop)}, {moment(stop.reached_at)}{way}"]
    different = difference_of(stop)
    if different:
        lines.append(escape(different))
    if stop.shown is not None:
        lines += [escape(line) for line in _told(stop.shown)]
    elif stop.is_idle:
        lines.append(IDLE)
    return "\n".join(lines)


def _told(shown: Shown) -> list[str]:
    lines = [action_of(shown)]
    lines += [verdict.told for verdict in shown.verdicts]
    if shown.details:
        lines.append(shown.details)
    for place, (variant, sample) in enumerate(shown.samples):
        lines.append(f"{f'{variant}: ' if variant else ''}{sample.subject}".strip())
        # a variant differs in little; the page has all of it
        # nor does what stands below every message
        text = _FOOTER.split(sample.text)[0]
        body = text.splitlines() if place == 0 or not sample.subject else []
        lines += [f"  | {line}" for line in body if line.strip()]
    return [line for line in lines if line]
