"""A warehouse whose identity models are compiled once."""

from pathlib import Path

import pytest
from resolver import IDENTITY, Resolver

from dagster_project.home import Home
from dagster_project.ticks.compiled import compile_tick


@pytest.fixture(scope="session")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    home = Home(Path(tmp_path_factory.mktemp("identity")))
    return Resolver(home, compile_tick(home, IDENTITY))
