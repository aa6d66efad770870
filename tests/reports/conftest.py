"""A site over made-up marts, served on loopback."""

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from browser import CHROMIUM, DRIVER, MISSING, Browser, chromium
from built_site import Site
from made_up_marts import publish_made_up

from dagster_project.command.reports import server_of
from dagster_project.home import Home
from dagster_project.registry import steps_by_workflow
from dagster_project.reports import build
from dagster_project.reports.pages import read_pages
from dagster_project.reports.site import PAGES


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A data directory with published marts alone. Copy it; do not change it."""
    home = Home(tmp_path_factory.mktemp("reports") / "home")
    publish_made_up(home.published)
    return home


@pytest.fixture
def apart(made_up: Home, tmp_path: Path) -> Home:
    """The same marts in a data directory of its own, with no site yet."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.published.symlink_to(made_up.published)
    return home


@pytest.fixture(scope="session")
def site(made_up: Home) -> Iterator[Site]:
    built = build(made_up)
    pages = {page.file: page for page in read_pages(PAGES, sorted(steps_by_workflow()))}
    with server_of(made_up, 0) as server, duckdb.connect() as marts:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = made_up.published / "hourbell.duckdb"
        marts.execute(f"attach '{file}' as published (read_only)")
        marts.execute("use published")
        # what is in no mart, and is nothing here
        marts.execute("create schema memory.operations")
        yield Site(made_up, built, pages, marts, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (CHROMIUM and DRIVER):
        pytest.skip(MISSING)
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def browser(window: Browser) -> Browser:
    """A window as wide as a desktop, with nothing said and nothing asked for yet."""
    window.look(width=1280, dark=False)
    window.driver.get("about:blank")
    window.said()
    window.requests()
    return window


@pytest.fixture
def pages_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    return folder
