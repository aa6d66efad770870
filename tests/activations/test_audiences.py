"""Audiences of ad platforms, over real HTTP against a sandbox that remembers: only hashes, and in the right order."""

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from crm_place import World, in_turn, membership, templates_of
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from rehearsal import NOW, Place
from sqlalchemy import create_engine, text

from activations.ad_platforms import google, meta
from activations.addresses.hashing import hashed_email, hashed_phone
from activations.channels import audience
from activations.channels.batches import Entry
from activations.channels.face import Message, Setting
from activations.errors import HourbellError
from activations.sandbox import google_ads
from activations.sandbox import meta as meta_sandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.environment import live_profile

HASHES = Path(__file__).resolve().parents[3] / "shared" / "data" / "ad_audience_hashing.json"
LIVE = {
    "HOURBELL_PROFILE": "live",
    "HOURBELL_SMTP_URL": "smtp://mail.shop.example",
    "HOURBELL_ALLOWED_HOSTS": "mail.shop.example",
    "HOURBELL_LINK_KEY": "a secret of the tests",
}
PLATFORMS = [("lapsed_buyers", "meta"), ("lapsed_google", "google")]


@pytest.fixture
def world(place: Place, tmp_path: Path) -> World:
    return World(place, templates_of(tmp_path))


def members(world: World, name: str) -> set[str]:
    """The hashes of an audience, whatever they stand for."""
    with world.records() as records:
        there = records.all(google_ads.MEMBERS if name == "lapsed_google" else meta_sandbox.MEMBERS)
    return {key.rpartition("/")[2] for key in there}


def emails(platform: str, *numbers: int) -> set[str | None]:
    return {hashed_email(f"person{number}@example.com", platform) for number in numbers}


@pytest.mark.parametrize(("name", "platform"), PLATFORMS)
def test_who_joins_is_in_and_who_leaves_is_out(world: World, name: str, platform: str) -> None:
    rows = [membership(1, name=name), membership(2, name=name), membership(3, "leave_audience", name)]
    assert world.deliver(rows).accepted == 3
    phone = hashed_phone("+448444124653", platform)
    assert members(world, name) == emails(platform, 1, 2)
    leave = membership(1, "leave_audience", name)
    leave["action_id"] += 100
    assert world.deliver([leave]).accepted == 1
    assert members(world, name) == emails(platform, 2)
    assert phone not in members(world, name)
    sent = b"".join(call.body for call in webhooks(world.place.received))
    assert b"example.com" not in sent
    assert b"4412" not in sent


@pytest.mark.parametrize(("name", "platform"), PLATFORMS)
def test_somebody_leaves_as_who_joined_whatever_has_become_of_the_address(
    world: World, name: str, platform: str
) -> None:
    world.deliver([membership(1, name=name)])
    with create_engine(world.place.journal_url).connect() as journal:
        (known_as,) = journal.execute(text("select provider_message_id from journal")).scalars()
    leave = membership(1, "leave_audience", name, known_as=known_as) | {"profile": "{}"}
    leave["action_id"] += 100
    assert world.deliver([leave]).accepted == 1
    assert members(world, name) == set()


def test_who_joins_and_leaves_in_one_batch_is_out_at_the_end(world: World) -> None:
    rows = [membership(1), membership(1, "leave_audience"), membership(3), membership(4, "leave_audience")]
    # in the order of the outbox, which is that of their numbers
    rows[1]["action_id"] += 1
    assert world.deliver(rows).accepted == 4
    assert members(world, "lapsed_buyers") >= emails("meta", 3)
    assert not members(world, "lapsed_buyers") & emails("meta", 1, 4)
    assert [name.split()[0] for name in world.asked] == ["POST", "DELETE", "POST", "DELETE"]


@pytest.mark.parametrize(("name", "platform"), PLATFORMS)
def test_ten_thousand_join_in_one_call(world: World, name: str, platform: str) -> None:
    assert world.deliver([membership(number, name=name) for number in range(600)]).accepted == 600
    # the rehearsal claims fifty at a time; what a call may hold is asked of the request itself
    opened = audience.open_channel(setting(world)).opened[name]
    entries = [Entry(("a" * 64, ""), [Message(number, str(number), name, b"")]) for number in range(10_001)]
    calls = []

    class Recorded:
        def rested(self, name: str, messages: Any) -> list[Any]:
            return []

        async def post(self, name: str, url: str, headers: Any, body: bytes, messages: Any, *more: Any) -> list[Any]:
            calls.append(len(messages))
            return [audience.Answer(message.action_id, "retry") for message in messages]

    recorded: Any = dataclasses.replace(opened.batches, receivers=Recorded())  # type: ignore[attr-defined]
    asyncio.run(dataclasses.replace(opened, batches=recorded).change(entries, member=True))  # type: ignore[type-var]
    assert calls == [10_000, 1]


def setting(world: World, profile: Any = None) -> Setting:
    known = profile or world.place.profile(1, webhooks="http://127.0.0.1:1")
    return Setting(known, lambda: NOW, world.place.spool, world.templates)


def test_meta_is_shown_the_proof_of_the_app(world: World) -> None:
    world.deliver([membership(1)])
    (call,) = webhooks(world.place.received)
    form = {name: value for name, [value] in parse_qs(call.body.decode()).items()}
    assert form["appsecret_proof"] == hmac.new(b"sandbox", b"sandbox", hashlib.sha256).hexdigest()
    assert json.loads(form["session"])["last_batch_flag"] is True
    assert "Bearer" in call.headers["Authorization"]


def error(code: int, **more: Any) -> str:
    return json.dumps({"error": {"message": "for a@example.com", "code": code, **more}})


USAGE = {"X-Business-Use-Case-Usage": json.dumps({"1": [{"estimated_time_to_regain_access": 7}]})}


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(400, {}, error(190)), "waiting"),
        (Reply(400, {}, error(200)), "waiting"),
        (Reply(400, USAGE, error(80003)), "waiting"),
        (Reply(400, {}, error(17)), "waiting"),
        (Reply(400, {"Retry-After": "0"}, error(4)), "failed"),
        (Reply(400, {}, error(2, is_transient=True)), "failed"),
        (Reply(400, {}, error(100, error_subcode=1713230)), "waiting"),
        (Reply(400, {}, error(100)), "rejected"),
        (Reply(500, {}, error(1)), "failed"),
        (Reply(500), "unknown"),
        (Reply(0), "unknown"),
        (Reply(200, {}, '{"num_received": 1, "num_invalid_entries": 1}'), "rejected"),
        (Reply(200, {}, "{}"), "unknown"),
    ],
    ids=lambda value: f"{value.status} {value.text[9:70]}" if isinstance(value, Reply) else None,
)
def test_each_answer_of_meta_has_its_outcome(world: World, reply: Reply, part: str) -> None:
    account = world.deliver([membership(1)], lambda _: reply)
    assert getattr(account, part) == 1, account
    assert "@" not in str(account.reasons)


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(429, {}, '{"error": {"status": "RESOURCE_EXHAUSTED"}}'), "failed"),
        (Reply(403, {}, '{"error": {"status": "PERMISSION_DENIED"}}'), "waiting"),
        (Reply(400, {}, '{"error": {"status": "INVALID_ARGUMENT"}}'), "rejected"),
        (Reply(503), "failed"),
        (Reply(500), "unknown"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else None,
)
def test_each_answer_of_google_has_its_outcome(world: World, reply: Reply, part: str) -> None:
    account = world.deliver([membership(1, name="lapsed_google")], lambda at: reply if "ingest" in at else None)
    assert getattr(account, part) == 1, account


def test_a_token_of_google_that_is_refused_is_fetched_again(world: World) -> None:
    account = world.deliver([membership(1, name="lapsed_google")], in_turn(Reply(401), only="ingest"))
    assert account.accepted == 1
    assert [name.rpartition("/")[2] for name in world.asked] == ["token", "audienceMembers:ingest"] * 2


def test_one_who_is_refused_does_not_spoil_it_for_the_rest(world: World) -> None:
    rows = [membership(number, "leave_audience", known_as=f"{number:064x}.") for number in range(4)]
    # a hash that is none
    rows[2] = membership(2, "leave_audience", "lapsed_google", known_as="x.")
    rows = [{**row, "context": row["context"].replace("lapsed_buyers", "lapsed_google")} for row in rows]
    account = world.deliver(rows)
    assert (account.accepted, account.rejected) == (3, 1)


@pytest.mark.parametrize("changes", [{"profile": '{"user_id": "u1"}'}, {"context": '{"audience": "none"}'}])
def test_who_is_not_known_by_anything_is_rejected_alone(world: World, changes: Mapping[str, Any]) -> None:
    account = world.deliver([{**membership(1), **changes}, membership(2)])
    assert (account.accepted, account.rejected) == (1, 1)


@pytest.mark.skipif(not HASHES.exists(), reason=f"needs {HASHES.name}, which is not part of the project")
def test_hashes_are_those_of_the_platforms() -> None:
    cases = json.loads(HASHES.read_text())
    known = {"em": hashed_email, "ph": hashed_phone}
    compared = 0
    for group, platform in (("meta_sdk", "meta"), ("google", "google"), ("snap", "snap")):
        for case in cases[group]:
            if case["field"] in known:
                compared += 1
                assert known[case["field"]](case["input"], platform) == case["sha256"], (platform, case)
    assert compared > 20


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("all: {platform: other, audience: '1'}", "must be meta or google"),
        ("all: {platform: meta}", "nothing but `audience`, `platform`"),
        ("all: {platform: google, audience: '1'}", "`account`, `audience`, `login_account`"),
        ("all: {platform: meta, audience: 600}", "must be a number in quotes"),
        ("all: {platform: meta, audience: 6/0}", "must be a number in quotes"),
        ("a b: {platform: meta, audience: '1'}", "must be a plain name"),
    ],
)
def test_a_file_of_audiences_that_cannot_be_used_is_refused(
    place: Place, tmp_path: Path, written: str, told: str
) -> None:
    (tmp_path / "audiences.yml").write_text(written)
    profile = place.profile(1, webhooks="http://127.0.0.1:1")
    with pytest.raises(HourbellError, match=told):
        audience.open_channel(Setting(profile, lambda: NOW, place.spool, tmp_path))


def test_live_platforms_want_their_credentials_and_show_none(world: World) -> None:
    with pytest.raises(HourbellError, match="HOURBELL_TOKEN_LAPSED_BUYERS"):
        audience.open_channel(setting(world, live_profile(LIVE)))
    tokens = {"HOURBELL_TOKEN_LAPSED_BUYERS": "EAA7f3a", "HOURBELL_TOKEN_LAPSED_GOOGLE": "7f3a"}
    with pytest.raises(HourbellError, match="not the JSON of an authorised user") as refusal:
        audience.open_channel(setting(world, live_profile({**LIVE, **tokens})))
    assert "7f3a" not in str(refusal.value)
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "7f3a", "refresh_token": "7f3a"}
    tokens["HOURBELL_TOKEN_LAPSED_GOOGLE"] = json.dumps(user)
    channel = audience.open_channel(setting(world, live_profile({**LIVE, **tokens})))
    assert isinstance(channel.opened["lapsed_buyers"], meta.Meta)
    assert channel.opened["lapsed_buyers"].url == "https://graph.facebook.com/v25.0/600/users"
    assert channel.opened["lapsed_buyers"].proof == ""
    assert "7f3a" not in f"{channel!r}{[*channel.opened.values()]!r}"


def test_a_service_account_signs_for_its_token() -> None:
    key = rsa.generate_private_key(65537, 2048)
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "ads@shop.example", "private_key": written.decode()}
    form = google.grant_of(account, lambda: NOW)()
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    said, _, signature = form["assertion"].rpartition(".")
    key.public_key().verify(_bytes(signature), said.encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(_bytes(said.rpartition(".")[2]))
    assert claims["scope"] == "https://www.googleapis.com/auth/datamanager"
    assert claims["exp"] - claims["iat"] == 3_600


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
