"""A warehouse in which the models of profiles, segments and eligibility are compiled once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from profiles import MODELS, Profiles

from dagster_project.home import Home
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Statement]]:
    """A warehouse whose tables are all there and empty, and what a tick does to it."""
    home = Home(tmp_path_factory.mktemp("profiles"))
    return home.warehouse, compile_tick(home, MODELS)


@pytest.fixture(scope="session")
def make_profiles(
    compiled: tuple[Path, list[Statement]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Profiles]:
    """Makes a warehouse of one's own."""

    def make() -> Profiles:
        home = Home(tmp_path_factory.mktemp("warehouse")).prepare()
        home.warehouse.write_bytes(compiled[0].read_bytes())
        return Profiles(home, compiled[1])

    return make
