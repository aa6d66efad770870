"""Live a shop from before its period to the end of it, and keep the truth."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from activations.errors import HourbellError
from data.importers.canonical import TIMESTAMP, write_parquet, write_text
from data.simulator.catalogue import stock
from data.simulator.day import live_day
from data.simulator.faults import Breaker
from data.simulator.history import write_history
from data.simulator.landing import Landing
from data.simulator.people import Habit, populate
from data.simulator.shop import Progress, Shop
from data.simulator.truth import truth_of_devices, truth_of_identifiers, truth_of_people

TABLES = ("contacts", "consents", "costs", "events", "order_lines", "orders", "products")


@dataclass(frozen=True)
class Summary:
    """What was lived and written. Rows are those in the files, spoilt ones included."""

    rows: dict[str, int]
    files: int
    people: int
    sign_ups: int
    carts: int
    carts_left: int
    orders_from_carts: int
    lapsing: int
    late: dict[str, int]
    duplicates: int
    broken: int


def simulate(shop: Shop, out: Path, progress: Progress | None = None) -> Summary:
    """Write the shop's life as landing files below `out`, and the truth of it below `out/truth`.

    `out/<table>/<day>.parquet` holds what was loaded on that day (UTC), in the contract's columns with its
    own `loaded_at`, so that it replays as if live; `out/<table>/history-<part>.parquet` holds what was known
    before. The truth: `people` (traits), `identifiers` (whose, from when until when), `devices`,
    `broken_rows`, `carts/<day>` and `shop.json` (parameters and summary).

    `progress(done, total)` is called after each step. Raises `HourbellError` if `out` is not empty.
    """
    life = Life(shop, out)
    if progress is not None:
        progress(1, shop.days + 1)
    for day in range(shop.days):
        life.live()
        if progress is not None:
            progress(day + 2, shop.days + 1)
    return life.close()


class Life:
    """A shop that is lived day by day.

    Rows that are added to `landing` are written with the day on which they are loaded, if that day is still
    to be written. So whoever watches the shop between two days can answer for its people, whose traits are in
    `people`.
    """

    def __init__(self, shop: Shop, out: Path) -> None:
        """Populate the shop and write its history. Raises `HourbellError` if `out` is not empty."""
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise HourbellError(f"{out} is not an empty directory: files of two shops must not mix. Choose another.")
        self.shop = shop
        self.people = populate(shop)
        self.landing = Landing(shop, self.people, out)
        self._out = out
        self._catalogue = stock(shop)
        self._breaker = Breaker(shop)
        self._counts: Counter[str] = Counter()
        write_history(shop, self.people, self._catalogue, self.landing)
        # a day in UTC is parts of three local days, and is whole when the last of them has been lived
        self._day = -1
        self._live_local_day()
        self._live_local_day()

    def live(self, kept_away: Callable[[pl.DataFrame], Collection[str]] | None = None) -> int:
        """Live on until one more day (UTC) can be written; gives its number within the period, from 0.

        `kept_away` says which of the orders that people would place are not placed, as `Landing.withhold_orders` asks.
        """
        self._live_local_day()
        written = self._day - 2
        if kept_away is not None:
            self.landing.withhold_orders(written, kept_away)
        self.landing.write_day(written)
        return written

    def close(self) -> Summary:
        """Write the truth."""
        shop, people, counts, truth = self.shop, self.people, self.landing.counts, self._out / "truth"
        write_parquet(truth_of_people(shop, people), truth / "people.parquet")
        write_parquet(truth_of_identifiers(shop, people), truth / "identifiers.parquet")
        write_parquet(truth_of_devices(people), truth / "devices.parquet")
        write_parquet(self.landing.broken_rows(), truth / "broken_rows.parquet")
        since = people.registered_at
        summary = Summary(
            rows={table: counts[table] for table in TABLES},
            files=counts["files"],
            people=len(people),
            sign_ups=int(((since >= shop.start_us) & (since < shop.end_us)).sum()),
            carts=self._counts["carts"],
            carts_left=self._counts["carts"] - self._counts["orders"],
            orders_from_carts=self._counts["orders"],
            lapsing=int((people.habit == Habit.LAPSING).sum()),
            late={table: counts[f"late {table}"] for table in TABLES},
            duplicates=counts["duplicate"],
            broken=counts["broken"],
        )
        text = json.dumps({"parameters": shop.parameters(), "summary": asdict(summary)}, indent=2)
        write_text(text + "\n", truth / "shop.json")
        return summary

    def _live_local_day(self) -> None:
        carts = live_day(self.shop, self.people, self._catalogue, self.landing, self._breaker, self._day)
        self._keep(carts)
        self._day += 1

    def _keep(self, carts: pl.DataFrame) -> None:
        """Write the truth of a local day's carts; what would be ordered after the period is not ordered."""
        if carts.height == 0:
            return
        within = pl.Series(carts["ordered_at"].to_numpy() < self.shop.end_us)
        kept = carts.with_columns(
            pl.when(within).then(pl.col("ordered_at")).cast(TIMESTAMP).alias("ordered_at"),
            pl.when(within).then(pl.col("order_id")).alias("order_id"),
            pl.col("filled_at").cast(TIMESTAMP),
        )
        self._counts["carts"] += carts.height
        self._counts["orders"] += int(within.sum())
        path = self._out / "truth" / "carts" / f"{self.shop.day(self._day):%Y-%m-%d}.parquet"
        write_parquet(kept, path)
