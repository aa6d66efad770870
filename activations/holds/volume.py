"""The volume breaker: whether a workflow is about to act on far more people than it usually does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

_DAY = timedelta(days=1)
# when the clocks change, or a source is late, everything comes an hour earlier or later
_SHIFTS = (timedelta(), timedelta(hours=-1), timedelta(hours=1))
_WEEK = 7
_MICROSECOND = timedelta(microseconds=1)

Figures = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Breaker:
    """When it trips; defaults and meaning are in dbt/README.md."""

    floor: int = 20
    usual_multiple: float = 5.0
    noise: float = 6.0
    history_days: int = 56
    least_days: int = 7
    high_days: float = 0.8
    base_share: float = 0.10
    base_multiple: float = 2.0


@dataclass(frozen=True)
class PastTick:
    """What a workflow sent in one tick [start, end)."""

    start: datetime
    end: datetime
    actions: int


def usual_actions(past: Sequence[PastTick], start: datetime, end: datetime, breaker: Breaker) -> float | None:
    """How many actions a busy day has at this time of day, from windows of the same length on earlier days.

    Ticks may be of any size; one that overlaps counts for its share. Days that are not wholly known are left out; None
    where too few are left to speak of a usual.
    """
    ordered = sorted(past, key=lambda tick: tick.start)
    # a moment for each end of a tick, with all that was known and sent up to then
    knots = np.array([moment for tick in ordered for moment in (tick.start, tick.end)], "datetime64[us]").astype(float)
    widths = np.zeros(len(knots))
    widths[1::2] = knots[1::2] - knots[::2]
    sent = np.zeros(len(knots))
    sent[1::2] = [tick.actions for tick in ordered]
    known_until, sent_until = widths.cumsum(), sent.cumsum()

    numbers = range(1, breaker.history_days + 1)
    begins = np.array([[start - n * _DAY + shift for shift in _SHIFTS] for n in numbers], "datetime64[us]").astype(
        float
    )
    ends = begins + (end - start) / _MICROSECOND
    is_known = _between(begins, ends, knots, known_until) >= ends - begins - 1
    found = np.where(is_known, _between(begins, ends, knots, sent_until), 0.0).max(axis=1)
    days = {n: float(actions) for n, actions, known in zip(numbers, found, is_known[:, 0], strict=True) if known}
    if len(days) < breaker.least_days:
        return None
    same_weekday = [actions for day, actions in days.items() if day % _WEEK == 0]
    high = float(np.quantile(list(days.values()), breaker.high_days))
    return max(high, float(np.median(same_weekday)) if same_weekday else 0.0)


def far_off(actions: int, usual: float | None, base: int, breaker: Breaker) -> str | None:
    """Why so many actions are not let through, given a workflow's usual and the number of contactable contacts."""
    share = breaker.base_share * base
    if usual is None:
        limit = max(float(breaker.floor), share)
        if actions <= limit:
            return None
        return (
            f"{actions:,} actions at once, for {base:,} people who can be reached, and too short a history to compare "
            f"with; more than {limit:,.0f} are held"
        )
    scatter = breaker.noise * usual**0.5
    limit = max(float(breaker.floor), breaker.usual_multiple * usual + scatter)
    if actions > share:
        limit = min(limit, max(float(breaker.floor), share, breaker.base_multiple * usual + scatter))
    if actions <= limit:
        return None
    told = f"{actions:,} actions where about {usual:,.0f} are usual; more than {limit:,.0f} are held"
    return told + (f" ({actions / base:.0%} of the {base:,} people who can be reached)" if base else "")


def _between(begins: Figures, ends: Figures, knots: Figures, running: Figures) -> Figures:
    """What a running total rose by in windows; outside of the knots it does not rise."""
    if not len(knots):
        return np.zeros_like(begins)
    return np.interp(ends, knots, running) - np.interp(begins, knots, running)
