"""Write templates as HTML and as pictures, and a page that shows them side by side."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from activations.channels.face import UnsendableError
from activations.errors import HourbellError
from activations.templating.rendering import Rendered, Templates
from dagster_project.render.browser import Shot, find_browser, take
from dagster_project.render.page import page_of
from dagster_project.render.samples import sample_contact, sample_context, sample_message

WIDTHS = {"phone": 375, "desktop": 1280}


@dataclass(frozen=True)
class View:
    """A template in one language, with the files that show it."""

    template: str
    locale: str
    rendered: Rendered
    html: Path
    pictures: Mapping[str, Path]
    """By width; none where there is no browser."""


def render_templates(
    templates: Templates,
    names: Sequence[str],
    out: Path,
    *,
    now: datetime,
    locale: str | None = None,
    contact: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> tuple[list[View], Path]:
    """Write each template in each language, or in one, into a folder; and a page of all of them.

    What is not given is made up. Raises HourbellError naming the template that cannot be rendered, and why.
    """
    out.mkdir(parents=True, exist_ok=True)
    browser = find_browser()
    views = []
    for name in names:
        try:
            for written in [locale] if locale is not None else templates.locales(name):
                rendered = _rendered(templates, name, written or templates.shop.locale, contact, context, now)
                stem = f"{name}.{written}" if written else name
                pictures = {width: out / f"{stem}.{width}.png" for width in WIDTHS} if browser else {}
                views.append(View(name, written, rendered, out / f"{stem}.html", pictures))
        except UnsendableError as error:
            raise HourbellError(f"Cannot render: {error}. Mend it, or give it what it lacks by --context.") from error
    for view in views:
        view.html.write_text(view.rendered.html, encoding="utf-8")
        view.html.with_suffix(".txt").write_text(view.rendered.text, encoding="utf-8")
    if browser:
        shots = [
            Shot(view.rendered.html, WIDTHS[width], path) for view in views for width, path in view.pictures.items()
        ]
        asyncio.run(take(browser, shots))
    page = out / "index.html"
    page.write_text(page_of(views, WIDTHS), encoding="utf-8")
    return views, page


def _rendered(
    templates: Templates,
    name: str,
    locale: str,
    contact: Mapping[str, Any] | None,
    context: Mapping[str, Any] | None,
    now: datetime,
) -> Rendered:
    columns = templates.needs(name).get("context", frozenset())
    return templates.render(
        name,
        contact={**sample_contact(locale), **(contact or {})},
        context={**sample_context(columns, templates.shop, now), **(context or {})},
        message=sample_message(templates.shop),
    )


def checked_locale(stated: str) -> str:
    """A locale as it is written; raises HourbellError."""
    if not re.fullmatch(r"[a-z]{2,3}([-_][A-Z]{2})?", stated):
        raise HourbellError(f"{stated!r} is no locale. Write it as de or de-AT.")
    return stated.replace("_", "-")
