"""Orders that people would have placed of themselves, and do not because of the messages that they got.

Somebody whom messages put off, who gets more of them than they bear, or who reads one that harms buys less in the week
after. The order is then missing from what lands, as if it had never been; the truth has it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import polars as pl

from data.importers.canonical import TIMESTAMP
from data.simulator.shop import Shop
from data.simulator.truth import person_ids

LASTS_US = timedelta(days=7) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Reason:
    """What one message does to somebody's own orders of the week after `since` (UTC microseconds)."""

    message_id: str
    workflow: str
    template: str
    since: int
    chance: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message and an order that it may have kept from being placed; `chance` is by what happened before."""

    order_id: str
    person: int
    ordered_at: int
    message_id: str
    workflow: str
    template: str
    chance: float
    was_kept_away: bool


class Reluctance:
    """What keeps the people of a shop from their own orders."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._reasons: dict[int, list[Reason]] = {}
        self._doubts: list[Doubt] = []

    def note(self, person: int, reason: Reason) -> None:
        """A message that keeps somebody away, from now on."""
        if reason.chance > 0:
            self._reasons.setdefault(person, []).append(reason)

    def kept_away(self, orders: pl.DataFrame) -> list[str]:
        """The orders that are not placed, of those with `order_id`, `person` and `ordered_at` (microseconds).

        Ask for each order once.
        """
        kept = []
        for order_id, person, ordered_at in orders.select("order_id", "person", "ordered_at").iter_rows():
            doubts = self._doubts_about(order_id, person, ordered_at)
            self._doubts += doubts
            kept += [doubt.order_id for doubt in doubts if doubt.was_kept_away]
        return kept

    def truth(self) -> pl.DataFrame:
        """One row per order and message that may have kept it away: the chance of it, and whether it did."""
        doubts = pl.DataFrame([asdict(doubt) for doubt in self._doubts], schema=_SCHEMA)
        return doubts.with_columns(
            person_id=person_ids(doubts["person"].to_numpy()), ordered_at=pl.col("ordered_at").cast(TIMESTAMP)
        ).drop("person")

    def _doubts_about(self, order_id: str, person: int, ordered_at: int) -> Sequence[Doubt]:
        """Messages in the order in which they were met with: each may keep away what those before have not."""
        reasons = [one for one in self._reasons.get(person, []) if one.since <= ordered_at < one.since + LASTS_US]
        draw = float(self._shop.chance("kept away", order_id).random()) if reasons else 1.0
        doubts, comes = [], 1.0
        for reason in sorted(reasons, key=lambda one: (one.since, one.message_id)):
            chance = comes * reason.chance
            doubts.append(
                Doubt(
                    order_id,
                    person,
                    ordered_at,
                    reason.message_id,
                    reason.workflow,
                    reason.template,
                    chance,
                    was_kept_away=1 - comes <= draw < 1 - comes + chance,
                )
            )
            comes -= chance
        return doubts


_SCHEMA = {
    "order_id": pl.String,
    "person": pl.Int64,
    "ordered_at": pl.Int64,
    "message_id": pl.String,
    "workflow": pl.String,
    "template": pl.String,
    "chance": pl.Float64,
    "was_kept_away": pl.Boolean,
}
