"""Notifications in the app: the requests against FCM's own description, tokens of access, and devices that are gone."""

import asyncio
import base64
import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import polars as pl
import pytest
from contracts import Discovery
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import crypt
from google.oauth2 import service_account as google_account
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearsal import NOW, Place, counted, push_action, write_outbox

from activations.channels import push
from activations.channels.face import Setting, UnsendableError
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.holds.sample import sample_of
from activations.keys.service_account import grant_of, read_service_account
from activations.sandbox import fcm
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.profile import Profile, SmtpServer

LIVE = Profile("live", SmtpServer("", 0), link_key=b"0123456789abcdef")
KEY = generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ACCOUNT = {
    "type": "service_account",
    "project_id": "wren-willow",
    "private_key_id": "k1",
    "private_key": PEM,
    "client_email": "sender@wren-willow.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def channel(profile: Profile | None = None, templates: Path = TEMPLATES, spool: Path = Path()) -> push.PushChannel:
    known = profile or Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    return push.open_channel(Setting(known, lambda: NOW, spool, templates))


def said(templates: Path = TEMPLATES, **changes: Any) -> dict[str, Any]:
    """The request that is made."""
    opened = channel(templates=templates)
    message = opened.render(Action(**push_action(1, **changes)), "hourbell-1")
    return opened.request(message, json.loads(message.content))


def own_templates(folder: Path, written: str = "", settings: str = "") -> Path:
    """Those that ship, and a template of ours."""
    own = folder / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != "push.yml" or not settings:
            (own / path.name).symlink_to(path)
    if settings:
        (own / "push.yml").write_text(settings)
    (own / "ours").mkdir()
    (own / "ours" / "push.yml").write_text(written)
    return own


def deliver(
    place: Place,
    rows: list[dict[str, Any]],
    before: Callable[[str], Reply | None] | None = None,
    *,
    again: bool = False,
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver notifications; the account, and how often the sandbox was called for each device and for access."""
    if not again:
        write_outbox(place.outbox, rows, channel="push")
    return counted(place, before)


def devices(number: int) -> list[dict[str, Any]]:
    return [push_action(each) for each in range(number)]


def spooled(place: Place) -> list[dict[str, Any]]:
    """The events that wait for landing."""
    return [
        row for path in sorted((place.spool / "events").glob("*.parquet")) for row in pl.read_parquet(path).to_dicts()
    ]


@pytest.fixture(scope="module")
def discovery() -> Discovery:
    return Discovery("fcm.v1")


TEXTS = st.text(max_size=40).filter(lambda text: text.isprintable())


@settings(deadline=None)
@given(
    name=TEXTS,
    cart=TEXTS,
    hours=st.one_of(st.none(), st.integers(-2, 2_000)),
    kind=st.sampled_from(["promotional", "transactional"]),
)
def test_every_request_is_one_that_fcm_describes(
    discovery: Discovery, name: str, cart: str, hours: int | None, kind: str
) -> None:
    request = said(
        profile=json.dumps({"first_name": name}),
        context=json.dumps({"cart_id": cart.strip() or "1"}),
        expires_at=None if hours is None else NOW + timedelta(hours=hours),
        topic_kind=kind,
    )
    assert discovery.faults("SendMessageRequest", request) == []
    # what is free in the description: a header is a text
    assert all(isinstance(value, str) for value in request["message"]["apns"]["headers"].values())


def test_it_goes_where_fcm_says(discovery: Discovery, tmp_path: Path) -> None:
    url = discovery.url_of("projects", "messages", "send", parent="projects/wren-willow")
    assert live(tmp_path).url == url == "https://fcm.googleapis.com/v1/projects/wren-willow/messages:send"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda message: message.update(to="x"),
        lambda message: message["android"].update(ttl=3_600),
        lambda message: message["android"].update(ttl="1 hour"),
        lambda message: message["android"].update(priority="urgent"),
        lambda message: message["android"]["notification"].update(tags=["a"]),
        lambda message: message["notification"].update(title=1),
        lambda message: message["data"].update(step=1),
        lambda message: message.update(apns=[]),
    ],
    ids=["unknown", "number", "duration", "value", "unknown within", "title", "data", "object"],
)
def test_the_description_would_see_what_is_wrong(discovery: Discovery, spoil: Callable[[dict[str, Any]], None]) -> None:
    request = said()
    assert discovery.faults("SendMessageRequest", request) == []
    spoil(request["message"])
    assert discovery.faults("SendMessageRequest", request) != []


def test_a_notification_says_what_its_template_does() -> None:
    message = said()["message"]
    assert message["notification"] == {
        "title": "Wren & Willow",
        "body": "We kept your cart, Ann. Everything is still in it.",
    }
    assert message["data"]["url"].startswith("https://links.shop.example/l/")
    assert message["android"]["ttl"] == "86400s"
    assert message["apns"]["headers"]["apns-expiration"] == str(int((NOW + timedelta(days=1)).timestamp()))
    assert message["android"]["collapseKey"] == message["android"]["notification"]["tag"] == "cart-reminder"


def test_without_a_word_of_its_own_a_notification_only_replaces_itself(tmp_path: Path) -> None:
    message = said(own_templates(tmp_path, "title: Hello\nbody: You"), template="ours")["message"]
    assert "collapseKey" not in message["android"]
    assert message["android"]["notification"]["tag"] == message["apns"]["headers"]["apns-collapse-id"] == "hourbell-1"


@pytest.mark.parametrize(
    ("hours", "ttl"),
    [(1, "3600s"), (2_000, "2419200s"), (-1, "0s"), (None, None)],
    ids=["soon", "long", "past", "never"],
)
def test_a_notification_waits_for_a_phone_no_longer_than_it_may(hours: int | None, ttl: str | None) -> None:
    expires_at = None if hours is None else NOW + timedelta(hours=hours)
    assert said(expires_at=expires_at)["message"]["android"].get("ttl") == ttl


def test_a_notification_that_is_pushed_late_is_kept_for_so_much_less(place: Place) -> None:
    """It was to be sent a day ago, and expires in an hour."""
    write_outbox(place.outbox, [push_action(1)], channel="push")
    account, _ = counted(place, now=NOW + timedelta(hours=23))
    assert account.accepted == 1
    [received] = webhooks(place.received)
    assert json.loads(received.body)["message"]["android"]["ttl"] == "3600s"


def test_values_are_data_and_change_no_shape() -> None:
    known = said(profile=json.dumps({"user_id": "u1", "first_name": '{{7*7}}"\n  url: x'}))["message"]
    assert known["notification"]["body"].startswith('We kept your cart, {{7*7}}" url: x. ')
    assert known["data"]["url"] == said()["message"]["data"]["url"]


def test_a_release_shows_the_notification() -> None:
    sample = sample_of(Action(**push_action(1)), TEMPLATES, NOW)
    assert (sample.subject, sample.text[:17]) == ("Wren & Willow", "We kept your cart")


def faults() -> Iterator[tuple[str, str]]:
    yield "title: Hello", "has no body"
    yield "title: Hello\nbody: '{% if false %}x{% endif %}'", "has no body"
    yield "title: Hello\nbody: You\nsound: ping", "has sound, which no notification has"
    yield "title: Hello\nbody: '{{ contact.nickname }}'", "needs contact.nickname"
    yield "title: Hello\nbody: [You]", "body is no text"
    yield "title: Hello\nbody: true", "holds True, which is no text"
    yield "title: Hello\nbody: You\nurl: javascript:alert(1)", "url must be a whole address"
    yield "title: Hello\nbody: You\nimage: http://shop.example/a.png", "image must be a whole address"
    yield "title: Hello\nbody: You\nurl: https://shop.example@evil.example/", "url must be a whole address"
    yield "title: Hello\nbody: You\nurl: https:///shop.example", "url must be a whole address"
    yield f"title: Hello\nbody: {'x' * 4_100}", "more than 4,096 bytes"
    yield "- title", "holds no fields"


@pytest.mark.parametrize(("written", "reason"), faults())
def test_what_cannot_be_sent_says_why(tmp_path: Path, written: str, reason: str) -> None:
    with pytest.raises(UnsendableError, match=reason):
        said(own_templates(tmp_path, written), template="ours")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"address": None}, "no device is registered"),
        ({"address": "a b"}, "not a registration token"),
        ({"context": "{}"}, "needs context.cart_id"),
        ({"template": "cart_reassurance"}, "template cart_reassurance lacks push.yml"),
        ({"template": None}, "no template is named"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsendableError, match=reason):
        said(**changes)


def test_one_token_of_access_serves_a_delivery(place: Place) -> None:
    account, calls = deliver(place, devices(120))
    assert account.accepted == 120
    assert calls.pop(fcm.TOKEN_PATH) == 1
    assert set(calls.values()) == {1}
    again, calls = deliver(place, devices(120), again=True)
    assert (again.already_settled, calls) == (120, Counter())


def pushed_at(place: Place, *hours: float, expires_in: int = 3_600) -> tuple[list[str], Counter[str]]:
    """What became of a message at each of these hours, over one channel, and how often the sandbox was called."""
    calls: Counter[str] = Counter()
    times = [NOW + timedelta(hours=each) for each in hours]

    def grant(token: str) -> Reply | None:
        calls[token] += 1
        granted = {"access_token": "sandbox-1", "expires_in": expires_in, "token_type": "Bearer"}
        return Reply(200, {}, json.dumps(granted)) if token == fcm.TOKEN_PATH else None

    async def all_of_them(url: str) -> list[str]:
        profile = Profile("sandbox", SmtpServer("", 0), http_sandbox=url)
        opened = push.open_channel(Setting(profile, lambda: times[0], place.spool, TEMPLATES))
        found = []
        while times:
            [answer] = await opened.push([opened.render(Action(**push_action(len(times))), "hourbell-1")])
            found.append(answer.status)
            del times[0]
        await opened.close()
        return found

    with HttpSandbox(place.received, now=lambda: NOW, before=grant) as sandbox:
        return asyncio.run(all_of_them(sandbox.url)), calls


def test_a_token_of_access_is_used_until_it_ends(place: Place) -> None:
    found, calls = pushed_at(place, 0, 0.5, 0.9, 1.0, 1.5, 2.5)
    assert found == ["accepted"] * 6
    assert calls[fcm.TOKEN_PATH] == 3


def ended(token: str) -> Reply:
    known = {"code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED"}
    return Reply(401, {}, json.dumps({"error": known}))


def test_a_token_that_ended_early_is_renewed_and_the_message_sent_once(place: Place) -> None:
    refused: list[str] = []

    def once(token: str) -> Reply | None:
        if token != fcm.TOKEN_PATH and not refused:
            refused.append(token)
            return ended(token)
        return None

    account, calls = deliver(place, devices(40), once)
    assert account.accepted == 40
    assert calls[fcm.TOKEN_PATH] == 2


def test_who_is_never_believed_leaves_the_rest_waiting(place: Place) -> None:
    account, calls = deliver(place, devices(120), lambda token: None if token == fcm.TOKEN_PATH else ended(token))
    assert account.waiting == 120
    assert sum(calls.values()) <= 200
    assert any("mend" in reason or "UNAUTHENTICATED" in reason for reason in account.reasons)


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(400, {}, '{"error": "invalid_grant"}'), "waiting"),
        (Reply(200, {}, "{}"), "failed"),
        (Reply(500), "failed"),
        (Reply(0), "failed"),
    ],
    ids=["refused", "empty", "broken", "lost"],
)
def test_without_a_token_of_access_nothing_is_sent_and_nothing_in_doubt(place: Place, reply: Reply, part: str) -> None:
    account, calls = deliver(place, devices(2), lambda token: reply if token == fcm.TOKEN_PATH else None)
    assert getattr(account, part) == 2, account
    assert set(calls) == {fcm.TOKEN_PATH}


def test_googles_own_library_asks_for_access_alike(tmp_path: Path) -> None:
    asked: list[str] = []

    def transport(url: str, method: str, headers: Any, body: bytes, **more: Any) -> Any:
        asked.append(body.decode() if isinstance(body, bytes) else body)
        said = fcm.answer(fcm.TOKEN_PATH, headers, asked[-1].encode()).reply
        return type("Response", (), {"status": said.status, "headers": {}, "data": said.text.encode()})

    url = "https://oauth2.googleapis.com/fcm/token"
    info = {**ACCOUNT, "token_uri": url}
    theirs = google_account.Credentials.from_service_account_info(info, scopes=[push.SCOPE])
    theirs.refresh(transport)
    assert theirs.token.startswith("sandbox")
    path = tmp_path / "key.json"
    path.write_text(json.dumps(info))
    ours = grant_of(read_service_account(path), push.SCOPE, lambda: NOW)()
    written = [parse_qs(asked[0])["assertion"][0], ours["assertion"]]
    heads, claims = (
        [json.loads(base64.urlsafe_b64decode(each.split(".")[part] + "==")) for each in written] for part in (0, 1)
    )
    assert heads[0] == heads[1] == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    for each in claims:
        assert each.pop("exp") - each.pop("iat") == 3_600
    assert claims[0] == claims[1]
    assert parse_qs(asked[0])["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed, _, signature = written[1].rpartition(".")
    assert crypt.RSAVerifier.from_string(public).verify(signed.encode(), base64.urlsafe_b64decode(signature + "=="))


def refusal(status: int, kind: str, code: str | None = None, **headers: str) -> Reply:
    known: dict[str, Any] = {"code": status, "message": "device0:APA91b is refused", "status": kind}
    if code:
        known["details"] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    return Reply(status, headers, json.dumps({"error": known}, indent=2))


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (refusal(404, "NOT_FOUND", "UNREGISTERED"), "rejected"),
        (refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), "rejected"),
        (refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), "rejected"),
        (refusal(400, "INVALID_ARGUMENT"), "rejected"),
        (refusal(404, "NOT_FOUND"), "waiting"),
        (refusal(403, "PERMISSION_DENIED"), "waiting"),
        (refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), "waiting"),
        (refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), "waiting"),
        (refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", **{"Retry-After": "0"}), "failed"),
        (refusal(503, "UNAVAILABLE", "UNAVAILABLE"), "failed"),
        (refusal(503, "UNAVAILABLE", "UNAVAILABLE", **{"Retry-After": "900"}), "waiting"),
        (refusal(500, "INTERNAL", "INTERNAL"), "unknown"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {len(value.text)}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, reply: Reply, part: str) -> None:
    account, _ = deliver(place, devices(1), lambda token: None if token == fcm.TOKEN_PATH else reply)
    assert getattr(account, part) == 1, account
    assert "device0" not in str(account.reasons)


def test_a_device_that_is_gone_comes_back_as_an_event(place: Place) -> None:
    gone = push_action(
        7, address="unregistered:APA91b", profile=json.dumps({"user_id": "u7", "email": "u7@shop.example"})
    )
    foreign = push_action(8, address="mismatch:APA91b")
    nameless = push_action(9, address="unregistered:nobody", profile="{}")
    account, _ = deliver(place, [push_action(1), gone, foreign, nameless])
    assert (account.accepted, account.rejected) == (1, 3)
    [event] = spooled(place)
    assert event["message_id"] == "hourbell-7000000000000000007-bounced"
    assert (event["type"], event["event"], event["user_id"]) == ("track", "Push Notification Bounced", "u7")
    assert event["occurred_at"] == NOW
    assert json.loads(event["properties"]) == {
        "type": "hard",
        "channel": "push",
        "address": "unregistered:APA91b",
        "reason": "UNREGISTERED",
    }


def live(folder: Path, **changes: Any) -> push.PushChannel:
    """A live channel with a key file."""
    key = folder / "key.json"
    key.write_text(json.dumps({**ACCOUNT, **changes}))
    own = own_templates(folder, settings="project: wren-willow")
    return channel(dataclasses.replace(LIVE, key_files={"FCM": str(key)}), own)


def test_a_live_profile_wants_its_own_project_and_key(tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match="still names the example project"):
        channel(LIVE)
    opened = live(tmp_path)
    assert opened.rate == 10_000
    assert "PRIVATE" not in repr(opened)
    own = tmp_path / "templates"
    with pytest.raises(HourbellError, match="HOURBELL_FCM_KEY_FILE"):
        channel(LIVE, own)
    for written in (
        "",
        "{}",
        json.dumps({**ACCOUNT, "private_key": "hush"}),
        json.dumps({**ACCOUNT, "token_uri": "http://a"}),
    ):
        (tmp_path / "key.json").write_text(written)
        with pytest.raises(HourbellError, match="no key file of a service account") as raised:
            channel(dataclasses.replace(LIVE, key_files={"FCM": str(tmp_path / "key.json")}), own)
        assert "hush" not in str(raised.value)
    with pytest.raises(HourbellError, match="cannot be read"):
        channel(dataclasses.replace(LIVE, key_files={"FCM": str(tmp_path / "none.json")}), own)


@pytest.mark.parametrize("written", ["# nothing", "project: A", "project: wren-willow\ncolour: red"])
def test_a_project_that_cannot_be_is_explained(tmp_path: Path, written: str) -> None:
    with pytest.raises(HourbellError, match="must hold `project`"):
        channel(templates=own_templates(tmp_path, settings=written))


def test_the_sandbox_refuses_what_fcm_does() -> None:
    path, known = "/fcm/v1/projects/example-shop/messages:send", {"authorization": "Bearer sandbox-1"}

    def status(**changes: Any) -> int:
        message = {**said()["message"], **changes}
        return fcm.answer(path, known, json.dumps({"message": message}).encode()).reply.status

    assert status() == 200
    assert {status(data={"a": 1}), status(data={"from": "b"}), status(data={"a": "x" * 5_000})} == {400}
    assert {status(android={"ttl": "soon"}), status(notification=[])} == {400}
    assert fcm.answer(path, {}, json.dumps(said()).encode()).reply.status == 401
    assert fcm.answer(path, known, b"{}").reply.status == 400
    assert fcm.answer("/fcm/v2", known, b"{}").reply.status == 404
    assert fcm.answer(fcm.TOKEN_PATH, {}, b"grant_type=password").reply.status == 400
