"""The volume breaker: whether a workflow is about to act on far more people than it usually does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

_DAY = timedelta(days=1)
# when the clocks change, or a source is late, everything comes an hour earlier or later
_SHIFTS = (timedelta(), timedelta(hours=-1), timedelta(hours=1))
_WEEK = 7


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
    base_multiple: float = 1.5


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
    if not past:
        return None
    ordered = sorted(past, key=lambda tick: tick.start)
    origin = ordered[0].start
    knots, covered, sent = [], [], []
    known_hours = sent_actions = 0.0
    for tick in ordered:
        for moment, hours, actions in ((tick.start, 0.0, 0), (tick.end, _hours(tick.end - tick.start), tick.actions)):
            known_hours += hours
            sent_actions += actions
            knots.append(_hours(moment - origin))
            covered.append(known_hours)
            sent.append(sent_actions)

    def between(begin: datetime, finish: datetime) -> float | None:
        at = [_hours(begin - origin), _hours(finish - origin)]
        if at[0] < knots[0] or at[1] > knots[-1]:
            return None
        known = np.interp(at, knots, covered)
        if known[1] - known[0] < at[1] - at[0] - 1e-6:
            return None
        acted = np.interp(at, knots, sent)
        return float(acted[1] - acted[0])

    days: dict[int, float] = {}
    for day in range(1, breaker.history_days + 1):
        near = [between(start - day * _DAY + shift, end - day * _DAY + shift) for shift in _SHIFTS]
        found = [actions for actions in near if actions is not None]
        if near[0] is not None:
            days[day] = max(found)
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


def _hours(span: timedelta) -> float:
    return span / timedelta(hours=1)
