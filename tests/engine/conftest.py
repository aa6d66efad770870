"""Warehouses that have taken in a history, and the statements of a tick, compiled once."""

import shutil
from datetime import timedelta

import pytest
from engine_world import SHOP_SPAN, Engine, run_ticks
from workflow_history import DAYS, START, Life, take_in

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.tick import land
from dagster_project.ticks.windows import HOUR, Window, history_before, split
from dagster_project.warehouse import open_warehouse


@pytest.fixture(scope="session")
def shop_home(landed_shop: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small shop of the simulator, taken in by the door that everybody uses; no tick has run. Copy it."""
    home = Home(tmp_path_factory.mktemp("engine") / "home")
    shutil.copytree(landed_shop.root, home.root)
    land(home, SHOP_SPAN)
    return home


@pytest.fixture(scope="session")
def shop(compiled: tuple[Home, list[Statement]], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The same, with every table there and the statements of a tick. Copy it."""
    empty, statements = compiled
    home = Home(tmp_path_factory.mktemp("engine") / "home")
    shutil.copytree(empty.root, home.root)
    land(home, SHOP_SPAN)
    return Engine(home, statements)


@pytest.fixture(scope="session")
def lived(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The small shop after ticks over its span, each decided and none delivered. Copy it; do not change it."""
    engine = shop.copy(tmp_path_factory.mktemp("lived") / "home")
    replay(engine.home, split(SHOP_SPAN, 7 * HOUR), statements=engine.statements, with_outbox=False)
    return engine


@pytest.fixture(scope="session")
def dense_life(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A made-up life that leads through every step. All is known of it, and no workflow has run. Copy it."""
    engine = shop.copy(tmp_path_factory.mktemp("dense") / "home")
    with open_warehouse(engine.home) as connection:
        engine.forget(connection)
        take_in(connection, Life(seed=1, people=80).rows)
        span = Window(START, START + timedelta(days=DAYS))
        history = history_before(connection, span)
        assert history is not None
        known = [statement for statement in engine.statements if statement.scope == "contacts"]
        run_ticks(connection, known, [history, span])
    return engine
