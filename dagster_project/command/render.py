"""hourbell render"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from activations.templating.rendering import Templates
from dagster_project.command.show import console, say
from dagster_project.deliver import utc_now
from dagster_project.render import render_templates
from dagster_project.render.render import WIDTHS, checked_locale


def render(
    names: Annotated[list[str] | None, typer.Argument(help="Templates; without any, all of them.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("rendered"),
    locale: Annotated[str | None, typer.Option(help="The reader's locale; without it each language is shown.")] = None,
    contact: Annotated[str | None, typer.Option(help="What is known of the contact, as JSON.")] = None,
    context: Annotated[str | None, typer.Option(help="What the step carries, as JSON.")] = None,
    templates: Annotated[Path, typer.Option(help="The folder of templates.", show_default=False)] = TEMPLATES,
) -> None:
    """Templates as they look: HTML, and pictures as wide as a phone and as a desktop. What is not given is made up.

    Examples:

    hourbell render cart_reminder --out previews

    hourbell render cart_reminder --locale de --contact '{"first_name": "Jörg"}' --context '{"item_count": 1}'
    """
    known = Templates(templates)
    mail = [name for name in known.names if known.is_mail(name)]
    views, page = render_templates(
        known,
        names or mail,
        out,
        now=utc_now(),
        locale=None if locale is None else checked_locale(locale),
        contact=_object("--contact", contact),
        context=_object("--context", context),
    )
    for view in views:
        say(f"{view.html}: {view.rendered.subject}")
    if not any(view.pictures for view in views):
        console.print("No pictures: Chromium is not installed. On Debian: apt install chromium.", soft_wrap=True)
    else:
        console.print(f"Pictures are {' and '.join(f'{width} px' for width in WIDTHS.values())} wide.")
    console.print(f"All of them side by side: {page}", soft_wrap=True)


def _object(option: str, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        stated = json.loads(text)
    except ValueError as error:
        raise HourbellError(f'{option} is no JSON: {error}. Write it as \'{{"first_name": "Ann"}}\'.') from error
    if not isinstance(stated, dict):
        raise HourbellError(f'{option} is no JSON object. Write it as \'{{"first_name": "Ann"}}\'.')
    return stated
