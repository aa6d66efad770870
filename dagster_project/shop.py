"""The simulated shop, landed like anybody's files."""

from collections.abc import Callable
from pathlib import Path

from dagster_project.home import Home
from dagster_project.landing.load import Loaded, load
from data.contract import tables
from data.simulator import Shop, simulate


def land_shop(
    shop: Shop, home: Home, folder: Path, progress: Callable[[int, int], object] | None = None
) -> list[Loaded]:
    """Simulate a shop into a folder, and load its files; its truth stays in the folder, unseen by the engine.

    `progress` is called with the days done and the days in all.
    """
    simulate(shop, folder, progress)
    home.prepare()
    loaded = []
    for table in tables():
        if (folder / table.name).is_dir():
            loaded += load(folder / table.name, home.landing, shop.start)
    return loaded
