"""Prose of a page: paragraphs, lists, **strong**, `code` and [links](docs), as people write them in text."""

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

_STRONG = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`(.+?)`")
_LINK = re.compile(r"\[(.+?)\]\((\w+)\)")


def prose(text: str, places: Mapping[str, str] | None = None) -> Markup:
    """The text as HTML, with nothing in it that is not told here. A link leads to a place by its name; one that is not
    there is text."""
    parts = (part.strip() for part in re.split(r"\n\s*\n", text.strip()))
    return Markup("\n").join(_paragraph(part, places or {}) for part in parts if part)


def _paragraph(text: str, places: Mapping[str, str]) -> Markup:
    lines = text.splitlines()
    if all(line.startswith("- ") for line in lines):
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(_marked(line[2:], places)) for line in lines)
        )
    return Markup("<p>{}</p>").format(_marked(" ".join(lines), places))


def _marked(text: str, places: Mapping[str, str]) -> Markup:
    def link(found: re.Match[str]) -> str:
        place = places.get(found[2])
        return f'<a href="{escape(place)}">{found[1]}</a>' if place else found[1]

    marked = _STRONG.sub(r"<strong>\1</strong>", str(escape(text)))
    return Markup(_LINK.sub(link, _CODE.sub(r"<code>\1</code>", marked)))
