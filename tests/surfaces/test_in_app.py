"""The inbox of an app: what comes into it once, who is shown it and for how long, and what is told back."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from rehearsal import NOW, write_outbox
from surface import Surface, in_app_action

from activations.channels import in_app
from activations.channels.face import Setting, UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import SCHEMA, Action
from activations.holds.sample import sample_of
from activations.surfaces.drop_settings import read_drops
from activations.surfaces.tokens import AUDIENCE, Viewer, token_key, viewer_of
from activations.surfaces.website import read_website
from activations.templating.checks import check_templates
from activations.templating.field_files import IN_APP, ROW, WEB
from activations.templating.rendering import Templates
from data.contract import FOLDER

MESSAGES = "/v1/in-app/messages"


def put(surface: Surface, *rows: dict[str, Any]) -> None:
    write_outbox(surface.place.outbox, rows, channel="in_app")
    assert surface.deliver().accepted == len(rows)


def number_of(row: dict[str, Any]) -> str:
    return str(row["action_id"])


def test_a_message_comes_into_the_inbox_of_one_contact(surface: Surface) -> None:
    put(surface, in_app_action(1), in_app_action(2))
    for client in (surface.as_user("u1"), surface.as_contact(1)):
        said = client.get(MESSAGES)
        assert said.headers["cache-control"] == "private, no-store"
        assert said.json == {
            "unread": 1,
            "messages": [
                {
                    "id": number_of(in_app_action(1)),
                    "title": "Your 2 finds are waiting",
                    "body": "We kept your cart for you, Ann. Everything is still in it.",
                    "link": "https://shop.example/cart/cart-1",
                    "sent_at": "2026-03-02T10:00:00Z",
                    "expires_at": "2026-03-03T10:00:00Z",
                    "read_at": None,
                    "clicked_at": None,
                }
            ],
        }
    assert surface.as_user("u3").get(MESSAGES).json == {"unread": 0, "messages": []}


def test_delivering_twice_shows_one(surface: Surface) -> None:
    put(surface, in_app_action(1))
    assert surface.deliver().already_settled == 1
    surface.place.journal.unlink()
    for receipts in surface.place.receipts.rglob("*"):
        receipts.unlink()
    assert surface.deliver().accepted == 1, "nobody remembers that it was delivered"
    assert len(surface.as_user("u1").get(MESSAGES).json["messages"]) == 1


def test_what_has_expired_is_shown_no_more(surface: Surface) -> None:
    put(surface, in_app_action(1))
    surface.now = NOW + timedelta(days=1, seconds=-1)
    assert len(surface.as_user("u1").get(MESSAGES).json["messages"]) == 1
    surface.now = NOW + timedelta(days=1)
    assert surface.as_user("u1").get(MESSAGES).json == {"unread": 0, "messages": []}
    assert surface.as_user("u1").post(f"{MESSAGES}/{number_of(in_app_action(1))}/read").status == 404


def test_a_template_says_for_how_long_it_is_shown(surface: Surface, own_templates: Callable[..., Path]) -> None:
    surface.templates = own_templates(news__in_app="title: News\nbody: Look\nshown_for: 7 days")
    put(surface, in_app_action(1, template="news"))
    surface.now = NOW + timedelta(days=6)
    assert surface.as_user("u1").get(MESSAGES).json["messages"][0]["expires_at"] == "2026-03-09T10:00:00Z"
    surface.now = NOW + timedelta(days=7)
    assert surface.as_user("u1").get(MESSAGES).json["messages"] == []


def test_what_became_of_it_is_told_back_once(surface: Surface) -> None:
    put(surface, in_app_action(1), in_app_action(2))
    at = f"{MESSAGES}/{number_of(in_app_action(1))}"
    client = surface.as_user("u1")
    assert [client.post(f"{at}/{what}").status for what in ("read", "read", "clicked", "clicked")] == [204] * 4
    [message] = client.get(MESSAGES).json["messages"]
    assert message["read_at"] == message["clicked_at"] == "2026-03-02T10:00:00Z"
    assert client.post(f"{at}/dismissed").status == 204
    assert client.get(MESSAGES).json["messages"] == []
    assert client.post(f"{at}/read").status == 404
    found = surface.events()
    assert found["event"].to_list() == ["In-App Message Read", "In-App Message Clicked", "In-App Message Dismissed"]
    assert found["user_id"].to_list() == ["u1"] * 3
    assert found["message_id"].n_unique() == 3
    assert {json.loads(each)["action_id"] for each in found["properties"]} == {number_of(in_app_action(1))}
    columns = [column["name"] for column in yaml.safe_load((FOLDER / "events.yml").read_text())["columns"]]
    assert set(found.columns) <= {*columns, "loaded_at"}


def test_nobody_comes_at_what_is_somebody_elses(surface: Surface) -> None:
    put(surface, in_app_action(1))
    at = f"{MESSAGES}/{number_of(in_app_action(1))}"
    for who in (Viewer(user_id="u2"), Viewer(contact_id=2), Viewer(user_id="1"), Viewer(contact_id=0)):
        other = surface.client(surface.token(who))
        assert other.get(MESSAGES).json["messages"] == []
        assert {other.post(f"{at}/{what}").status for what in ("read", "clicked", "dismissed")} == {404}
    assert surface.as_user("u1").get(MESSAGES).json["unread"] == 1
    assert not list(surface.collected.glob("*.jsonl"))


def claims(**changes: Any) -> dict[str, Any]:
    return {"user_id": "u1", "aud": AUDIENCE, "exp": 1_900_000_000, **changes}


def test_a_token_of_any_library_for_jwt_is_taken(surface: Surface) -> None:
    put(surface, in_app_action(1))
    token = jwt.encode(claims(), token_key(surface.place.profile(1).link_key), "HS256")
    assert len(surface.client(token).get(MESSAGES).json["messages"]) == 1


FORGED: Mapping[str, Callable[[bytes], str | None]] = {
    "none": lambda key: None,
    "empty": lambda key: "",
    "no token": lambda key: "u1",
    "another key": lambda key: jwt.encode(claims(), b"another key of the same length..", "HS256"),
    "another algorithm": lambda key: jwt.encode(claims(), token_key(key) * 2, "HS512"),
    "unsigned": lambda key: jwt.encode(claims(), None, "none"),
    "over": lambda key: jwt.encode(claims(exp=1_700_000_000), token_key(key), "HS256"),
    "for ever": lambda key: jwt.encode(claims(exp=None), token_key(key), "HS256"),
    "not for us": lambda key: jwt.encode(claims(aud="somebody else"), token_key(key), "HS256"),
    "two contacts": lambda key: jwt.encode(claims(contact_id="1"), token_key(key), "HS256"),
    "nobody": lambda key: jwt.encode(claims(user_id=None), token_key(key), "HS256"),
    "a number": lambda key: jwt.encode(claims(user_id=1), token_key(key), "HS256"),
    "by the link key itself": lambda key: jwt.encode(claims(), key, "HS256"),
    "another signature": lambda key: jwt.encode(claims(), token_key(key), "HS256")[:-4] + "AAAA",
}


def test_what_is_no_token_of_ours_lets_nobody_in(surface: Surface) -> None:
    put(surface, in_app_action(1))
    for why, forge in FORGED.items():
        stranger = surface.client(forge(surface.place.profile(1).link_key))
        said = stranger.get(MESSAGES)
        assert (said.status, said.headers.get("www-authenticate")) == (401, 'Bearer realm="hourbell"'), why
        assert stranger.post(f"{MESSAGES}/{number_of(in_app_action(1))}/read").status == 401, why


def test_every_bit_of_a_token_counts(surface: Surface) -> None:
    put(surface, in_app_action(1))
    token = surface.token(Viewer(user_id="u1"))
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert surface.client(changed).get(MESSAGES).status == 401


def test_only_pages_of_the_shop_are_let_in_by_browsers(surface: Surface) -> None:
    client = surface.as_user("u1")
    ours, theirs = "https://shop.example", "https://elsewhere.example"
    asks = {"access_control_request_method": "GET", "access_control_request_headers": "authorization"}
    for path in (MESSAGES, "/v1/decisions/slots"):
        assert client.get(path, origin=ours).headers["access-control-allow-origin"] == ours
        assert "access-control-allow-origin" not in client.get(path, origin=theirs).headers
        assert client.ask("OPTIONS", path, origin=ours, **asks).status == 200
        assert client.ask("OPTIONS", path, origin=theirs, **asks).status == 400
        assert "access-control-allow-credentials" not in client.get(path, origin=ours).headers


def message(surface: Surface, **changes: Any) -> dict[str, Any]:
    row = in_app_action(1, **changes)
    channel = in_app.open_channel(
        Setting(surface.place.profile(1), lambda: NOW, surface.place.spool, surface.templates)
    )
    return dict(json.loads(channel.render(Action(**{name: row[name] for name in SCHEMA.names}), "hourbell-1").content))


def test_what_is_put_into_a_message_is_data(surface: Surface) -> None:
    name = "{{7*7}}\nlink: javascript:alert(1) <b>"
    said = message(surface, profile=json.dumps({"user_id": "u1", "first_name": name}))
    assert name in said["body"]
    assert said["link"] == "https://shop.example/cart/cart-1"


LONG = json.dumps({"cart_id": "x", "item_count": 2, "text": "y" * 4_001})


@pytest.mark.parametrize(
    ("written", "changes", "reason"),
    [
        ("", {"address": None}, "no contact"),
        ("", {"address": "a@b.example"}, "no contact"),
        ("", {"template": "cart_reassurance"}, "template cart_reassurance lacks in_app.yml"),
        ("", {"template": None}, "no template is named"),
        ("", {"context": "{}"}, "needs context.item_count"),
        ("", {"profile": "{}"}, "nothing is known by which engagement could name the contact"),
        ("title: x", {}, "has an empty body"),
        ("title: '{% if false %}x{% endif %}'\nbody: x", {}, "has an empty title"),
        ("title: x\nbody: '{{ context.text }}'", {"context": LONG}, "the body has more than 4,000 characters"),
        ("title: x\nbody: x\ncolour: red", {}, "in_app.yml has no colour"),
        ("title: x\nbody: x\nlink: 'javascript:alert(1)'", {}, "no address of a page"),
        ("title: x\nbody: x\nlink: '//elsewhere.example'", {}, "no address of a page"),
        ("title: x\nbody: x\nlink: 'https://a@elsewhere.example'", {}, "no address of a page"),
        ("title: x\nbody: x\nshown_for: a while", {}, "no period"),
        ("title: x\nbody: x", {"expires_at": None}, "for how long it is shown"),
        ("[]", {}, "holds no fields"),
        ("title: [", {}, "is not valid YAML"),
        ("title: {a: {b: c}}", {}, "title.a must be a text"),
        ("title: '{% if %}'\nbody: x", {}, "is not valid Liquid"),
    ],
)
def test_what_cannot_be_shown_says_why(
    surface: Surface, own_templates: Callable[..., Path], written: str, changes: dict[str, Any], reason: str
) -> None:
    if written:
        surface.templates = own_templates(own__in_app=written)
        changes = {"template": "own", **changes}
    with pytest.raises(UnsendableError, match=reason):
        message(surface, **changes)


def test_a_rehearsal_shows_nobody_anything(surface: Surface) -> None:
    put(surface, in_app_action(1))
    assert (surface.place.root / "sandbox" / "surfaces.sqlite").exists()
    assert not (surface.place.root / "surfaces").exists()


@pytest.mark.parametrize("part", [IN_APP, WEB, ROW])
def test_the_templates_that_ship_can_be_shown(part: str) -> None:
    templates = Templates(TEMPLATES)
    found = [path.parent.name for path in TEMPLATES.glob(f"*/{part}")]
    assert found
    for name in found:
        fields = {"contact": {}, "context": {"item_count": 2, "cart_id": "C1"}, "message": {}}
        rendered = templates.render_surface(name, part, **fields)
        if part == WEB:
            assert rendered["slot"] in read_website(TEMPLATES).slots
        if part == ROW:
            drop = read_drops(TEMPLATES)[rendered["drop"]]
            assert rendered.keys() == {"drop", *(f"columns.{column}" for column in drop.columns)}
    assert check_templates(templates) == []


def test_the_command_makes_a_token_and_the_key_of_it(
    run_command: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surface: Surface
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(tmp_path))
    monkeypatch.delenv("HOURBELL_PROFILE", raising=False)
    link_key = surface.place.profile(1).link_key
    made = run_command("token", "--user", "u1")[1].strip()
    assert viewer_of(made, link_key, datetime.now(UTC).replace(tzinfo=None)) == Viewer(user_id="u1")
    assert run_command("token", "--key")[1].strip() == token_key(link_key).hex()
    assert link_key.hex() not in run_command("token", "--key")[1]
    code, said = run_command("token", "--user", "u1", "--contact", "1")
    assert code == 1
    assert "Say whose token" in said


def test_what_is_held_is_shown_as_it_would_be_read() -> None:
    rows = (in_app_action(1), in_app_action(1, channel="web", template="browse_reminder"))
    shown = [sample_of(Action(**{name: row[name] for name in SCHEMA.names}), TEMPLATES, NOW) for row in rows]
    assert [(sample.subject, sample.text.splitlines()[0]) for sample in shown] == [
        ("Your 2 finds are waiting", "We kept your cart for you, Ann. Everything is still in it."),
        ("hero", "headline: Still on your mind?"),
    ]
