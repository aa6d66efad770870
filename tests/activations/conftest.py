"""A sandbox that runs, and a place to deliver from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rehearsal import Place

from activations.sandbox.server import Sandbox


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def sandbox(place: Place) -> Iterator[Sandbox]:
    with Sandbox(place.received) as server:
        yield server
