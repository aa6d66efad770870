"""How people stand is noted with the tick that writes to them, and anew when it changes, for as long as it is shown."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activations.links import Known
from activations.settings.environment import silent_profile
from activations.surfaces.place import open_surfaces
from activations.surfaces.standings import SHOWN_FOR, find, is_empty
from dagster_project.home import Home
from dagster_project.preview.invented import insert
from dagster_project.standings import note_standings
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import HOUR, Window, parse_time
from dagster_project.warehouse import open_warehouse

TICK = Window(parse_time("2026-03-02 10:00:00"), parse_time("2026-03-02 11:00:00"))
NEXT = Window(TICK.end, TICK.end + HOUR)


def stands(connection: duckdb.DuckDBPyConnection, contact: int, topic: str, tick: Window, **columns: Any) -> None:
    row = {"contact_id": contact, "channel": "email", "topic": topic, "tick_end": tick.end, "is_consented": True}
    insert(connection, "eligibility.eligibility_changes", {**row, **columns})


def shown(home: Home, contact: int, tick: Window) -> frozenset[str] | None:
    profile = silent_profile(home.sandbox, {})
    engine = open_surfaces(profile, home.root)
    try:
        sent = Known(1, "email", "offers", f"u{contact}", f"person{contact}@example.com", None, tick.end.isoformat())
        found = find(engine, profile.link_key, sent, tick.end)
        return found and found.allowed
    finally:
        engine.dispose()


def test_who_is_written_to_is_noted_and_kept_up_to_date(compiled: tuple[Home, list[Statement]], tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(compiled[0].root, home.root)
    with open_warehouse(home) as connection:
        known = {"scope": "contacts", "tick_start": TICK.start, "tick_end": TICK.end, "succeeded": True}
        insert(connection, "engine.windows", known)
        for contact in (1, 2):
            person = {"contact_id": contact, "user_id": f"u{contact}", "email": f"person{contact}@example.com"}
            valid = {"valid_from": TICK.start, "tick_end": TICK.end}
            insert(connection, "contacts.contact_profile_versions", person | valid)
            stands(connection, contact, "offers", TICK)
            stands(connection, contact, "newsletter", TICK, is_consented=contact == 1)
            # nothing that anybody chooses
            stands(connection, contact, "service", TICK)
            stands(connection, contact, "offers", TICK, channel="webhook")
        note_standings(connection, home, TICK)
        assert shown(home, 1, TICK) is None

        sent = {"contact_id": 1, "kind": "send", "channel": "email", "tick_end": TICK.end, "send_after": None}
        insert(connection, "decisions.outbox", {"action_id": 1, **sent})
        insert(connection, "decisions.outbox", {"action_id": 2, **sent, "contact_id": 2, "kind": "call_webhook"})
        insert(connection, "decisions.outbox", {"action_id": 3, **sent, "contact_id": 2, "channel": "webhook"})
        note_standings(connection, home, TICK)
        assert shown(home, 1, TICK) == {"offers/email", "newsletter/email"}
        # nobody has a link to whom nothing was sent
        assert shown(home, 2, TICK) is None

        stands(connection, 1, "offers", NEXT, is_consented=False)
        stands(connection, 2, "offers", NEXT, is_consented=False)
        note_standings(connection, home, NEXT)
        assert shown(home, 1, NEXT) == {"newsletter/email"}
        assert shown(home, 2, NEXT) is None

        late = TICK.end + SHOWN_FOR
        note_standings(connection, home, Window(late - HOUR, late - timedelta(seconds=1)))
        assert shown(home, 1, TICK) is not None
        note_standings(connection, home, Window(late - HOUR, late))
    engine = open_surfaces(silent_profile(home.sandbox, {}), home.root)
    assert is_empty(engine)
    engine.dispose()


def test_what_is_told_of_every_channel_to_the_contact_is_shown_by_channel(
    compiled: tuple[Home, list[Statement]], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(compiled[0].root, home.root)
    every = "every channel to the contact"
    # the models say it in these words
    (changes,) = (statement for statement in compiled[1] if statement.model == "eligibility_changes")
    assert any(f"'{every}'" in sql for sql in changes.sql)
    with open_warehouse(home) as connection:
        known = {"scope": "contacts", "tick_start": TICK.start, "tick_end": TICK.end, "succeeded": True}
        insert(connection, "engine.windows", known)
        person = {"contact_id": 1, "user_id": "u1", "email": "person1@example.com"}
        valid = {"valid_from": TICK.start, "tick_end": TICK.end}
        insert(connection, "contacts.contact_profile_versions", person | valid)
        sent = {"action_id": 1, "contact_id": 1, "kind": "send", "channel": "email", "tick_end": TICK.end}
        insert(connection, "decisions.outbox", {**sent, "send_after": None})
        stands(connection, 1, "offers", TICK, channel=every)
        note_standings(connection, home, TICK)
        assert shown(home, 1, TICK) == {"offers/in_app", "offers/web"}
        stands(connection, 1, "offers", NEXT, channel="web", is_consented=False)
        note_standings(connection, home, NEXT)
        assert shown(home, 1, NEXT) == {"offers/in_app"}
        after = Window(NEXT.end, NEXT.end + HOUR)
        stands(connection, 1, "offers", after, channel=every, is_consented=False)
        note_standings(connection, home, after)
        assert shown(home, 1, after) == frozenset()


def test_what_cannot_be_noted_stops_no_tick(
    compiled: tuple[Home, list[Statement]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(compiled[0].root, home.root)
    home.sandbox.parent.mkdir(exist_ok=True)
    shutil.rmtree(home.sandbox, ignore_errors=True)
    home.sandbox.write_text("no folder")
    with open_warehouse(home) as connection:
        note_standings(connection, home, TICK)
    assert "could not be noted" in caplog.text


@pytest.mark.parametrize(
    "broken",
    [
        "alter table standings rename column as_of to since",
        "create trigger full before insert on standings begin select raise(abort, 'the disk is full'); end",
    ],
    ids=["reading", "writing"],
)
def test_a_database_that_can_be_opened_and_no_more_stops_no_tick(
    compiled: tuple[Home, list[Statement]], tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(compiled[0].root, home.root)
    open_surfaces(silent_profile(home.sandbox, {}), home.root).dispose()
    with closing(sqlite3.connect(home.sandbox / "surfaces.sqlite")) as surfaces, surfaces:
        surfaces.execute(broken)
    with open_warehouse(home) as connection:
        known = {"scope": "contacts", "tick_start": TICK.start, "tick_end": TICK.end, "succeeded": True}
        insert(connection, "engine.windows", known)
        person = {"contact_id": 1, "user_id": "u1", "email": "person1@example.com"}
        insert(
            connection, "contacts.contact_profile_versions", {**person, "valid_from": TICK.start, "tick_end": TICK.end}
        )
        sent = {"action_id": 1, "contact_id": 1, "kind": "send", "channel": "email", "tick_end": TICK.end}
        insert(connection, "decisions.outbox", {**sent, "send_after": None})
        note_standings(connection, home, TICK)
    assert "could not be noted" in caplog.text
    assert "surfaces' database" in caplog.text
