"""Templates that a test writes for itself, and what comes of them."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from test_rendering import CONTEXT, render

from activations.templating.rendering import Rendered, Templates

COLUMN = "<mj-section><mj-column>{}</mj-column></mj-section>"
PRODUCT = {
    "title": "A jug",
    "price": 34,
    "url": "https://shop.example/p/jug",
    "image": "https://shop.example/p/jug.jpg",
}


def write(folder: Path, body: str, **others: str) -> Templates:
    (folder / "own" / "body.mjml.liquid").write_text(COLUMN.format(body))
    for name, source in others.items():
        (folder / "own" / f"{name.replace('__', '.')}.liquid").write_text(source)
    return Templates(folder)


def shown(templates: Templates, locale: str | None = None, **context: Any) -> Rendered:
    return render(templates, contact={"first_name": "Zoë", "locale": locale}, context={**CONTEXT, **context})


def content(rendered: Rendered) -> str:
    """The plain text without what is below every message."""
    return rendered.text.partition("\n\n--\n")[0]


class Links(HTMLParser):
    """Where a page points, and the pictures on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.hrefs.append(given["href"] or "")
        if tag == "img":
            self.pictures.append(given)


def shown_as(templates: Templates, name: str, locale: str) -> Rendered:
    return render(templates, name, contact={"first_name": "Zoë", "locale": locale})
