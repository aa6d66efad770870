"""Notifications in browsers: only the browser reads them, only push services are called, and what is gone is noted."""

import asyncio
import base64
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from py_vapid import Vapid02
from py_vapid.jwt import decode
from pywebpush import webpush
from rehearsal import NOW, Place, counted, push_action, write_outbox
from rich.console import Console

from activations.channels import web_push
from activations.channels.face import Answer, Setting, UnsendableError
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.holds.sample import sample_of
from activations.keys.vapid import LARGEST, BrowserKeys, Vapid
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.show import overview
from activations.sandbox.web_push import answer
from activations.sandbox.webhooks import ReceivedWebhook, webhooks
from activations.settings.profile import Profile, SmtpServer

LIVE = Profile("live", SmtpServer("", 0), link_key=b"0123456789abcdef")
BROWSER = generate_private_key(SECP256R1())
SECRET = b"sixteen secrets!"
MOZILLA = "https://updates.push.services.mozilla.com"


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def subscription(endpoint: str = f"{MOZILLA}/wpush/v2/a1", **keys: Any) -> str:
    """As a browser gives it to the site."""
    known = {"p256dh": packed(point(BROWSER.public_key())), "auth": packed(SECRET), **keys}
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": known})


def web_action(number: int, **changes: Any) -> dict[str, Any]:
    address = subscription(f"{MOZILLA}/wpush/v2/a{number}")
    return push_action(number, **{"channel": "web_push", "address": address, **changes})


def channel(
    profile: Profile | None = None, templates: Path = TEMPLATES, spool: Path = Path()
) -> web_push.WebPushChannel:
    known = profile or Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    return web_push.open_channel(Setting(known, lambda: NOW, spool, templates))


def deliver(
    place: Place,
    rows: list[dict[str, Any]],
    before: Callable[[str], Reply | None] | None = None,
    *,
    again: bool = False,
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver notifications; the account, and how often each endpoint was called."""
    if not again:
        write_outbox(place.outbox, rows, channel="web_push")
    return counted(place, before)


def digest(key: bytes, content: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(content)
    return made.finalize()


def read_as_a_browser(body: bytes, browser: EllipticCurvePrivateKey, secret: bytes) -> bytes:
    """RFC 8291 step by step, as slowly as it is written."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, record = body[21 : 21 + length], body[21 + length :]
    assert len(record) <= size
    shared = browser.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), sender))
    about = b"WebPush: info\x00" + point(browser.public_key()) + sender
    key = digest(digest(secret, shared), about + b"\x01")
    once = digest(salt, key)
    content_key = digest(once, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = digest(once, b"Content-Encoding: nonce\x00\x01")[:12]
    content = AESGCM(content_key).decrypt(nonce, record, None).rstrip(b"\x00")
    assert content.endswith(b"\x02")
    return content[:-1]


def test_the_slow_reader_reads_the_example_of_the_standard() -> None:
    body = unpacked(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    browser = derive_private_key(
        int.from_bytes(unpacked("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big"), SECP256R1()
    )
    read = read_as_a_browser(body, browser, unpacked("BTBZMqHH6r4Tts7J_aSIgg"))
    assert read == b"When I grow up, I want to be a watermelon"


def headers_of(received: ReceivedWebhook) -> dict[str, str]:
    return {name.lower(): value for name, value in received.headers.items()}


def test_a_browser_reads_what_its_template_says(place: Place) -> None:
    account, calls = deliver(place, [web_action(1)])
    assert (account.accepted, calls) == (1, Counter({f"{MOZILLA}/wpush/v2/a1": 1}))
    [received] = webhooks(place.received)
    said = json.loads(read_as_a_browser(received.body, BROWSER, SECRET))
    assert said["notification"].pop("navigate").startswith("https://links.shop.example/l/")
    assert said == {
        "web_push": 8030,
        "notification": {
            "title": "Wren & Willow",
            "body": "We kept your cart, Ann. Everything is still in it.",
            "tag": "cart-reminder",
            "data": {
                "message_id": "hourbell-7000000000000000001",
                "workflow": "abandoned_cart",
                "step": "reminder",
            },
        },
    }
    headers = headers_of(received)
    assert (headers["ttl"], headers["urgency"], headers["content-encoding"]) == ("86400", "normal", "aes128gcm")


def test_the_inbox_shows_that_something_came(place: Place) -> None:
    deliver(place, [web_action(1)])
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(overview(place.received))
    assert "bytes that only the recipient can read" in console.export_text()


def test_each_message_is_encrypted_under_another_key() -> None:
    keys = BrowserKeys.read(packed(point(BROWSER.public_key())), packed(SECRET))
    bodies = [keys.encrypted(b"hello") for _ in range(20)]
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 20
    assert {read_as_a_browser(body, BROWSER, SECRET) for body in bodies} == {b"hello"}
    assert len(keys.encrypted(b"x" * LARGEST)) == 4_096
    assert read_as_a_browser(keys.encrypted(b"x" * LARGEST), BROWSER, SECRET) == b"x" * LARGEST


def test_who_pushes_is_signed_for_the_one_service(place: Place) -> None:
    services = {
        f"{MOZILLA}/a": MOZILLA,
        "https://wns2-par02p.notify.windows.com/w?token=1%2b": "https://wns2-par02p.notify.windows.com",
        "https://web.push.apple.com:443/Q": "https://web.push.apple.com",
    }
    account, _ = deliver(
        place, [web_action(number, address=subscription(each)) for number, each in enumerate(services)]
    )
    assert account.accepted == 3
    audiences = []
    for received in webhooks(place.received):
        authorization = headers_of(received)["authorization"]
        assert Vapid02.verify(authorization.replace(", ", ","))
        token, key = (part.split("=", 1)[1] for part in authorization.removeprefix("vapid ").split(", "))
        claims = decode(token, key)
        assert claims["sub"] == "mailto:hello@shop.example"
        ends = datetime.fromtimestamp(claims["exp"], UTC).replace(tzinfo=None)
        assert NOW < ends <= NOW + timedelta(hours=24)
        audiences.append(claims["aud"])
    assert sorted(audiences) == sorted(services.values())


def test_a_signature_is_used_until_it_ends() -> None:
    times = [NOW]
    known = Vapid(generate_private_key(SECP256R1()), "mailto:hello@shop.example", lambda: times[-1])
    first = known.authorization(MOZILLA)
    times.append(NOW + timedelta(hours=10))
    assert known.authorization(MOZILLA) == first
    times.append(NOW + timedelta(hours=11))
    assert known.authorization(MOZILLA) != first


def test_a_library_in_wide_use_makes_the_same_request(place: Place) -> None:
    address = json.loads(subscription())
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        write_outbox(place.outbox, [web_action(1)], channel="web_push")
        place.deliver(1, webhooks=sandbox.url)
        [ours] = webhooks(place.received)
        content = read_as_a_browser(ours.body, BROWSER, SECRET).decode()
        told = headers_of(ours)
        path = f"{sandbox.url}/web_push/updates.push.services.mozilla.com/wpush/v2/a1"
        webpush(
            {**address, "endpoint": path},
            content,
            vapid_private_key=Vapid02(private_key=generate_private_key(SECP256R1())),
            vapid_claims={"sub": "mailto:hello@shop.example", "aud": MOZILLA},
            ttl=86_400,
            headers={"topic": told["topic"], "urgency": told["urgency"]},
        )
        theirs = list(webhooks(place.received))[-1]
    assert theirs.number != ours.number
    assert read_as_a_browser(theirs.body, BROWSER, SECRET).decode() == content
    assert len(theirs.body) == len(ours.body)
    for name in ("ttl", "topic", "urgency", "content-encoding"):
        assert headers_of(theirs)[name] == told[name]
    claims = [
        decode(
            headers_of(each)["authorization"].split("t=")[1].split(",")[0],
            headers_of(each)["authorization"].split("k=")[1],
        )
        for each in (ours, theirs)
    ]
    assert claims[0].keys() == claims[1].keys()


def headers(templates: Path = TEMPLATES, **changes: Any) -> dict[str, str]:
    opened = channel(templates=templates)
    message = opened.render(Action(**web_action(1, **changes)), "hourbell-1")
    return opened.headers(message, json.loads(message.content))


@pytest.mark.parametrize(
    ("hours", "ttl"),
    [(1, "3600"), (2_000, "2419200"), (-1, "0"), (None, "2419200")],
    ids=["soon", "long", "past", "never"],
)
def test_a_push_service_keeps_it_no_longer_than_it_may(hours: int | None, ttl: str) -> None:
    assert headers(expires_at=None if hours is None else NOW + timedelta(hours=hours))["ttl"] == ttl


def test_a_message_that_is_pushed_late_is_kept_for_so_much_less(place: Place) -> None:
    """It was to be sent a day ago, and expires in an hour."""
    write_outbox(place.outbox, [web_action(1)], channel="web_push")
    account, _ = counted(place, now=NOW + timedelta(hours=23))
    assert account.accepted == 1
    [received] = webhooks(place.received)
    assert headers_of(received)["ttl"] == "3600"


def test_what_is_about_the_same_replaces_what_still_waits(tmp_path: Path) -> None:
    own = tmp_path / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        (own / path.name).symlink_to(path)
    (own / "ours").mkdir()
    (own / "ours" / "push.yml").write_text("title: Hello\nbody: You")
    known = channel(templates=own)

    def topic(number: int, template: str) -> str:
        action = Action(**web_action(number, template=template))
        return str(json.loads(known.render(action, known.message_id(number)).content)["headers"]["topic"])

    assert topic(1, "cart_reminder") == topic(2, "cart_reminder")
    assert topic(1, "ours") != topic(2, "ours")
    assert topic(1, "ours") == topic(1, "ours")
    assert len(topic(1, "ours")) <= 32
    assert headers(topic_kind="transactional")["urgency"] == "high"


def test_a_release_shows_the_notification() -> None:
    sample = sample_of(Action(**web_action(1)), TEMPLATES, NOW)
    assert (sample.subject, sample.text[:17]) == ("Wren & Willow", "We kept your cart")


def strangers() -> Iterator[str]:
    """What somebody may hand in as a subscription, to have us call where we should not."""
    yield "https://169.254.169.254/latest/meta-data"
    yield "https://[::ffff:169.254.169.254]/"
    yield "https://2852039166/"
    yield "https://localhost/admin"
    yield "https://crm.shop.example/contacts"
    yield "https://api.sendgrid.com/v3/mail/send"
    yield "http://updates.push.services.mozilla.com/a"
    yield "https://updates.push.services.mozilla.com:8443/a"
    yield "https://updates.push.services.mozilla.com@evil.example/"
    yield "https://user:word@updates.push.services.mozilla.com/"
    yield "https://evil.example/https://updates.push.services.mozilla.com"
    yield "https://evil.example\\@updates.push.services.mozilla.com/"
    yield "https://updates.push.services.mozilla.com.evil.example/"
    yield "https://evilnotify.windows.com/"
    yield "https://notify.windows.com/"
    yield "https://notify.windows.com.evil.example/"
    yield "https://*.notify.windows.com/"
    yield "https://updates.push.services.mozilla.com#@evil.example/"
    yield "https://updates.push.services.mozilla.com\n.evil.example/"
    yield "https://updates。push。services。mozilla。com/"
    yield "//updates.push.services.mozilla.com/"
    yield "file:///etc/passwd"
    yield "https://"
    yield ""


@pytest.mark.parametrize("endpoint", strangers())
def test_a_subscription_leads_to_a_push_service_and_nowhere_else(place: Place, endpoint: str) -> None:
    with pytest.raises(UnsendableError, match=r"no push service|has no endpoint"):
        channel().validate(subscription(endpoint))
    account, calls = deliver(place, [web_action(1, address=subscription(endpoint))])
    assert (account.rejected, calls) == (1, Counter())


def test_the_transport_looks_at_a_subscription_once_more(place: Place, tmp_path: Path) -> None:
    """A list of push services alone opens nothing: the profile has to allow the host, too."""
    opened = live(tmp_path, allowed=frozenset({"fcm.googleapis.com", "*.notify.windows.com"}))
    message = opened.render(Action(**web_action(1)), "hourbell-1")

    async def pushed() -> list[Answer]:
        answers = await opened.push([message])
        await opened.close()
        return answers

    [answer] = asyncio.run(pushed())
    assert answer.status == "postponed"
    assert "not in the list of allowed hosts" in str(answer.reason)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "no browser is subscribed"),
        ("https://updates.push.services.mozilla.com/a", "no endpoint and keys"),
        ("[]", "no endpoint and keys"),
        ('{"endpoint": "https://web.push.apple.com/a"}', "no endpoint and keys"),
        (subscription(p256dh=None), "a key is missing"),
        (subscription(p256dh=packed(b"\x04" + b"\x01" * 64)), "no point of P-256"),
        (subscription(p256dh="???"), "no point of P-256"),
        (subscription(auth=packed(b"short")), "has 5 bytes, and not 16"),
    ],
)
def test_what_is_no_subscription_is_told(address: str | None, reason: str) -> None:
    with pytest.raises(UnsendableError, match=reason):
        channel().validate(address)


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(201), "accepted"),
        (Reply(200), "accepted"),
        (Reply(404), "rejected"),
        (Reply(410), "rejected"),
        (Reply(413), "rejected"),
        (Reply(400, {}, "bad header"), "rejected"),
        (Reply(403, {}, "the key is not the one of the subscription"), "rejected"),
        (Reply(403, {}, '{"reason": "BadJwtToken"}'), "waiting"),
        (Reply(401), "waiting"),
        (Reply(301, {"location": "https://evil.example"}), "waiting"),
        (Reply(429), "failed"),
        (Reply(429, {"Retry-After": "900"}), "waiting"),
        (Reply(503), "failed"),
        (Reply(500), "unknown"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {value.text[:12]}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, reply: Reply, part: str) -> None:
    account, _ = deliver(place, [web_action(1)], lambda endpoint: reply)
    assert getattr(account, part) == 1, account
    assert "/wpush/" not in str(account.reasons)


def test_a_service_that_wants_rest_holds_up_no_other(place: Place) -> None:
    rows = [web_action(number) for number in range(40)]
    rows += [
        web_action(number, address=subscription(f"https://web.push.apple.com/{number}")) for number in range(40, 60)
    ]
    account, _ = deliver(
        place, rows, lambda endpoint: Reply(429, {"Retry-After": "900"}) if endpoint.startswith(MOZILLA) else None
    )
    assert (account.waiting, account.accepted) == (40, 20)
    assert deliver(place, rows, again=True)[0].accepted == 40


def test_a_subscription_that_is_gone_comes_back_as_an_event(place: Place) -> None:
    gone = subscription(f"{MOZILLA}/gone/1")
    account, _ = deliver(place, [web_action(1), web_action(2, address=gone)])
    assert (account.accepted, account.rejected) == (1, 1)
    [path] = (place.spool / "events").glob("*.parquet")
    [event] = pl.read_parquet(path).to_dicts()
    assert (event["event"], event["user_id"]) == ("Push Notification Bounced", "u2")
    said = json.loads(event["properties"])
    assert (said["type"], said["channel"], said["address"]) == ("hard", "web_push", gone)


def live(folder: Path, allowed: frozenset[str] = frozenset()) -> web_push.WebPushChannel:
    """A live channel with a key file."""
    own = folder / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != web_push.FILE:
            (own / path.name).symlink_to(path)
    (own / web_push.FILE).write_text((TEMPLATES / web_push.FILE).read_text().replace("hello@", "push@"))
    key = generate_private_key(SECP256R1())
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    profile = dataclasses.replace(LIVE, key_files={"VAPID": str(folder / "key.pem")}, allowed_hosts=allowed)
    return channel(profile, own, folder / "spool")


def test_a_live_profile_wants_its_own_address_and_key(tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match="still names the example shop"):
        channel(LIVE)
    opened = live(tmp_path)
    assert "PRIVATE" not in repr(opened)
    assert len(unpacked(opened.vapid.public_key)) == 65
    own = tmp_path / "templates"
    with pytest.raises(HourbellError, match="HOURBELL_VAPID_KEY_FILE"):
        channel(LIVE, own)
    profile = dataclasses.replace(LIVE, key_files={"VAPID": str(tmp_path / "key.pem")})
    (tmp_path / "key.pem").write_text("hush")
    with pytest.raises(HourbellError, match=r"holds no key of P-256") as raised:
        channel(profile, own)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("# nothing", "must hold `subject`"),
        ("subject: hello\nservices: []", "must hold `subject`"),
        ("subject: mailto:a@shop.example\nservices: all", "must be a list of hosts"),
        ("subject: mailto:a@shop.example\nservices: ['*']", "must be a list of hosts"),
        ("subject: mailto:a@shop.example\nservices: ['*.com']", "must be a list of hosts"),
    ],
)
def test_settings_that_cannot_be_are_explained(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / web_push.FILE).write_text(written)
    with pytest.raises(HourbellError, match=told):
        channel(templates=tmp_path)


def test_the_sandbox_refuses_what_a_push_service_does(place: Place) -> None:
    deliver(place, [web_action(1)])
    [received] = webhooks(place.received)
    known, path = headers_of(received), "/web_push/updates.push.services.mozilla.com/a"

    def status(body: bytes = received.body, path: str = path, **changes: str) -> int:
        told: Mapping[str, str] = {**known, **{name.replace("_", "-"): value for name, value in changes.items()}}
        return answer(path, told, body).reply.status

    assert status() == 201
    assert {status(ttl="soon"), status(topic="x" * 33), status(content_encoding="aesgcm"), status(b"plain")} == {400}
    assert {status(authorization=""), status(path="/web_push/web.push.apple.com/a")} == {401}
    assert status(received.body + b"x" * 4_000) == 413
    assert status(path="/web_push/") == 404
