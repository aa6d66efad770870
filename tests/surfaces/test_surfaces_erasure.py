"""Who is erased is in no inbox, no decision and no file of ours any more, and the others are."""

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rehearsal import NOW, action, write_outbox
from surface import Surface, in_app_action

from activations.errors import HourbellError
from activations.settings.environment import surface_profiles
from activations.settings.profile import Profile, SmtpServer
from activations.surfaces import inbox, short_links, standings
from activations.surfaces.erasure import ErasedSurfaces, erase_in_surfaces
from activations.surfaces.place import open_surfaces
from activations.surfaces.standings import SHOWN_FOR, Standing
from activations.surfaces.tables import SHORT_LINKS

STREETS = ("1 Long Forgotten Lane", "2 Well Known Road")
BROWSER = "0d2f64f4-9a61-4a0c-9a5b-3f1f3a1f7f1"


def rows(number: int) -> list[dict[str, Any]]:
    known = {"user_id": f"user{number}", "first_name": f"Name{number}", "anonymous_ids": [f"{BROWSER}{number}"]}
    address = {"street": STREETS[number % 2], "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}
    more = {"profile": json.dumps(known)}
    letter = {"channel": "direct_mail", "template": "reengagement_we_miss_you", "address": json.dumps(address)}
    return [
        in_app_action(number, **more),
        action(10 + number, channel="web", template="browse_reminder", address=str(number), contact_id=number, **more),
        action(20 + number, **letter, **more),
    ]


def ids_of(number: int) -> set[int]:
    return {number, *(row["action_id"] for row in rows(number))}


def holding(folder: Path, *words: str) -> list[str]:
    """The files in which a word still stands."""
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(word.encode() in path.read_bytes() for word in words)
    ]


def put(surface: Surface) -> None:
    written = [rows(number) for number in (0, 1)]
    for row in zip(*written, strict=True):
        write_outbox(surface.place.outbox, row, channel=row[0]["channel"])
    assert surface.deliver().accepted == 6


def erase(
    surface: Surface, number: int, known: list[tuple[str, str]], now: datetime = NOW, **environment: str
) -> ErasedSurfaces:
    profiles = surface_profiles(environment)
    return erase_in_surfaces(profiles, surface.place.root, ids_of(number), known, now=now)


def test_who_is_erased_is_nowhere_and_the_others_are(surface: Surface) -> None:
    put(surface)
    kept = surface.place.root / "sandbox"
    assert len(holding(kept, "user0", "Name0", STREETS[0], BROWSER + "0")) >= 3
    known = [("user_id", "user0"), ("anonymous_id", f"{BROWSER}0")]
    profile = surface.place.profile(1)
    engine = open_surfaces(profile, surface.place.root)
    people = [Standing(number, f"user{number}", None, None, ("offers/in_app",), NOW + SHOWN_FOR) for number in (0, 1)]
    standings.put(engine, profile.link_key, people, NOW)
    erased = erase(surface, 0, known)
    assert standings.among(engine, profile.link_key, [0, 1]) == [1]
    engine.dispose()
    assert (erased.messages, erased.decisions, erased.partners_files) == (1, 3, [])
    assert holding(kept, "user0", "Name0", STREETS[0], BROWSER + "0") == []
    assert len(surface.as_user("user1").get("/v1/in-app/messages").json["messages"]) == 1
    hero = surface.as_user("user1").get("/v1/decisions/slots").json["slots"]["hero"]
    assert hero["content"]["headline"] == "Still on your mind?"
    again = erase(surface, 0, known)
    assert (again.messages, again.decisions) == (0, 0)


def test_what_is_on_its_way_to_a_partner_is_found_out_about_first(surface: Surface) -> None:
    put(surface)
    database = sa.create_engine(f"sqlite:///{surface.place.root}/sandbox/surfaces.sqlite")
    with database.begin() as connection:
        connection.execute(sa.text("update drop_files set dropped_at = null, signing_at = staged_at"))
    with pytest.raises(HourbellError, match="is on its way to a partner"):
        erase(surface, 0, [])
    with database.begin() as connection:
        connection.execute(sa.text("update drop_files set signing_at = null"))
    erase(surface, 0, [])
    with database.begin() as connection:
        assert connection.execute(sa.text("select count(*) from drop_rows")).scalar() == 0, (
            "composed anew, without them"
        )


LIVE = Profile("live", SmtpServer("mail.shop.example", 587), link_key=b"a key of the live shop")
KEY = {"HOURBELL_LINK_KEY": LIVE.link_key.decode()}


def put_live(surface: Surface, profile: Profile) -> sa.Engine:
    """What the app's inbox, short links and the page for choosing hold of two people."""
    engine = open_surfaces(profile, surface.place.root)
    times = {"sent_at": NOW, "expires_at": NOW + timedelta(days=1), "removed_after": NOW + timedelta(days=31)}
    said = {"title": "x", "body": "y", "link": None, "identifier": "{}", "about": "{}", **times}
    messages = [{"action_id": 90 + n, "contact_id": n, "user_id": f"user{n}", **said} for n in (0, 1)]
    inbox.put(engine, messages, NOW)
    link = {"target": "https://shop.example", "position": 1, "channel": "sms", "topic": "offers", "identifier": "phone"}
    with engine.begin() as connection:
        for n in (0, 1):
            row = {"token": f"t{n}", "value": f"+44770090000{n}", "removed_after": NOW + short_links.KEPT_FOR}
            connection.execute(sa.insert(SHORT_LINKS).values(action_id=90 + n, **row, **link))
    people = [Standing(number, f"user{number}", None, None, ("offers/in_app",), NOW + SHOWN_FOR) for number in (0, 1)]
    standings.put(engine, profile.link_key, people, NOW)
    return engine


KNOWN = [("user_id", "user0"), ("phone", "+447700900000")]


@pytest.mark.parametrize("where", ["file", "server"])
def test_the_live_surfaces_are_cleared_from_any_shell(
    surface: Surface, request: pytest.FixtureRequest, where: str
) -> None:
    """One that knows where they are, whether it is live or not."""
    url = request.getfixturevalue("server_url") if where == "server" else None
    engine = put_live(surface, dataclasses.replace(LIVE, surfaces_url=url))
    environment = {"HOURBELL_SURFACES_URL": url} if url else {}
    erased = erase(surface, 0, KNOWN, **KEY, **environment)
    assert (erased.messages, erased.links) == (1, 1)
    assert standings.among(engine, LIVE.link_key, [0, 1]) == [1]
    engine.dispose()


def test_a_server_of_which_the_shell_is_not_told_is_asked_for(surface: Surface, server_url: str) -> None:
    """It is never said that somebody is erased who was only not looked for."""
    put_live(surface, dataclasses.replace(LIVE, surfaces_url=server_url)).dispose()
    with pytest.raises(HourbellError, match="HOURBELL_SURFACES_URL is not set"):
        erase(surface, 0, KNOWN, **KEY)
    (note,) = (surface.place.root / "surfaces").glob("*.txt")
    assert "postgres" not in note.read_text()
    note.unlink()
    erase(surface, 0, KNOWN, **KEY)


def test_without_the_live_key_nothing_is_left_of_how_anybody_stands(surface: Surface) -> None:
    """They cannot be told apart, and are noted anew with the next message; those of rehearsals have another key."""
    engine = put_live(surface, LIVE)
    sandbox = surface.place.profile(1)
    rehearsed = put_live(surface, sandbox)
    erase(surface, 0, KNOWN)
    assert standings.among(engine, LIVE.link_key, [0, 1]) == []
    assert standings.among(rehearsed, sandbox.link_key, [0, 1]) == [1]
    for each in (engine, rehearsed):
        each.dispose()


def test_what_is_over_is_gone_with_an_erasure_too(surface: Surface) -> None:
    """Nobody may be writing there any more."""
    engine = put_live(surface, LIVE)
    erase(surface, 7, [], now=NOW + short_links.KEPT_FOR, **KEY)
    with engine.connect() as connection:
        for table in ("in_app_messages", "short_links", "standings"):
            assert connection.execute(sa.text(f"select count(*) from {table}")).scalar() == 0, table
    engine.dispose()
