"""What the shop lands: rows by the day on which they are loaded, and the count of them."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from data.importers.canonical import schema, write_parquet
from data.simulator.people import People
from data.simulator.shop import HOUR, Shop

# what travels with a row and is not landed: whose it is (positions in People) and what was done to it
MARKS: dict[str, pl.DataType] = {
    "_person": pl.Int64(),
    "_device": pl.Int8(),
    "_email": pl.Int8(),
    "_copy": pl.Boolean(),
    "_fault": pl.String(),
    "_column": pl.String(),
    "_key": pl.String(),
}
LATE = HOUR // 2


@dataclass
class Landing:
    """Rows that wait for their day. What would be loaded after the period is never written."""

    shop: Shop
    people: People
    out: Path
    counts: Counter[str] = field(default_factory=Counter)
    _waiting: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    _broken: list[pl.DataFrame] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)
    _withheld: set[str] = field(default_factory=set)

    def add(self, table: str, frame: pl.DataFrame) -> None:
        """Take rows of a table, with `loaded_at` and any of the marks."""
        if frame.height:
            self._waiting.setdefault(table, []).append(settle(frame, table))

    def withhold_orders(self, day: int, kept_away: Callable[[pl.DataFrame], Collection[str]]) -> None:
        """Have orders that people would place up to the end of day `day`, and are kept from, never land.

        `kept_away` is asked once for each order, by `order_id`, `person` and `ordered_at` (microseconds).
        """
        at = pl.col("occurred_at").cast(pl.Int64)
        waiting = self._waiting.get("orders", [])
        placed = [
            frame.filter(pl.col("status") == "placed", pl.col("_fault").is_null(), at < self._end_of(day)).select(
                "order_id", person="_person", ordered_at=at
            )
            for frame in waiting
        ]
        orders = pl.concat(placed).unique(maintain_order=True) if placed else pl.DataFrame()
        if orders.height:
            # what an answer brought is nobody's own order: it has no person here
            new = orders.filter(pl.col("person").is_not_null(), ~pl.col("order_id").is_in(list(self._asked)))
            self._asked |= set(new["order_id"])
            self._withheld |= set(kept_away(new))

    def write_history(self, part: int) -> None:
        """Write what was known before the period as one file a table."""
        self._write(self.shop.start_us, f"history-{part:03d}")

    def write_day(self, day: int) -> None:
        """Write what is loaded on the period's day `day` (and not yet written) as one file a table."""
        end = self.shop.start + timedelta(days=day + 1)
        self._write(self._end_of(day), f"{end - timedelta(days=1):%Y-%m-%d}")

    def broken_rows(self) -> pl.DataFrame:
        """One row per broken row written: table, file and position, its key if it has one, and the fault."""
        columns = {"table": pl.String, "file": pl.String, "row": pl.Int64, "key": pl.String}
        empty = pl.DataFrame(schema={**columns, "column": pl.String, "fault": pl.String})
        return pl.concat([empty, *self._broken]).sort("table", "file", "row")

    def _end_of(self, day: int) -> int:
        return self.shop.start_us + (day + 1) * 24 * HOUR

    def _without_withheld(self, table: str, frame: pl.DataFrame) -> pl.DataFrame:
        if not self._withheld or table not in ("orders", "order_lines", "events"):
            return frame
        order_id = pl.col("properties").str.json_path_match("$.order_id") if table == "events" else pl.col("order_id")
        return frame.filter(~order_id.is_in(list(self._withheld)).fill_null(value=False))

    def _write(self, until: int, name: str) -> None:
        for table in sorted(self._waiting):
            frame = self._without_withheld(table, pl.concat(self._waiting[table]))
            is_due = pl.col("loaded_at").cast(pl.Int64) < until
            due = frame.filter(is_due).sort("loaded_at", maintain_order=True)
            self._waiting[table] = [frame.filter(~is_due)]
            if due.height:
                path = self.out / table / f"{name}.parquet"
                write_parquet(due.select(schema(table).keys()), path)
                self._note(table, f"{table}/{path.name}", due)

    def _note(self, table: str, file: str, due: pl.DataFrame) -> None:
        self.counts[table] += due.height
        self.counts["files"] += 1
        self.counts["duplicate"] += int(due["_copy"].sum())
        whole = due.filter(pl.col("_fault").is_null(), ~pl.col("_copy"))
        lag = (whole["loaded_at"] - whole["occurred_at"]).dt.total_microseconds()
        self.counts[f"late {table}"] += int((lag > LATE).sum())
        broken = due.with_row_index("row").filter(pl.col("_fault").is_not_null())
        self.counts["broken"] += broken.height
        self._broken.append(
            broken.select(
                table=pl.lit(table),
                file=pl.lit(file),
                row=pl.col("row").cast(pl.Int64),
                key="_key",
                column="_column",
                fault="_fault",
            )
        )
        self._see(whole)

    def _see(self, rows: pl.DataFrame) -> None:
        """Note when each identifier is first seen."""
        people = self.people
        rows = rows.filter(pl.col("_person").is_not_null())
        loaded = rows["loaded_at"].cast(pl.Int64).to_numpy()
        person = rows["_person"].to_numpy()
        for column, seen in (("user_id", people.user_id_seen), ("phone", people.phone_seen)):
            if column in rows.columns:
                given = rows[column].is_not_null().to_numpy()
                np.minimum.at(seen, person[given], loaded[given])
        for mark, slots in (("_email", people.email_seen), ("_device", people.device_seen)):
            slot = rows[mark].to_numpy()
            given = slot >= 0
            np.minimum.at(slots, (person[given], slot[given]), loaded[given])


def settle(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with the table's columns and the marks, all typed."""
    types = {**schema(table), **MARKS}
    absent = {"_device": -1, "_email": -1, "_copy": False}
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(absent.get(name))).cast(kind).alias(name)
        for name, kind in types.items()
    )
