"""What a simulated shop is asked to be, and the sources of its chance."""

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from activations.errors import HourbellError

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NEVER = np.iinfo(np.int64).max

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Shop:
    """Parameters of a shop; the same parameters give the same files, byte for byte.

    `contacts` is how many people there are in all: customers, visitors who never say who they are, and those
    who come upon the shop within the period. The period is `[start, start + days)`, in UTC, from a midnight;
    `history_days` of orders go before it. Shares are of rows (`late`, `duplicate`, `broken`) or of people
    (`lapsing`: their last order grows older than `lapse_after_days` within the period; `lapsed`: it is so
    already). There is nobody of these without a history longer than that.
    """

    seed: int
    contacts: int
    start: datetime
    days: int
    history_days: int = 200
    products: int = 160
    currency: str = "GBP"
    late_share: float = 0.03
    duplicate_share: float = 0.015
    broken_share: float = 0.005
    lapsing_share: float = 0.1
    lapsed_share: float = 0.06
    lapse_after_days: int = 90
    workflows: tuple[str, ...] = (
        "welcome_series",
        "abandoned_cart",
        "post_purchase",
        "reengagement",
        "abandoned_browse",
        "anniversary",
        "birthday",
        "cross_sell",
        "event_follow_up",
        "feedback",
        "lead_nurturing",
        "subscription",
    )

    def __post_init__(self) -> None:
        least = {
            "seed": 0,
            "contacts": 1,
            "days": 1,
            "history_days": 0,
            "products": 16,
            "lapse_after_days": 1,
        }
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise HourbellError(f"A shop's {name} is at least {limit}, not {getattr(self, name)}.")
        for name in ("late_share", "duplicate_share", "broken_share", "lapsing_share", "lapsed_share"):
            if not 0 <= getattr(self, name) <= 0.4:
                raise HourbellError(f"A shop's {name} lies between 0 and 0.4, not at {getattr(self, name)}.")
        if self.start.tzinfo is not None or self.start != datetime.combine(self.start, datetime.min.time()):
            raise HourbellError(
                f"A shop's start is a midnight in UTC without a time zone, not {self.start.isoformat()}."
            )

    @property
    def end(self) -> datetime:
        """The first moment after the period."""
        return self.start + timedelta(days=self.days)

    @property
    def start_us(self) -> int:
        """The start in microseconds since 1970 (UTC)."""
        return microseconds(self.start)

    @property
    def end_us(self) -> int:
        """The end in microseconds since 1970 (UTC)."""
        return microseconds(self.end)

    def day(self, number: int) -> date:
        """The date of the period's day `number`, counted from 0."""
        return self.start.date() + timedelta(days=number)

    def chance(self, *stream: str | int) -> np.random.Generator:
        """A source of chance for each thing and day, so that one more draw here moves nothing there."""
        keys = [zlib.crc32(str(part).encode()) for part in stream]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *keys])))

    def parameters(self) -> dict[str, Any]:
        """The parameters as JSON takes them."""
        return {**asdict(self), "start": self.start.isoformat(), "workflows": list(self.workflows)}


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a naive UTC moment."""
    return int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000


def hex_ids(chance: np.random.Generator, count: int, digits: int) -> np.ndarray:
    """Random identifiers of an even number of hex digits, as an array of text."""
    text = chance.bytes(count * digits // 2).hex().encode()
    return np.frombuffer(text, dtype=f"S{digits}").astype(f"U{digits}")


def pick(chance: np.random.Generator, weights: np.ndarray, count: int) -> np.ndarray:
    """`count` positions within `weights`, each as likely as it weighs."""
    bounds = np.cumsum(weights, dtype=np.float64)
    return np.searchsorted(bounds, chance.random(count) * bounds[-1], side="right").astype(np.int64)
