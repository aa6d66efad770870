"""What stands on a page in the browser, and whether it is what the marts say."""

from datetime import date
from typing import Any

from browser import Browser
from built_site import Site
from oracle import NOTHING, Asked, Oracle, written

from dagster_project.reports.pages import Page

ALL = Asked()
# of all pages of workflows, the widest graph and the plainest
LOOKED_AT = ("lead_nurturing", "birthday")


def pages_of(site: Site) -> list[Page]:
    return [page for page in site.pages.values() if page.subject is None or page.subject in LOOKED_AT]


def reads_operations(page: Page, query: str | None) -> bool:
    return "operations." in page.queries[str(query)].sql


def tiles_shown(browser: Browser, place: int) -> dict[str, str]:
    found: dict[str, str] = browser.run(
        "return Object.fromEntries([...document.querySelectorAll(`#block-${arguments[0]} .tile`)]"
        ".map((tile) => [tile.dataset.label, tile.querySelector('dd').textContent]))",
        place,
    )
    return found


def lines_shown(browser: Browser, place: int) -> list[list[str]]:
    found: list[list[str]] = browser.run(
        "return [...document.querySelectorAll(`#block-${arguments[0]} tbody tr`)]"
        ".map((line) => [...line.children].map((cell) => cell.textContent))",
        place,
    )
    return found


def compare(browser: Browser, site: Site, page: Page, asked: Asked) -> int:
    """Every tile and every line of a table, as the marts have them; returns how many figures that was."""
    oracle = Oracle(site.marts, page, asked)
    compared = 0
    for place, block in enumerate(page.blocks):
        if block.kind == "tiles":
            shown = tiles_shown(browser, place)
            for figure in block.options["figures"]:
                if not reads_operations(page, figure.get("from", block.query)):
                    assert shown[figure["label"]] == oracle.tile(block, figure), (page.file, figure["label"])
                    compared += 1
        elif block.kind == "table" and not reads_operations(page, block.query):
            expected = oracle.table(block)
            shown_lines = lines_shown(browser, place)
            assert len(shown_lines) == min(len(expected), block.options.get("limit", 25)), (page.file, block.options)
            for line in shown_lines:
                by = len(block.options["by"])
                known = [texts for key, texts in expected.items() if as_named(key, block.options["by"]) == line[:by]]
                texts = [
                    text
                    for text, figure in zip(line[by:], block.options["figures"] * len(line), strict=False)
                    if figure.get("format") != "trend"
                ]
                assert texts in [without_trends(one, block) for one in known], (page.file, block.options["title"], line)
                compared += len(texts)
    return compared


def without_trends(texts: list[str], block: Any) -> list[str]:
    figures = block.options["figures"]
    return [text for place, text in enumerate(texts) if figures[place % len(figures)].get("format") != "trend"]


def as_named(key: tuple[str, ...], columns: list[dict[str, Any]]) -> list[str]:
    """As a page writes names: without underscores, with a capital."""
    return [as_written(part, column) for part, column in zip(key, columns, strict=True)]


def as_written(part: str, column: dict[str, Any]) -> str:
    if not part:
        return spoken(column.get("none", NOTHING))
    return month(part) if column.get("format") == "month" else spoken(part)


def month(text: str) -> str:
    return f"{date.fromisoformat(text):%b %Y}"


def spoken(text: str) -> str:
    plain = written(text)
    return plain[0].upper() + plain[1:] if "." not in plain and "@" not in plain else plain
