"""The documentation is built, linked, and asks no other host for anything."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from activations.errors import HourbellError
from dagster_project.docs import DATA_DOCS, DBT_DOCS, INDEX, without_other_hosts, write_docs
from dagster_project.home import Home
from dagster_project.ticks.tick import land
from dagster_project.ticks.windows import Window, parse_time
from data.contract import tables

# what a browser fetches by itself; links are for people to follow
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|embed)\b[^>]*\bsrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b[^>]*\bhref=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|url\([\"']?((?:https?:)?//[^)\"']+)|@import\s+(?:url\()?[\"']?((?:https?:)?//[^\"');]+)",
    re.IGNORECASE,
)
ASKS_NOBODY = re.compile(
    r"<head[^>]*><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self' file: data:"
)


def outside(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """What pages and styles would fetch from other hosts."""
    pages = [page for page in folder.rglob("*") if page.suffix in (".html", ".css", ".js", ".svg")]
    return {str(page): found for page in pages if (found := FETCHED.findall(page.read_text()))}


def linked(page: Path) -> list[Path]:
    return [page.parent / unquote(link) for link in re.findall(r'href="([^":#?]+)"', page.read_text())]


def test_the_pages_are_built_linked_and_ask_no_other_host(
    home: Home, tmp_path: Path, run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    land(home, Window(parse_time("2026-03-02"), parse_time("2026-03-03")))
    folder = tmp_path / "docs"
    # what was there before gives way
    (folder / "old").mkdir(parents=True)
    code, said = run_command("docs", "--out", str(folder))
    assert code == 0
    assert str(folder / INDEX) in said
    assert re.search(r"met [1-9]\d* of [1-9]\d* expectations", said)
    assert not (folder / "old").exists()

    start = linked(folder / INDEX)
    assert start == [folder / DATA_DOCS / INDEX, folder / DBT_DOCS / INDEX]
    told = linked(folder / DATA_DOCS / INDEX)
    assert [page for page in [*start, *told] if not page.exists()] == []
    assert {page.stem for page in told if "expectations" in page.parts} == {table.name for table in tables()}
    [orders] = [page for page in told if "validations" in page.parts and "orders" in page.parts]
    assert "order_id" in orders.read_text()
    models = (folder / DBT_DOCS / INDEX).read_text()
    assert "What each workflow, step and variant did day by day" in models

    assert outside(folder) == {}
    assert all(ASKS_NOBODY.search(page.read_text()) for page in folder.rglob("*.html"))


def test_a_page_that_asks_another_host_is_found_out(tmp_path: Path) -> None:
    asking = (
        '<html><head><link rel="stylesheet" href="https://cdn.example/a.css"><script src="//cdn.example/a.js"></script>'
        "<style>@import url('https://fonts.example/a.css'); body {background: url('https://cdn.example/a.png');}</style>"
        '</head><body><img src="https://cdn.example/a.png"><a href="https://example.org">a link</a></body></html>'
    )
    page = tmp_path / "page.html"
    page.write_text(asking)
    assert len(outside(tmp_path)[str(page)]) == 5
    page.write_text(without_other_hosts(asking))
    assert outside(tmp_path) == {}
    assert '<a href="https://example.org">' in page.read_text()


def test_a_folder_that_cannot_be_written_is_named(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HourbellError, match="cannot be written to"):
        write_docs(home, tmp_path / "file" / "docs")
