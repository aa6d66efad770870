"""A shop with some history behind it, on whose next tick something goes wrong."""

import shutil
from datetime import datetime, timedelta

import pytest
from shop_history import DAY, NEXT, ShopHistory

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.shop import land_shop
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.tick import land
from dagster_project.ticks.windows import Window, split
from data.simulator import Shop

SHOP = Shop(seed=7, contacts=800, start=datetime(2026, 3, 2), days=12)


@pytest.fixture(scope="session")
def shop_history(compiled: tuple[Home, list[Statement]], tmp_path_factory: pytest.TempPathFactory) -> ShopHistory:
    """Ten days of ticks; the tick of the next tick has not run. Copy it."""
    empty, statements = compiled
    root = tmp_path_factory.mktemp("shop_history")
    home = Home(root / "home").prepare()
    shutil.copyfile(empty.warehouse, home.warehouse)
    land_shop(SHOP, home, root / "shop")
    land(home, Window(SHOP.start, SHOP.start + timedelta(days=1)))
    replay(home, split(Window(SHOP.start, NEXT.start), DAY), statements=statements, with_outbox=False)
    return ShopHistory(home, statements)
