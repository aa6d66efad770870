"""Triggers against a slow reference: random histories with merges, in ticks of all sizes."""

import random
from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta

import duckdb
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine
from entries_reference import DAYS, START, random_history
from test_entries import put
from triggers_reference import (
    FIRST,
    LAST,
    Fired,
    changes,
    counted,
    dates,
    happened,
    in_a_row,
    random_profiles,
    silences,
)

from dagster_project.ticks.windows import HOUR, Window

SEQUENCE = (
    "with "
    + ", ".join(
        f"{name} as (select contact_id, occurred_at, reached_at as effective_at from main.qualified "
        f"where contact_id is not null and entry_key = '{name}')"
        for name in "abc"
    )
    + " select * from {{ "
)
OVER_EVENTS = {
    "reengagement__offer": SEQUENCE + "counted_events('a', times=2, within='20 hours') }}",
    "reengagement__goodbye": SEQUENCE + "events_in_a_row(['a', 'b', 'c'], within='30 hours') }}",
    "reengagement__sunset": SEQUENCE + "silence_after('a', '15 hours') }}",
}
OVER_PROFILES = {
    "welcome_series__hello": "select * from {{ became_true('revenue >= 100', 'spent a hundred') }}",
    "welcome_series__story": "select * from {{ trait_changed('country') }}",
    "post_purchase__thanks": """select * from {{ trait_changed('country', to="'DE'") }}""",
    "post_purchase__tips": "select * from {{ date_comes_up(profile_dates('birth_date'), before='2 days') }}",
    "post_purchase__review": (
        "select * from {{ date_comes_up(profile_dates('birth_date'), yearly=false, local_time='18:30') }}"
    ),
}


@pytest.fixture(scope="module")
def triggers(shop: Engine) -> dict[str, str]:
    """SQL of the triggers, by the model that each is compiled for."""
    return compiled(shop.home, OVER_EVENTS | OVER_PROFILES, also=["contact_merges", "contact_profile_versions"])


def ticks(seed: int, start: datetime, end: datetime) -> list[Window]:
    draw, windows = random.Random(seed), []
    while start < end:
        size = draw.choice([1, 2, 5, 14, 30]) * HOUR
        windows.append(Window(start, min(start + size, end)))
        start += size
    return windows


def fired(connection: duckdb.DuckDBPyConnection, sql: str, windows: Iterable[Window]) -> set[Fired]:
    """When the trigger fires in these ticks; the same twice is an error."""
    found: list[Fired] = []
    for window in windows:
        set_window(connection, window)
        rows = connection.execute(f"select contact_id, reached_at, occurred_at from ({sql})").fetchall()
        assert all(occurred_at <= reached_at for _, reached_at, occurred_at in rows)
        found += [(contact, reached_at) for contact, reached_at, _ in rows]
    assert len(found) == len(set(found))
    return set(found)


END = START + timedelta(days=DAYS)
FROM_EVENTS: dict[str, Callable] = {
    "reengagement__offer": lambda history: counted(history, happened(history, "a"), 2, 20 * HOUR),
    "reengagement__goodbye": lambda history: in_a_row(history, [happened(history, name) for name in "abc"], 30 * HOUR),
    "reengagement__sunset": lambda history: {
        (contact, at) for contact, at in silences(history, happened(history, "a"), 15 * HOUR) if at < END
    },
}


def differing(sql: str, model: str, seed: int) -> bool:
    """Whether a trigger over events differs from its reference, in one wide tick or in many."""
    history = random_history(seed, contacts=60, rows=1200)
    expected = FROM_EVENTS[model](history)
    assert len(expected) > 40
    with small_warehouse() as connection:
        connection.execute("create schema contacts")
        put(connection, "qualified", [vars(row) for row in history.qualified])
        put(connection, "contacts.contact_merges", [vars(row) for row in history.merges])
        return any(
            fired(connection, sql, windows) != expected for windows in ([Window(START, END)], ticks(seed, START, END))
        )


@pytest.mark.parametrize("model", FROM_EVENTS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_triggers_over_events_fire_when_the_reference_does(triggers: dict[str, str], model: str, seed: int) -> None:
    assert not differing(triggers[model], model, seed)


@pytest.mark.parametrize(
    ("model", "rule", "broken"),
    [
        ("reengagement__offer", "and times_before < 2", ""),
        ("reengagement__offer", "and latest.effective_at >= earlier.since", ""),
        ("reengagement__offer", "- interval '20 hours' < earlier", "- interval '20 hours' <= earlier"),
        ("reengagement__goodbye", "ended_before.ended_before <= last_but_one.reached_at", "true"),
        (
            "reengagement__goodbye",
            "later.reached_at > earlier.effective_at",
            "later.reached_at >= earlier.effective_at",
        ),
        ("reengagement__sunset", "where heard_again.contact_id is null", ""),
        ("reengagement__sunset", "and by_person.reached_at >= later.since", ""),
    ],
)
def test_an_error_in_a_trigger_would_be_seen(triggers: dict[str, str], model: str, rule: str, broken: str) -> None:
    sql = triggers[model].replace(rule, broken)
    assert sql != triggers[model]
    assert any(differing(sql, model, seed) for seed in (1, 2, 3))


def became_rich(versions: list) -> set[Fired]:
    return {
        (now.contact_id, now.valid_from)
        for before, now in changes(versions)
        if (now.revenue or 0) >= 100 and (before is None or (before.revenue or 0) < 100)
    }


def moved(versions: list, to: str | None = None) -> set[Fired]:
    return {
        (now.contact_id, now.valid_from)
        for before, now in changes(versions)
        if before is not None and before.country != now.country and to in (None, now.country)
    }


FROM_PROFILES: dict[str, Callable] = {
    "welcome_series__hello": became_rich,
    "welcome_series__story": moved,
    "post_purchase__thanks": lambda versions: moved(versions, "DE"),
    "post_purchase__tips": lambda versions: dates(versions, timedelta(days=2), time(9), yearly=True),
    "post_purchase__review": lambda versions: dates(versions, timedelta(), time(18, 30), yearly=False),
}


@pytest.mark.parametrize("model", FROM_PROFILES)
@pytest.mark.parametrize("seed", [1, 2])
def test_triggers_over_profiles_fire_when_the_reference_does(triggers: dict[str, str], model: str, seed: int) -> None:
    versions = random_profiles(seed)
    expected = FROM_PROFILES[model](versions)
    assert len(expected) > 3
    with small_warehouse() as connection:
        connection.execute("create schema contacts")
        put(connection, "contacts.contact_profile_versions", [vars(version) for version in versions])
        for windows in ([Window(FIRST, LAST)], ticks(seed, FIRST, LAST)):
            assert fired(connection, triggers[model], windows) == expected
