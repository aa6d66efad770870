"""The documentation is built, linked with the pages both ways, and asks no other host for anything."""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from browser import CHROMIUM, DRIVER, MISSING, SECONDS, Browser, chromium
from selenium.webdriver.support.wait import WebDriverWait

from activations.errors import HourbellError
from dagster_project.command.reports import server_of
from dagster_project.docs import INDEX, _index, without_other_hosts, write_docs
from dagster_project.home import Home
from dagster_project.reports import build
from dagster_project.reports.site import DATA_DOCS, DBT_DOCS, SITE
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


def follow(browser: Browser, text: str) -> str:
    """Click a link by its text; returns the title of the page that it leads to."""
    before = browser.driver.current_url
    found = browser.run(
        "const link = [...document.querySelectorAll('a')].find((link) => link.textContent === arguments[0]);"
        "link?.click(); return Boolean(link)",
        text,
    )
    assert found, f"{before} has no link {text}"
    WebDriverWait(browser.driver, SECONDS, poll_frequency=0.02).until(
        lambda driver: (
            driver.current_url != before and driver.execute_script("return document.readyState") == "complete"
        )
    )
    return str(browser.driver.title)


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)
def test_the_pages_are_built_linked_and_ask_no_other_host(
    home: Home,
    made_up: Home,
    tmp_path: Path,
    run_command: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    land(home, Window(parse_time("2026-03-02"), parse_time("2026-03-03")))
    home.published.symlink_to(made_up.published)
    before = build(home).start.read_text()
    assert "written by <code>hourbell docs</code>" in before
    assert str(home.docs.name) + "/" not in before, "what is not there has no link"
    folder = home.docs
    # what was there before gives way
    (folder / "old").mkdir(parents=True)
    code, said = run_command("docs")
    assert code == 0
    assert str(folder / INDEX) in said
    assert re.search(r"met [1-9]\d* of [1-9]\d* expectations", said)
    assert not (folder / "old").exists()

    start = linked(folder / INDEX)
    assert start[:2] == [folder / DATA_DOCS / INDEX, folder / DBT_DOCS / INDEX]
    built = build(home)
    assert {page.name for page in start[2:]} == set(built.pages), "each page is named"
    told = linked(folder / DATA_DOCS / INDEX)
    assert [page for page in [*start, *told] if not page.exists()] == []
    assert {page.stem for page in told if "expectations" in page.parts} == {table.name for table in tables()}
    [orders] = [page for page in told if "validations" in page.parts and "orders" in page.parts]
    assert "order_id" in orders.read_text()
    models = (folder / DBT_DOCS / INDEX).read_text()
    assert "What each workflow, step and variant did day by day" in models
    assert '"../../reports/site/deliverability.html"' in models

    assert outside(folder) == {}
    assert all(ASKS_NOBODY.search(page.read_text()) for page in folder.rglob("*.html"))

    with chromium(tmp_path / "chromium") as browser, server_of(home, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # as they are served, and as they lie there
        for address in (f"http://127.0.0.1:{server.server_port}/", built.folder.as_uri() + "/"):
            browser.open(f"{address}data_quality.html")
            assert follow(browser, "Data Docs") == "Data quality"
            assert follow(browser, "the page on data quality") == "Data quality · Hourbell"
            browser.drawn()
            assert follow(browser, "every table and column, and where it comes from") == "dbt Docs"
            browser.driver.get(urljoin(browser.driver.current_url.split("#")[0], f"../{INDEX}"))
            assert follow(browser, "Overview") == "Overview · Hourbell"
            browser.drawn()
            assert follow(browser, "what is expected of what lands, and how it fared") == "Data quality"
        asked = [url for url in browser.requests() if urlsplit(url).scheme != "data"]
        assert {urlsplit(url).hostname for url in asked} == {None, "127.0.0.1"}, asked
        server.shutdown()


@pytest.mark.parametrize(("out", "leads"), [("elsewhere/docs", "../../home/reports/site/index.html")])
def test_documentation_that_lies_elsewhere_leads_back_all_the_same(tmp_path: Path, out: str, leads: str) -> None:
    home = Home(tmp_path / "home")
    assert f'href="{leads}"' in _index(os.path.relpath(home.reports / SITE, tmp_path / out))


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
