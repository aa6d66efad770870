"""Who is erased is in no inbox, no decision and no file of ours any more, and the others are."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rehearsal import NOW, action, write_outbox
from surface import Surface, in_app_action

from activations.errors import HourbellError
from activations.surfaces import standings
from activations.surfaces.erasure import erase_in_surfaces
from activations.surfaces.place import open_surfaces
from activations.surfaces.standings import SHOWN_FOR, Standing

STREETS = ("1 Long Forgotten Lane", "2 Well Known Road")
BROWSER = "0d2f64f4-9a61-4a0c-9a5b-3f1f3a1f7f1"


def rows(number: int) -> list[dict[str, Any]]:
    known = {"user_id": f"user{number}", "first_name": f"Name{number}", "anonymous_ids": [f"{BROWSER}{number}"]}
    address = {"street": STREETS[number], "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}
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


def test_who_is_erased_is_nowhere_and_the_others_are(surface: Surface) -> None:
    put(surface)
    kept = surface.place.root / "sandbox"
    assert len(holding(kept, "user0", "Name0", STREETS[0], BROWSER + "0")) >= 3
    known = [("user_id", "user0"), ("anonymous_id", f"{BROWSER}0")]
    profile = surface.place.profile(1)
    engine = open_surfaces(profile, surface.place.root)
    people = [Standing(number, f"user{number}", None, None, ["offers/in_app"], NOW + SHOWN_FOR) for number in (0, 1)]
    standings.put(engine, profile.link_key, people, NOW)
    erased = erase_in_surfaces(profile, surface.place.root, ids_of(0), known)
    assert standings.among(engine, profile.link_key, [0, 1]) == [1]
    engine.dispose()
    assert (erased.messages, erased.decisions, erased.partners_files) == (1, 3, [])
    assert holding(kept, "user0", "Name0", STREETS[0], BROWSER + "0") == []
    assert len(surface.as_user("user1").get("/v1/in-app/messages").json["messages"]) == 1
    hero = surface.as_user("user1").get("/v1/decisions/slots").json["slots"]["hero"]
    assert hero["content"]["headline"] == "Still on your mind?"
    again = erase_in_surfaces(surface.place.profile(1), surface.place.root, ids_of(0), known)
    assert (again.messages, again.decisions) == (0, 0)


def test_what_is_on_its_way_to_a_partner_is_found_out_about_first(surface: Surface) -> None:
    put(surface)
    database = sa.create_engine(f"sqlite:///{surface.place.root}/sandbox/surfaces.sqlite")
    with database.begin() as connection:
        connection.execute(sa.text("update drop_files set dropped_at = null, signing_at = staged_at"))
    with pytest.raises(HourbellError, match="is on its way to a partner"):
        erase_in_surfaces(surface.place.profile(1), surface.place.root, ids_of(0), [])
    with database.begin() as connection:
        connection.execute(sa.text("update drop_files set signing_at = null"))
    erase_in_surfaces(surface.place.profile(1), surface.place.root, ids_of(0), [])
    with database.begin() as connection:
        assert connection.execute(sa.text("select count(*) from drop_rows")).scalar() == 0, (
            "composed anew, without them"
        )
