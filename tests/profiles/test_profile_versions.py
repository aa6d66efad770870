"""Profiles, segments and eligibility: the same whatever the ticks, and what a slow and obvious reference says."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from profile_history import DAYS, START, History, generate
from profile_reference import SEGMENTS, Profile, agrees, profile, segments, stated
from profiles import MODELS, Profiles

from dagster_project.history.groundwork import Groundwork, laid
from dagster_project.ticks.statements import Memory
from dagster_project.ticks.transform import run_models
from dagster_project.ticks.windows import Window, split

BEFORE = START - timedelta(days=60)
END = START + timedelta(days=DAYS + 20)
# half of the history happens in these stretches, which are replayed in small ticks; a wide one leads up to each of them
DENSE = [
    (START + timedelta(days=100), START + timedelta(days=100, hours=14)),
    (START + timedelta(days=165), START + timedelta(days=165, hours=14)),
]
CONTACTS = 40

EXACT = {
    "contact_activity_days": "select * from contacts.contact_activity_days order by all",
    "contact_signals": "select * from contacts.contact_signals order by all",
    "contact_profile_versions": "select * exclude (tick_end) from contacts.contact_profile_versions order by all",
    "segment_periods": "select * exclude (tick_end) from segments.segment_periods order by all",
    "segment_changes": "select * exclude (tick_end) from segments.segment_changes order by all",
}
EVERYTHING = {
    **{table: query.replace(" exclude (tick_end)", "") for table, query in EXACT.items()},
    "eligibility_changes": "select * from eligibility.eligibility_changes order by all",
}


def windows(size: timedelta) -> list[Window]:
    ticks = []
    start = BEFORE
    for dense_start, dense_end in DENSE:
        ticks.append(Window(start, dense_start))
        ticks += split(Window(dense_start, dense_end), size)
        start = dense_end
    return [*ticks, Window(start, END)]


def contents(profiles: Profiles, queries: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    return {table: profiles.rows(query) for table, query in queries.items()}


def replay(profiles: Profiles, seed: int, ticks: list[Window]) -> tuple[History, Profiles]:
    history = generate(seed, DENSE, CONTACTS)
    profiles.learn(history)
    profiles.tick(ticks)
    return history, profiles


@pytest.fixture(scope="module")
def hourly(make_profiles: Callable[[], Profiles]) -> tuple[History, Profiles]:
    return replay(make_profiles(), 1, windows(timedelta(hours=1)))


@pytest.fixture(scope="module", params=["by the hour", "by seven hours"])
def replayed(request: pytest.FixtureRequest, make_profiles: Callable[[], Profiles]) -> tuple[History, Profiles]:
    if request.param == "by the hour":
        return request.getfixturevalue("hourly")
    return replay(make_profiles(), 2, windows(timedelta(hours=7)))


@pytest.mark.parametrize(
    "size", [timedelta(hours=7), timedelta(days=1), END - BEFORE], ids=["7 hours", "a day", "one tick"]
)
def test_ticks_of_any_size_give_the_same_rows(
    hourly: tuple[History, Profiles], make_profiles: Callable[[], Profiles], size: timedelta
) -> None:
    _, by_the_hour = hourly
    _, other = replay(make_profiles(), 1, [Window(BEFORE, END)] if size == END - BEFORE else windows(size))
    for table, rows in contents(by_the_hour, EXACT).items():
        assert len(rows) > 0, table
        assert other.rows(EXACT[table]) == rows, table


@pytest.mark.parametrize("forgets", [None, "changed_profiles"])
def test_a_day_in_one_go_leaves_what_its_ticks_do(
    hourly: tuple[History, Profiles],
    make_profiles: Callable[[], Profiles],
    monkeypatch: pytest.MonkeyPatch,
    forgets: str | None,
) -> None:
    """Each tick says what changed in it, for which it has to look at its own profiles."""
    history, by_the_hour = hourly
    profiles = make_profiles()
    profiles.learn(history)
    if forgets:
        each = Groundwork.of_each_tick.fget  # type: ignore[attr-defined]
        monkeypatch.setattr(
            Groundwork, "of_each_tick", property(lambda self: [one for one in each(self) if one.model != forgets])
        )
    with profiles.connect() as connection:
        groundwork = Groundwork.of(connection, profiles.statements)
        memory = Memory.of(connection, profiles.statements)
        ticks = [tick.window for tick in laid(connection, groundwork, windows(timedelta(hours=1)), memory)]
    assert ticks == windows(timedelta(hours=1))
    assert (contents(profiles, EVERYTHING) == contents(by_the_hour, EVERYTHING)) == (forgets is None)


def test_a_tick_that_is_run_again_changes_nothing(hourly: tuple[History, Profiles]) -> None:
    _, profiles = hourly
    before = contents(profiles, EVERYTHING)
    ticks = windows(timedelta(hours=1))
    profiles.tick([*random.Random(0).sample(ticks, 6), ticks[0], ticks[-1]])
    assert contents(profiles, EVERYTHING) == before


def test_dbt_itself_gives_the_same_rows(make_profiles: Callable[[], Profiles]) -> None:
    ticks = windows(timedelta(hours=7))[:2]
    _, replayed = replay(make_profiles(), 1, ticks)
    _, run = replay(make_profiles(), 1, [])
    for window in ticks:
        assert all(model.succeeded for model in run_models(run.home, MODELS, window))
    assert contents(run, EVERYTHING) == contents(replayed, EVERYTHING)


def test_profiles_say_what_the_facts_say(replayed: tuple[History, Profiles]) -> None:
    history, profiles = replayed
    versions: dict[int, list[dict[str, Any]]] = {}
    for version in profiles.records("select * from contacts.contact_profile_versions order by valid_from"):
        versions.setdefault(version["contact_id"], []).append(version)
    for at in some_times(history, 40):
        for contact in range(1, CONTACTS + 1):
            expected = profile(history, contact, at)
            known = [version for version in versions.get(contact, []) if version["valid_from"] <= at]
            assert bool(known) == (expected is not None), (contact, at)
            if expected is not None:
                assert comparable(known[-1]) == comparable(expected), (contact, at)
                average = expected["revenue"] / expected["orders_count"] if expected["orders_count"] else None
                assert known[-1]["average_order_value"] == (average and pytest.approx(average, abs=Decimal("0.01")))


def some_times(history: History, count: int) -> list[datetime]:
    """Times at which something became known, and times just before and between."""
    draw = random.Random(0)
    times = [row["effective_at"] for row in [*history.events, *history.orders, *history.contact_details]]
    times += [merge["merged_at"] for merge in history.contact_merges]
    return [
        at - draw.choice([timedelta(0), timedelta(microseconds=1), timedelta(days=35)])
        for at in draw.sample(times, count)
    ]


def comparable(it: dict[str, Any]) -> dict[str, Any]:
    unlike = [
        "contact_id",
        "valid_from",
        "tick_end",
        "is_repeated",
        "consents",
        "stated",
        "views",
        "average_order_value",
        "properties",
    ]
    properties = it["properties"]
    return {
        **{column: value for column, value in it.items() if column not in unlike},
        "properties": json.loads(properties) if isinstance(properties, str) else properties,
    }


def test_a_version_is_written_where_something_changed_and_where_a_month_begins(
    replayed: tuple[History, Profiles],
) -> None:
    _, profiles = replayed
    last: dict[int, dict[str, Any]] = {}
    months = [month for month in (datetime(2026, number, 1) for number in range(1, 9)) if month < END]
    for version in profiles.records(
        "select * exclude (tick_end) from contacts.contact_profile_versions order by valid_from"
    ):
        contact, valid_from = version["contact_id"], version.pop("valid_from")
        is_repeated = version.pop("is_repeated")
        assert (version == last.get(contact)) == is_repeated, (contact, valid_from)
        assert not is_repeated or valid_from in months
        last[contact] = version
    for month in months:
        known, written = profiles.rows(
            f"""
            select
                count(distinct contact_id) filter (valid_from < '{month}')
                - count(distinct contact_id) filter (valid_from < '{month}' and merged_into_contact_id is not null),
                count(distinct contact_id) filter (valid_from = '{month}')
            from contacts.contact_profile_versions
            """
        )[0]
        assert written >= known, month


def test_segments_hold_who_belongs_to_them(replayed: tuple[History, Profiles]) -> None:
    history, profiles = replayed
    changes = profiles.rows(
        "select segment, contact_id, changed_at, change from segments.segment_changes order by changed_at"
    )
    draw = random.Random(1)
    edges = [
        changed_at - draw.choice([timedelta(0), timedelta(microseconds=1)])
        for _, _, changed_at, _ in draw.sample(changes, 25)
    ]
    seen = set()
    quiet = [START + timedelta(days=days) for days in (95, 130, 160, 190, 199)]
    for at in [*edges, *some_times(history, 15), *quiet]:
        inside: dict[tuple[int, str], bool] = {}
        for segment, contact, changed_at, change in changes:
            if changed_at <= at:
                inside[contact, segment] = change == "entered"
        for contact in range(1, CONTACTS + 1):
            expected = segments(profile(history, contact, at), at)
            assert {name for name in SEGMENTS if inside.get((contact, name))} == expected, (contact, at)
            seen |= expected
    assert seen == set(SEGMENTS)


def test_entering_and_leaving_take_turns(replayed: tuple[History, Profiles]) -> None:
    _, profiles = replayed
    last: dict[tuple[str, int], tuple[datetime, str]] = {}
    for segment, contact, changed_at, change in profiles.rows(
        "select segment, contact_id, changed_at, change from segments.segment_changes order by changed_at, change desc"
    ):
        before = last.get((segment, contact))
        assert (before[1] if before else "left") != change
        assert before is None or before[0] < changed_at
        last[segment, contact] = changed_at, change


def test_eligibility_is_that_of_the_profile_at_the_end_of_the_tick(replayed: tuple[History, Profiles]) -> None:
    history, profiles = replayed
    changes = profiles.records("select * from eligibility.eligibility_by_channel order by tick_end")
    for window in windows(timedelta(hours=7)):
        at = window.end - timedelta(microseconds=1)
        latest = {
            (change["contact_id"], change["channel"], change["topic"]): change
            for change in changes
            if change["tick_end"] <= window.end
        }
        for contact in range(1, CONTACTS + 1):
            it = profile(history, contact, at)
            if it is not None:
                for channel in ["email", "sms", "push", "profile"]:
                    for topic in ["newsletter", "offers", "service"]:
                        check_eligibility(it, contact, channel, topic, latest.get((contact, channel, topic)))


def check_eligibility(it: Profile, contact: int, channel: str, topic: str, found: dict[str, Any] | None) -> None:
    token = (it["properties"] or {}).get("push_token")
    address = {"email": it["email"], "sms": it["phone"], "push": token, "profile": str(contact)}[channel]
    if found is None:
        assert address is None
        assert stated(it, channel, topic) is None
        assert not it["is_erased"]
        return
    gone = it["is_erased"] or it["merged_into_contact_id"] is not None
    promotional = topic != "service"
    bounced = channel == "email" and it["is_hard_bounced"]
    consented = agrees(it, channel, topic) if promotional else stated(it, channel, topic) != "withdrawn"
    until, why = None, None
    if promotional and it["last_order_at"]:
        until, why = it["last_order_at"] + timedelta(hours=24), "recent purchase"
    if promotional and bounced:
        until, why = datetime(9999, 12, 31), "hard bounce"
    if promotional and it["has_complained"]:
        until, why = datetime(9999, 12, 31), "complaint"
    lost = channel == "push" and address in it["lost_addresses"]
    reached = not gone and address is not None and not bounced and not lost
    assert (found["address"], found["is_reachable"]) == (address, reached)
    assert (found["unreachable_reason"] is None) == found["is_reachable"]
    assert found["is_consented"] == (consented and not gone)
    assert (found["suppressed_until"], found["suppression_reason"]) == (until, why)
    assert (found["timezone"], found["locale"], found["is_erased"]) == (it["timezone"], it["locale"], it["is_erased"])
