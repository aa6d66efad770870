"""Prose of a page: paragraphs, lists, **strong** and `code`, as people write them in text."""

import re

from markupsafe import Markup, escape

_STRONG = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`(.+?)`")


def prose(text: str) -> Markup:
    """The text as HTML, with nothing in it that is not told here."""
    return Markup("\n").join(_paragraph(part.strip()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def _paragraph(text: str) -> Markup:
    lines = text.splitlines()
    if all(line.startswith("- ") for line in lines):
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(_marked(line[2:])) for line in lines)
        )
    return Markup("<p>{}</p>").format(_marked(" ".join(lines)))


def _marked(text: str) -> Markup:
    marked = _STRONG.sub(r"<strong>\1</strong>", str(escape(text)))
    return Markup(_CODE.sub(r"<code>\1</code>", marked))
