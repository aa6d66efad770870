"""The website's slots: what is decided for whom, who may see it, and how long a page may keep it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, action, write_outbox
from surface import Surface

from activations.channels import web
from activations.channels.face import Setting, UnsendableError
from activations.delivery.outbox import SCHEMA, Action
from activations.errors import HourbellError
from activations.surfaces.decisions import Decision, decide, forget, read, sweep
from activations.surfaces.tokens import Viewer
from activations.surfaces.website import read_website

SLOTS = "/v1/decisions/slots"
BROWSER = "0d2f64f4-9a61-4a0c-9a5b-3f1f3a1f7f10"
OFFER = "slot: hero\ncontent:\n  headline: For you\n  link: '{{ shop.url }}/cart/{{ context.cart_id | url_encode }}'"
GREETING = "slot: hero\ncontent: {headline: 'Hello {{ contact.first_name }}'}"
DEFAULT = {
    "headline": "New in the shop",
    "text": "Have a look at what came in this week.",
    "link": "https://shop.example/new",
}


@pytest.fixture
def site(surface: Surface, own_templates: Callable[..., Path]) -> Surface:
    surface.templates = own_templates(offer__web=OFFER, greeting__web=GREETING)
    return surface


def web_action(number: int, **changes: Any) -> dict[str, Any]:
    profile = json.dumps({"user_id": f"u{number}", "first_name": "Ann", "anonymous_ids": [f"{BROWSER}{number}"]})
    ours = {"channel": "web", "address": str(number), "template": "offer", "topic": "website", "profile": profile}
    return action(number, **{**ours, "topic_kind": "transactional", **changes})


def put(site: Surface, *rows: dict[str, Any]) -> None:
    write_outbox(site.place.outbox, rows, channel="web")
    assert site.deliver().accepted == len(rows)


def decided(number: int) -> dict[str, Any]:
    return {
        "id": str(action(number)["action_id"]),
        "variant": None,
        "content": {"headline": "For you", "link": f"https://shop.example/cart/cart-{number}"},
        "expires_at": "2026-03-03T10:00:00Z",
    }


def test_everybody_sees_what_was_decided_for_them(site: Surface) -> None:
    put(site, web_action(1), web_action(2))
    for client in (site.as_user("u1"), site.as_contact(1)):
        assert client.get(SLOTS).json == {"slots": {"hero": decided(1)}}
    assert site.client().get(f"{SLOTS}?anonymous_id={BROWSER}2").json == {"slots": {"hero": decided(2)}}


def test_whom_nobody_knows_sees_what_everybody_sees(site: Surface) -> None:
    put(site, web_action(1))
    default = {"slots": {"hero": {"id": None, "content": DEFAULT}}}
    for client in (site.as_user("u3"), site.client()):
        assert client.get(SLOTS).json == default
    assert site.client().get(f"{SLOTS}?anonymous_id=../../u1").json == default
    assert site.client("forged").get(f"{SLOTS}?anonymous_id={BROWSER}1").status == 401


def test_the_id_of_a_browser_leads_to_nothing_personal(site: Surface) -> None:
    put(site, web_action(1, template="greeting"))
    assert site.as_user("u1").get(SLOTS).json["slots"]["hero"]["content"] == {"headline": "Hello Ann"}
    assert site.client().get(f"{SLOTS}?anonymous_id={BROWSER}1").json["slots"]["hero"]["content"] == DEFAULT
    stored = [path.read_text() for path in (site.place.root / "sandbox").rglob("*.json")]
    assert len(stored) == 2
    assert not any("example.com" in text for text in stored)


def test_ids_of_browsers_that_could_be_hit_upon_are_left_out(site: Surface) -> None:
    put(site, web_action(1, profile=json.dumps({"user_id": "u1", "anonymous_ids": ["1", 7, None]})))
    assert site.client().get(f"{SLOTS}?anonymous_id=1").json["slots"]["hero"]["content"] == DEFAULT


def test_a_newer_decision_takes_the_place_of_an_older(site: Surface) -> None:
    later = NOW + timedelta(hours=1)
    newer = {"tick_end": later, "send_after": later, "context": json.dumps({"cart_id": "new"})}
    put(site, web_action(1))
    site.now = later
    file = write_outbox(site.place.outbox, [web_action(2, address="1", **newer)], channel="web", tick_end=later)
    assert site.deliver().accepted == 1
    shown = site.as_contact(1).get(SLOTS).json["slots"]["hero"]
    assert shown["content"]["link"] == "https://shop.example/cart/new"
    # the older one alone once more, as after a crash between file and journal
    file.unlink()
    site.place.journal.unlink()
    for receipts in site.place.receipts.rglob("*"):
        receipts.unlink()
    assert site.deliver().accepted == 1
    assert site.as_contact(1).get(SLOTS).json["slots"]["hero"] == shown


def test_what_has_expired_makes_room_for_what_everybody_sees(site: Surface) -> None:
    put(site, web_action(1))
    site.now = NOW + timedelta(days=1, seconds=-1)
    said = site.as_user("u1").get(SLOTS)
    assert said.json["slots"]["hero"] == decided(1)
    assert said.headers["cache-control"] == "private, max-age=1", "no cache shows it for longer"
    site.now = NOW + timedelta(days=1)
    assert site.as_user("u1").get(SLOTS).json["slots"]["hero"]["content"] == DEFAULT


def test_pages_ask_for_what_has_changed(site: Surface) -> None:
    put(site, web_action(1))
    client = site.as_user("u1")
    said = client.get(SLOTS)
    assert (said.status, said.headers["cache-control"]) == (200, "private, max-age=60")
    assert said.headers["vary"] == "Authorization, Origin"
    again = client.get(SLOTS, if_none_match=f'"other", W/{said.headers["etag"]}')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", said.headers["etag"])
    assert client.get(SLOTS, if_none_match='"other"').status == 200
    everybody = site.client().get(SLOTS)
    assert everybody.headers["cache-control"] == "public, max-age=60"
    assert everybody.headers["etag"] != said.headers["etag"]


def test_what_became_of_a_decision_is_told_back(site: Surface) -> None:
    put(site, web_action(1), web_action(2))
    at = f"{SLOTS}/{action(1)['action_id']}"
    assert site.as_user("u1").post(f"{at}/shown").status == 204
    assert site.client().post(f"{at}/clicked?anonymous_id={BROWSER}1").status == 204
    assert site.as_user("u2").post(f"{at}/clicked").status == 404
    assert site.as_user("u1").post(f"{at}/eaten").status == 404
    assert site.client().post(f"{at}/clicked").status == 401
    found = site.events()
    assert found["event"].to_list() == ["Web Slot Shown", "Web Slot Clicked"]
    assert found["user_id"].to_list() == ["u1", "u1"]
    assert {json.loads(each)["action_id"] for each in found["properties"]} == {str(action(1)["action_id"])}


def decision(number: int, slot: str, **changes: Any) -> Decision:
    given = Decision(number, slot, None, {}, False, NOW, NOW + timedelta(hours=1), '{"user_id":"u1"}', "{}")
    return given._replace(**changes)


def test_several_who_write_lose_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda number: decide(tmp_path, "user:u1", [decision(number, f"s{number}")]), range(40)))
    assert {each.slot for each in read(tmp_path, "user:u1")} == {f"s{number}" for number in range(40)}
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".lock"]


def test_files_in_which_all_has_expired_are_swept_away(tmp_path: Path) -> None:
    for number in range(300):
        until = NOW + timedelta(hours=number % 2 * 99)
        decide(tmp_path, f"contact:{number}", [decision(number, "hero", expires_at=until)])
    for hour in range(16):
        sweep(tmp_path, NOW + timedelta(hours=hour))
    left = [number for number in range(300) if read(tmp_path, f"contact:{number}")]
    assert left == list(range(1, 300, 2))


def test_a_contact_can_be_forgotten(tmp_path: Path) -> None:
    for name in ("contact:1", "user:u1", "contact:2"):
        decide(tmp_path, name, [decision(1, "hero")])
    assert forget(tmp_path, ["contact:1", "user:u1", "user:u3"]) == 2
    assert not read(tmp_path, "contact:1")
    assert not read(tmp_path, "user:u1")
    assert read(tmp_path, "contact:2")


def test_a_folder_that_cannot_be_written_loses_nothing(site: Surface) -> None:
    in_the_way = site.place.root / "sandbox" / "decisions"
    in_the_way.parent.mkdir()
    in_the_way.write_text("in the way")
    write_outbox(site.place.outbox, [web_action(1)], channel="web")
    with pytest.raises(HourbellError, match="Make room or give rights"):
        site.deliver()
    in_the_way.unlink()
    assert site.deliver().accepted == 1


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("slot: footer\ncontent: {headline: x}", "names no slot 'footer'"),
        ("content: {headline: x}", "names no slot ''"),
        ("slot: hero", "must have slot, and content of headline, text, link"),
        ("slot: hero\ncontent: {colour: red}", "must have slot, and content of headline, text, link"),
        ("slot: hero\nheadline: x\ncontent: {text: x}", "must have slot, and content of headline, text, link"),
        ("slot: hero\ncontent: {link: 'javascript:alert(1)'}", "no address of a page"),
        ("slot: hero\ncontent: {headline: '{{ context.colour }}'}", "needs context.colour"),
    ],
)
def test_what_cannot_be_shown_says_why(
    surface: Surface, own_templates: Callable[..., Path], written: str, reason: str
) -> None:
    templates = own_templates(own__web=written)
    channel = web.open_channel(Setting(surface.place.profile(1), lambda: NOW, surface.place.spool, templates))
    row = web_action(1, template="own")
    with pytest.raises(UnsendableError, match=reason):
        channel.render(Action(**{name: row[name] for name in SCHEMA.names}), "hourbell-1")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[slots]", "holds no slots"),
        ("colour: red", "holds no slots"),
        ("slots: {hero: 7}", "the slot 'hero' must be a plain name with texts under it"),
        ("slots: {a b: {}}", "must be a plain name"),
        ("slots: {}\norigins: [http://shop.example]", "must be a list such as"),
        ("slots: {}\norigins: ['*']", "must be a list such as"),
        ("slots: {}\norigins: [https://shop.example/path]", "must be a list such as"),
    ],
)
def test_slots_that_cannot_be_are_explained(own_templates: Callable[..., Path], written: str, told: str) -> None:
    with pytest.raises(HourbellError, match=told):
        read_website(own_templates(website=written))


def test_a_token_of_another_contact_changes_nothing(site: Surface) -> None:
    put(site, web_action(1, template="greeting"))
    other = site.client(site.token(Viewer(contact_id=2)))
    assert other.get(SLOTS).json["slots"]["hero"]["content"] == DEFAULT
