"""Local time: when people are awake where they live."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from data.simulator.shop import DAY, HOUR
from data.simulator.vocabulary import PLACES

WEEKDAYS = np.array([1.0, 0.97, 0.98, 1.02, 0.95, 0.96, 1.12])
_EPOCH = date(1970, 1, 1)


def local_hours(chance: np.random.Generator, peak_hours: np.ndarray) -> np.ndarray:
    """Microseconds after local midnight: around each person's own hour, some at any hour from 7 to 23."""
    around = chance.normal(peak_hours, 2.0) % 24
    anywhen = chance.uniform(7, 23, len(peak_hours))
    hours = np.where(chance.random(len(peak_hours)) < 0.2, anywhen, around)
    return (hours * HOUR).astype(np.int64) // 1000 * 1000


def to_utc(days: np.ndarray, local: np.ndarray, places: np.ndarray) -> np.ndarray:
    """UTC microseconds of local times (`days` since 1970, microseconds after midnight) at each place.

    An hour that happens twice is taken the first time; a time that does not exist moves on by the hour that
    is missing.
    """
    hours = local // HOUR
    keys, positions = np.unique((days * 24 + hours) * len(PLACES) + places, return_inverse=True)
    offsets = np.array([_offset(*divmod(int(key), len(PLACES))) for key in keys], dtype=np.int64)
    return days * DAY + local - offsets[positions]


def _offset(hour: int, place: int) -> int:
    """Microseconds that the place's clocks are ahead of UTC at a local hour since 1970."""
    naive = datetime.combine(_EPOCH, datetime.min.time()) + timedelta(hours=hour)
    local = naive.replace(tzinfo=ZoneInfo(PLACES[place].timezone))
    ahead = naive.replace(tzinfo=UTC) - local
    return int(ahead.total_seconds()) * 1_000_000


def weekday_factor(day: date, weekend_taste: np.ndarray) -> np.ndarray:
    """How much more or less than usual each person visits on this weekday."""
    weekday = day.weekday()
    share = weekend_taste if weekday >= 5 else (7 - 2 * weekend_taste) / 5
    return WEEKDAYS[weekday] * share
