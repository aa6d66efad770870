"""A simulated shop that answers, run through the whole engine once for several tests."""

import shutil
from datetime import timedelta

import duckdb
import pytest
from answered_shop import EFFECTS, HELD_OUT, SHOP, TICKS, AnsweredRun, holding_out
from readers import reading, tell

from dagster_project.demo import run_ticks
from dagster_project.home import Home
from dagster_project.publish import publish
from dagster_project.shop import AnsweringShop
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import Window, split


@pytest.fixture(scope="session")
def answered_run(compiled: tuple[Home, list[Statement]], tmp_path_factory: pytest.TempPathFactory) -> AnsweredRun:
    """20 ticks in which people answer, each published, with three readers on the copy all the while."""
    root = tmp_path_factory.mktemp("answered")
    empty, known = compiled
    home = Home(root / "home").prepare()
    shutil.copyfile(empty.warehouse, home.warehouse)
    people = AnsweringShop(SHOP, home, root / "shop", effects=EFFECTS)
    traits = people.answers.people.traits
    traits.open_propensity[:] = 0.9
    traits.unsubscribe_propensity[:] = 0.15
    statements = holding_out(known, HELD_OUT)
    ticks = 0

    def publish_tick(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
        nonlocal ticks
        tell(root / "readers", ticks, is_publishing=True)
        publish(connection, home.published)
        ticks += 1
        tell(root / "readers", ticks)

    with reading(home.published, root / "readers", only_news=True) as heard:
        windows = list(split(Window(SHOP.start, SHOP.end), timedelta(days=SHOP.days) / TICKS))
        run_ticks(home, people, windows, statements=statements, after_tick=publish_tick)
    people.close()
    return AnsweredRun(home, root / "shop" / "truth", heard)
