"""What several tests share: one simulated shop, landed once, and a place to rehearse deliveries in."""

import gc
import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import database
import pytest
import sqlalchemy as sa
from rehearsal import Place
from surface import Surface

from activations.holds.approvals import approve
from activations.sandbox.server import Sandbox
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.shop import land_shop
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement
from dagster_project.warehouse_setup import prepare_warehouse
from data.simulator import Shop

# what is imported here stays to the end: looking for garbage in it at each turn is a tenth of the tests' time
gc.set_threshold(100_000, 50, 100)

SMALL_SHOP = Shop(seed=7, contacts=300, start=datetime(2026, 3, 2), days=6)

# files that take longest, in that order: begun first, so that no worker is left waiting for one of them at the end
LONGEST = (
    "test_closed_loop.py",
    "test_scenarios.py",
    "test_quality_of_code.py",
    "test_real_orders.py",
    "test_whole_runs.py",
    "test_leaving.py",
    "test_idempotence.py",
    "test_workflow_invariance.py",
    "test_broken_workflow.py",
    "test_steps.py",
    "test_diff.py",
    "test_overlap.py",
    "test_gate.py",
    "test_simulated_shop.py",
    "test_profile_versions.py",
    "test_triggers.py",
    "test_waiting.py",
    "test_backfill.py",
    "test_explain.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured, in whichever process they ran."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def landed_shop(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A small shop whose files have landed, whose workflows may send, and a warehouse. Copy it; do not change it."""
    folder = tmp_path_factory.mktemp("shop")
    home = Home(folder / "home")
    land_shop(SMALL_SHOP, home, folder / "shop")
    prepare_warehouse(home)
    for workflow in registered_workflows():
        approve(home.outbox, workflow, by="the tests", at=SMALL_SHOP.start)
    return home


@pytest.fixture(scope="session")
def compiled(landed_shop: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Statement]]:
    """The small shop with every table there, still empty, and the statements of a tick. Copy it; do not change it."""
    home = Home(tmp_path_factory.mktemp("compiled") / "home")
    shutil.copytree(landed_shop.root, home.root)
    return home, compile_tick(home)


@pytest.fixture
def home(landed_shop: Home, tmp_path: Path) -> Home:
    """A copy of the small shop, to change at will."""
    shutil.copytree(landed_shop.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def run_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Run a command of `hourbell` in this process; returns the exit code and what was printed."""
    from dagster_project.command import app

    monkeypatch.setenv("COLUMNS", "300")
    # a command sets up the log of its process, which here is that of other tests too
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level

    def run(*arguments: str) -> tuple[int, str]:
        try:
            app(list(arguments))
            code = 0
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        return code, capsys.readouterr().out

    yield run
    # set, and not put back as an attribute: every logger remembers what its level let through
    root.setLevel(level)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def sandbox(place: Place) -> Iterator[Sandbox]:
    with Sandbox(place.received) as server:
        yield server


@pytest.fixture
def surface(place: Place) -> Iterator[Surface]:
    with ExitStack() as held:
        yield Surface(place, held)


@pytest.fixture(scope="session")
def postgresql_port() -> Iterator[int]:
    """A server for all tests of a run."""
    with database.server() as port:
        yield port


@pytest.fixture
def server_url(postgresql_port: int) -> str:
    """The URL of a schema of its own; a database of its own would take 0.2 s more."""
    url = f"postgresql+psycopg://postgres@127.0.0.1:{postgresql_port}/postgres"
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create schema {name}")
    engine.dispose()
    return f"{url}?options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place to deliver from, with its journal in a file and on a server."""
    url = request.getfixturevalue("server_url") if request.param == "postgresql" else None
    return Place(tmp_path, url)
