"""A shop that has had its first tick, and processes that go on from there."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk import Disk
from endings import FIRST_END, NOW
from ticking import Ticking, ticking

from dagster_project.home import Home


@pytest.fixture(scope="session")
def hourbell() -> Iterator[Ticking]:
    """Runs `hourbell` in processes of its own."""
    with ticking() as processes:
        yield processes


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Home], Home]:
    """Copy a home, so that it can be changed at will."""

    def copy(home: Home) -> Home:
        folder = tmp_path_factory.mktemp("copied")
        shutil.copytree(home.root, folder / "home")
        return Home(folder / "home")

    return copy


@pytest.fixture(scope="session")
def begun(landed_shop: Home, hourbell: Ticking, copied: Callable[[Home], Home]) -> Home:
    """The small shop after its first tick, delivered. Copy it; do not change it. So with those below."""
    home = copied(landed_shop)
    first = ("tick", "--from", "2026-03-02", "--to", f"{FIRST_END:%Y-%m-%d}", "--size", "1d")
    assert hourbell.run(home.root, *first, now=FIRST_END) == 0
    return home


@pytest.fixture(scope="session")
def undisturbed(begun: Home, hourbell: Ticking, copied: Callable[[Home], Home]) -> Home:
    """The same after the tick that follows, which nothing disturbed."""
    home = copied(begun)
    assert hourbell.run(home.root, "tick", now=NOW) == 0
    return home


@pytest.fixture(scope="session")
def killed(begun: Home, hourbell: Ticking, copied: Callable[[Home], Home]) -> Home:
    """The same where that tick was killed four times, at last when everything was decided and nothing had left."""
    home = copied(begun)
    for point in ("landed", "statements", "models", "decided"):
        assert hourbell.run(home.root, "tick", now=NOW, point=point) == -signal.SIGKILL, point
    return home


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """A file for what a process says."""
    return tmp_path / "said"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.close()
