"""What several tests share: one simulated shop, landed once."""

import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from activations.holds.approvals import approve
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.replay import Statement, compile_tick
from dagster_project.shop import land_shop
from dagster_project.tick import prepare_warehouse
from data.simulator import Shop

SMALL_SHOP = Shop(seed=7, contacts=300, start=datetime(2026, 3, 2), days=6)

# files that take longest, in that order: begun first, so that no worker is left waiting for one of them at the end
LONGEST = (
    "test_real_orders.py",
    "test_quality_of_code.py",
    "test_gate.py",
    "test_simulated_shop.py",
    "test_profile_versions.py",
    "test_idempotence.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


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
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command of `hourbell` in this process; returns the exit code and what was printed."""
    from dagster_project.command import app

    monkeypatch.setenv("COLUMNS", "300")
    # a command sets up the log of its process, which here is that of other tests too
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)

    def run(*arguments: str) -> tuple[int, str]:
        try:
            app(list(arguments))
            code = 0
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        return code, capsys.readouterr().out

    return run
