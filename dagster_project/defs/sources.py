"""Where rows come from before they land: importers, and the simulated shop."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from dagster_project.home import Home
from dagster_project.landing.load import Loaded, load
from dagster_project.shop import land_shop
from data.importers.online_retail import import_online_retail
from data.simulator import Shop


class OnlineRetail(dg.Config):
    """Which file to import."""

    path: str
    addresses: bool = False


class SimulatedShop(dg.Config):
    """Which shop to simulate."""

    seed: int = 1
    contacts: int = 2_000
    start: str = "2026-03-02"
    days: int = 14


@dg.asset(
    group_name="sources",
    kinds={"python", "polars"},
    owners=["data-platform@shop.example"],
    tags={"lands_in": "landing"},
)
def online_retail(config: OnlineRetail) -> dg.MaterializeResult:
    """The UCI Online Retail file as canonical tables, landed."""
    with TemporaryDirectory(prefix="hourbell-import-") as folder:
        account = import_online_retail(Path(config.path), Path(folder), addresses=config.addresses)
        home = Home.from_environment().prepare()
        loaded = load(Path(folder), home.landing, datetime.now(UTC).replace(tzinfo=None))
    return dg.MaterializeResult(metadata={"lines": account.lines, **_counts(loaded)})


@dg.asset(
    group_name="sources",
    kinds={"python", "polars"},
    owners=["data-platform@shop.example"],
    tags={"lands_in": "landing"},
)
def simulated_shop(config: SimulatedShop) -> dg.MaterializeResult:
    """A simulated shop with known truths, landed."""
    shop = Shop(
        seed=config.seed, contacts=config.contacts, start=datetime.fromisoformat(config.start), days=config.days
    )
    with TemporaryDirectory(prefix="hourbell-shop-") as folder:
        loaded = land_shop(shop, Home.from_environment(), Path(folder))
    return dg.MaterializeResult(metadata=_counts(loaded))


def _counts(loaded: list[Loaded]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for file in loaded:
        counts[f"rows of {file.table}"] = counts.get(f"rows of {file.table}", 0) + file.rows
    return counts
