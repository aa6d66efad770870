"""What stands on a page in the browser, and whether it is what the marts say."""

from datetime import date
from typing import Any

import pytest
from browser import Browser
from built_site import Site
from oracle import NOTHING, Asked, Oracle, spoken, written

from dagster_project.reports.pages import Block, Page

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


def bars_shown(browser: Browser, place: int, measured: str, group: str) -> dict[str, float]:
    """What the bars of a chart come to, by what they are told apart by, as the browser tells who cannot see them."""
    labels = browser.run(
        "return [...document.querySelectorAll(`#block-${arguments[0]} .role-mark [aria-label]`)]"
        ".map((bar) => bar.getAttribute('aria-label'))",
        place,
    )
    shown: dict[str, float] = {}
    for label in labels:
        told = dict(reversed([part.split(": ", 1) for part in label.split("; ")]))
        shown[told[group]] = shown.get(told[group], 0) + float(told[measured].replace("\N{MINUS SIGN}", "-"))
    return shown


def bars_of(block: Block) -> tuple[str, str, str] | None:
    """The column that a chart's bars add up, by which name, and what tells them apart; None of a chart without."""
    spec = block.options["spec"]
    mark = spec.get("mark")
    if "transform" in spec or (mark if isinstance(mark, str) else (mark or {}).get("type")) != "bar":
        return None
    sides = [spec["encoding"][side] for side in ("x", "y")]
    added = [side for side in sides if side.get("aggregate") == "sum"]
    if not added:
        return None
    told_apart = spec["encoding"].get("color") or next(side for side in sides if side is not added[0])
    return added[0]["field"], added[0]["title"], told_apart["field"]


def compare(browser: Browser, site: Site, page: Page, asked: Asked) -> int:
    """Every tile, line and bar, as the marts have them; returns how many figures that was."""
    oracle = Oracle(site.marts, page, asked)
    compared = 0
    for place, block in enumerate(page.blocks):
        if block.kind == "tiles":
            shown = tiles_shown(browser, place)
            for figure in block.options["figures"]:
                if not reads_operations(page, figure.get("from", block.query)):
                    assert shown[figure["label"]] == oracle.tile(block, figure), (page.file, figure["label"])
                    compared += 1
        elif block.kind == "chart" and (bars := bars_of(block)):
            field, title, group = bars
            sums = oracle.figures(block, {"value": f"sum({field})"}, [group])
            drawn = bars_shown(browser, place, title, group)
            told = {written(key): float(value) for (key,), value in sums.items() if value is not None}
            assert drawn == pytest.approx(told), (page.file, block.options["title"])
            compared += len(drawn)
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
