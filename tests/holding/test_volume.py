"""The volume breaker on histories whose truth is known: normal days pass, and a lost window does not."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activations.holds.volume import Breaker, PastTick, far_off, usual_actions
from dagster_project.gate_out.volumes import contactable_base, create_volumes
from dagster_project.registry import hold_rule

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# a Monday
START = datetime(2026, 2, 2)
# clocks go forward in Europe
SUMMER = datetime(2026, 3, 29, 1)
BREAKER = Breaker()
BASE = 40_000


def steady(days: int, by_hour: Sequence[int], size: timedelta = HOUR) -> list[PastTick]:
    """The same hours every day, in ticks of a size."""
    hours = [PastTick(START + n * HOUR, START + (n + 1) * HOUR, by_hour[n % 24]) for n in range(days * 24)]
    width = size // HOUR
    return [
        PastTick(group[0].start, group[-1].end, sum(tick.actions for tick in group))
        for group in (hours[at : at + width] for at in range(0, len(hours), width))
    ]


def usual(past: Sequence[PastTick], start: datetime, hours: float = 1) -> float | None:
    return usual_actions(past, start, start + hours * HOUR, BREAKER)


MORNING = [0] * 9 + [400, 100] + [10] * 13


def test_the_usual_is_that_of_the_time_of_day() -> None:
    past = steady(20, MORNING)
    after = START + 20 * DAY
    assert usual(past, after + 3 * HOUR) == 0
    assert usual(past, after + 9 * HOUR) == 400
    # where clocks change, the morning comes an hour earlier
    assert usual(past, after + 8 * HOUR) == 400
    assert usual(past, after + 16 * HOUR) == 10


@pytest.mark.parametrize("size", [HOUR, 4 * HOUR, DAY])
def test_ticks_of_any_size_are_compared_by_the_hour(size: timedelta) -> None:
    past = steady(20, [12] * 24, size)
    after = START + 20 * DAY
    assert usual(past, after, hours=1) == pytest.approx(12)
    assert usual(past, after, hours=0.5) == pytest.approx(6)
    # an outage of a day and a half is caught up
    assert usual(past, after, hours=36) == pytest.approx(36 * 12)


def test_too_short_a_history_is_no_usual() -> None:
    assert usual([], START) is None
    assert usual(steady(6, MORNING), START + 6 * DAY + 12 * HOUR) is None
    assert usual(steady(7, MORNING), START + 7 * DAY + 12 * HOUR) == 10


def test_days_with_a_gap_do_not_count() -> None:
    whole = steady(10, MORNING)
    gaps = [tick for tick in whole if tick.start.hour != 12]
    assert usual(whole, START + 10 * DAY + 12 * HOUR) == 10
    assert usual(gaps, START + 10 * DAY + 12 * HOUR) is None


def test_what_goes_out_once_a_week_is_usual_on_its_weekday_only() -> None:
    newsletter = [
        PastTick(START + n * HOUR, START + (n + 1) * HOUR, 9_000 if n % (7 * 24) == 34 else 0)
        for n in range(5 * 7 * 24)
    ]
    tuesday = START + 35 * DAY + 34 * HOUR
    assert usual(newsletter, tuesday) == 9_000
    assert usual(newsletter, tuesday + DAY) == 0
    assert far_off(9_500, 9_000, BASE, BREAKER) is None
    assert far_off(9_500, 0, BASE, BREAKER)


def test_one_mass_send_that_was_let_through_is_not_the_usual() -> None:
    past = steady(30, MORNING)
    past[20 * 24 + 9] = PastTick(past[20 * 24 + 9].start, past[20 * 24 + 9].end, 50_000)
    assert usual(past, START + 30 * DAY + 9 * HOUR) == 400


@pytest.mark.parametrize(
    ("actions", "usual", "base", "is_held"),
    [
        (20, 0.0, BASE, False),
        (21, 0.0, BASE, True),
        (560, 100.0, BASE, False),
        (561, 100.0, BASE, True),
        # a tenth of all people at once is let through where it is nearly usual
        (10_400, 5_000.0, BASE, False),
        (10_500, 5_000.0, BASE, True),
        (3_900, 1_000.0, BASE, False),
        # nothing to compare with
        (4_000, None, BASE, False),
        (4_001, None, BASE, True),
        (20, None, 10, False),
        (21, None, 10, True),
    ],
)
def test_where_the_breaker_trips(actions: int, usual: float | None, base: int, is_held: bool) -> None:
    assert (far_off(actions, usual, base, BREAKER) is not None) == is_held


def test_the_reason_names_the_figures() -> None:
    assert far_off(8_000, 100, BASE, BREAKER) == (
        "8,000 actions where about 100 are usual; more than 560 are held (20% of the 40,000 people who can be reached)"
    )


class Shop:
    """Four workflows of a shop of 40,000 people: what each sends in an hour, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        days = 120
        # weeks differ, days differ more than chance, and demand grows by half in four months
        self._level = (1 + np.arange(days) / 240) * self._random.gamma(20, 1 / 20, days)
        # a newsletter goes to its list, or to a part of it
        self._list = (1 + np.arange(days) / 240) * self._random.uniform(0.6, 1.1, days)
        self._sale = np.ones(days)
        for first in (17, 44, 45, 71, 100):
            self._sale[first : first + 3] = 2.5

    def hour(self, start: datetime) -> dict[str, int]:
        day = (start - START) // DAY
        weekend = start.weekday() >= 5
        local = (start + HOUR if start >= SUMMER else start).hour
        awake = max(0.0, float(np.sin((local - 6) / 18 * np.pi))) if local >= 6 else 0.05
        level = self._level[day] * self._sale[day] * (1.4 if weekend else 1.0)
        rates = {
            "abandoned_cart": 25 * awake * level,
            "post_purchase": 15 * awake * level + (60 * level if local == 9 else 0),
            "reengagement": 350 * self._level[day] if local == 10 and not weekend else 0,
            "welcome_series": 5 * awake * level,
            "newsletter": 9_000 * self._list[day] if local == 8 and start.weekday() == 1 else 0,
        }
        return {workflow: int(self._random.poisson(rate)) for workflow, rate in rates.items()}


def live(seed: int, days: int, breaker: Breaker = BREAKER) -> list[tuple[str, PastTick, str | None]]:
    """Ticks of every workflow, and what the breaker said of each. A wide tick follows each of two outages."""
    shop = Shop(seed)
    hours = [START + n * HOUR for n in range(days * 24)]
    pending: dict[str, int] = {}
    begun = None
    past: dict[str, list[PastTick]] = {}
    told = []
    for hour in hours:
        begun = begun or hour
        for workflow, actions in shop.hour(hour).items():
            pending[workflow] = pending.get(workflow, 0) + actions
        if (hour - START) // DAY in (30, 66) and 7 <= hour.hour < 15:
            continue
        for workflow, actions in pending.items():
            history = past.setdefault(workflow, [])
            tick = PastTick(begun, hour + HOUR, actions)
            if actions > breaker.floor and history:
                # as the engine reads it
                recent = history[-(breaker.history_days + 1) * 24 :]
                reason = far_off(actions, usual_actions(recent, tick.start, tick.end, breaker), BASE, breaker)
                told.append((workflow, tick, reason))
            if actions or history:
                history.append(tick)
        pending, begun = {}, None
    return told


@pytest.mark.parametrize("seed", [1])
def test_ninety_normal_days_have_at_most_one_false_hold(seed: int) -> None:
    told = live(seed, 90)
    assert len(told) > 1_000
    assert [(workflow, tick) for workflow, tick, reason in told if reason][1:] == []


@pytest.mark.parametrize(
    "jumpy",
    [
        Breaker(usual_multiple=1, noise=1),
        Breaker(high_days=0.5, usual_multiple=2, noise=2),
        Breaker(base_multiple=0.5, base_share=0.05),
    ],
)
def test_a_breaker_that_is_too_jumpy_is_caught(jumpy: Breaker) -> None:
    assert sum(reason is not None for _, _, reason in live(1, 30, jumpy)) > 1


@pytest.mark.parametrize("day", [14, 60])
def test_a_lost_window_is_far_off_on_any_day_and_at_any_hour(day: int) -> None:
    shop = Shop(3)
    history: dict[str, list[PastTick]] = {}
    for n in range(day * 24):
        start = START + n * HOUR
        for workflow, actions in shop.hour(start).items():
            history.setdefault(workflow, []).append(PastTick(start, start + HOUR, actions))
    for workflow, past in history.items():
        all_of_it = sum(tick.actions for tick in past)
        for hour in range(24):
            start = START + day * DAY + hour * HOUR
            # the hours of the day itself are like those of the day before
            known = [*past, *(PastTick(t.start + DAY, t.end + DAY, t.actions) for t in past[-24 : -24 + hour])]
            expected = usual_actions(known, start, start + HOUR, BREAKER)
            assert far_off(all_of_it, expected, BASE, BREAKER), (workflow, start)


def test_nothing_holds_those_who_leave_the_audiences() -> None:
    rule = hold_rule("audience_upkeep")
    everybody = 100_000_000
    assert rule.first_actions >= everybody
    assert rule.release_covers == "workflow"
    assert far_off(everybody, None, 10, rule.breaker) is None
    assert far_off(everybody, 1.0, everybody, rule.breaker) is None


CHANGES = st.dictionaries(
    st.tuples(
        st.integers(1, 3), st.sampled_from(["email", "sms"]), st.sampled_from(["offers", "news"]), st.integers(0, 5)
    ),
    st.tuples(st.booleans(), st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES)
def test_who_can_be_reached_by_anything_is_counted_once(
    changes: dict[tuple[int, str, str, int], tuple[bool, bool]],
) -> None:
    at, latest = 4, {}
    for (contact, *choice, hour), (is_reachable, is_consented) in sorted(changes.items(), key=lambda one: one[0][3]):
        if hour <= at:
            latest[contact, *choice] = is_reachable and is_consented
    with duckdb.connect() as connection:
        create_volumes(connection)
        connection.execute("create schema eligibility")
        connection.execute(
            "create table eligibility.eligibility_by_channel (contact_id bigint, channel varchar, topic varchar, "
            "tick_end timestamp, is_reachable boolean, is_consented boolean)"
        )
        for (contact, channel, topic, hour), flags in changes.items():
            connection.execute(
                "insert into eligibility.eligibility_by_channel values (?, ?, ?, ?, ?, ?)",
                [contact, channel, topic, START + hour * HOUR, *flags],
            )
        found = contactable_base(connection, START + at * HOUR)
    assert found == len({contact for (contact, *_), is_open in latest.items() if is_open})
