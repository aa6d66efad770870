"""Webhooks over real HTTP: signed, taken once, put off as the receiver asks, and never to where they are not meant."""

import asyncio
import json
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import IMPATIENT, NOW, Place, channels, webhook_action, write_outbox
from rich.console import Console

from activations.channels import webhook
from activations.channels.face import Setting
from activations.channels.receivers import retry_after
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.patience import Patience
from activations.errors import HourbellError
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.show import overview
from activations.sandbox.webhooks import webhooks
from activations.settings.endpoints import read_endpoints
from activations.settings.profile import Profile, SmtpServer, live_profile, open_profile
from activations.transport.guard import HostRefusedError, SocketAddress, allowed_addresses, is_public
from activations.transport.http import AnswerLostError, CertificateRefusedError, HttpPool

_watched: list[Any] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watched is not None:
        _watched.append(arguments[1])


sys.addaudithook(_watch)


@contextmanager
def connections() -> Iterator[list[Any]]:
    """Every address to which a socket of this process is connected meanwhile."""
    global _watched
    _watched = seen = []
    try:
        yield seen
    finally:
        _watched = None


def serve(place: Place, **script: Any) -> HttpSandbox:
    return HttpSandbox(place.received, now=lambda: NOW, **script)


def deliver(place: Place, sandbox: HttpSandbox, **more: Any) -> DeliveryAccount:
    account = place.deliver(1, webhooks=sandbox.url, **more)
    assert account.adds_up
    return account


def taken(place: Place) -> Counter[str]:
    return Counter(each.webhook_id for each in webhooks(place.received))


def everything(actions: int) -> dict[str, int]:
    return {f"hourbell-{webhook_action(number)['action_id']}": 1 for number in range(actions)}


def of_some(remainder: int, reply: Reply, times: int = 1) -> Callable[[str], Reply | None]:
    """A reply to every tenth webhook, so often."""
    seen: Counter[str] = Counter()

    def script(key: str) -> Reply | None:
        seen[key] += 1
        return reply if int(key[-1]) == remainder and seen[key] <= times else None

    return script


def test_a_webhook_is_signed_and_says_what_it_is_about(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    with serve(place) as sandbox:
        assert deliver(place, sandbox).accepted == 1
    (received,) = webhooks(place.received)
    assert received.is_signed
    assert received.endpoint == "order_desk"
    assert received.webhook_id == "hourbell-7000000000000000001"
    assert received.idempotency_key == "7000000000000000001"
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int((NOW - datetime(1970, 1, 1)).total_seconds()))
    body = json.loads(received.body)
    assert body["type"] == "abandoned_cart.reminder"
    assert body["timestamp"] == "2026-03-02T10:00:00Z"
    assert body["data"]["contact"]["user_id"] == "u1"
    assert body["data"]["context"]["cart_value"] == 49.9
    console = Console(record=True, width=200)
    console.print(overview(place.received))
    assert "hourbell-7000000000000000001" in console.export_text()


@pytest.mark.parametrize(
    ("reply", "part", "reason"),
    [
        (Reply(400), "rejected", "400 Bad Request"),
        (Reply(422), "rejected", "422"),
        (Reply(429), "failed", "after 3 attempts: 429"),
        (Reply(503), "failed", "after 3 attempts: 503"),
        (Reply(503, {"Retry-After": "3600"}), "waiting", "503"),
        (Reply(429, {"Retry-After": "Mon, 02 Mar 2026 11:00:00 GMT"}), "waiting", "429"),
        (Reply(500), "unknown", "after 3 attempts: 500"),
        (Reply(504), "unknown", "after 3 attempts: 504"),
        (Reply(0), "unknown", "after 3 attempts: the answer was lost"),
        (Reply(401), "waiting", "order_desk: 401 Unauthorized: mend webhooks.yml or the secret"),
        (Reply(410), "waiting", "410"),
        (Reply(302, {"Location": "http://169.254.169.254/latest"}), "waiting", "redirects are not followed"),
        (Reply(307, {"Location": "/elsewhere"}), "waiting", "redirects are not followed"),
    ],
)
def test_what_an_answer_means(place: Place, reply: Reply, part: str, reason: str) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    with connections() as seen, serve(place, before=lambda key: reply) as sandbox:
        account = deliver(place, sandbox)
        port = sandbox.port
    assert getattr(account, part) == 1
    assert reason in " ".join(account.reasons)
    assert {address[:2] for address in seen if isinstance(address, tuple)} == {("127.0.0.1", port)}
    if part == "waiting":
        with serve(place) as sandbox:
            assert deliver(place, sandbox).accepted == 1


def test_trouble_of_every_kind_adds_up_and_nothing_comes_twice(place: Place) -> None:
    """A tenth each: 429, a break before it is kept, 500 after it was kept, a lost answer, refused."""
    scripts = [
        of_some(1, Reply(429)),
        of_some(2, Reply(0)),
        of_some(5, Reply(400), times=9),
        of_some(6, Reply(503), times=9),
    ]
    late = [of_some(3, Reply(500)), of_some(4, Reply(0)), of_some(7, Reply(0), times=9)]

    def first(replies: Sequence[Callable[[str], Reply | None]]) -> Callable[[str], Reply | None]:
        return lambda key: next((reply for script in replies if (reply := script(key)) is not None), None)

    write_outbox(place.outbox, [webhook_action(number) for number in range(1000)], channel="webhook")
    with serve(place, before=first(scripts), after=first(late)) as sandbox:
        account = deliver(place, sandbox)
        again = deliver(place, sandbox)
    assert (account.accepted, account.rejected, account.failed, account.unknown) == (700, 100, 100, 100)
    assert again.already_settled == 1000
    got = taken(place)
    assert len(got) == 800, "all that were accepted, and those of which it is not known"
    calls = Counter(each.calls for each in webhooks(place.received))
    assert calls == {1: 500, 2: 200, 3: 100}, "called again, and taken once"


def test_a_receiver_without_keys_gets_nothing_twice(place: Place) -> None:
    blind = {"webhook": lambda setting: replace(webhook.open_channel(setting), idempotency="blind")}
    write_outbox(place.outbox, [webhook_action(number) for number in range(100)], channel="webhook")
    with serve(place, after=of_some(4, Reply(0), times=9)) as sandbox:
        account = deliver(place, sandbox, channels=blind)
        deliver(place, sandbox, channels=blind)
    assert (account.accepted, account.unknown) == (90, 10)
    assert {each.calls for each in webhooks(place.received)} == {1}


def test_retry_after_is_honoured(place: Place) -> None:
    """Who is told to wait calls nobody meanwhile, and loses no attempt by it."""
    calls: list[float] = []
    clock = asyncio.new_event_loop().time

    def busy(key: str) -> Reply | None:
        calls.append(clock())
        return Reply(429, {"Retry-After": "1"}) if calls[-1] - calls[0] < 1.0 else None

    write_outbox(place.outbox, [webhook_action(number) for number in range(300)], channel="webhook")
    with serve(place, before=busy) as sandbox:
        account = deliver(place, sandbox)
    assert account.accepted == 300
    early = [moment for moment in calls if moment - calls[0] < 1.0]
    assert len(early) <= 64, "those that were under way at the same time"
    assert max(early) - calls[0] < 0.5


def test_an_endpoint_that_always_wants_to_wait_is_left_to_the_next_delivery(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(number) for number in range(100)], channel="webhook")
    with serve(place, before=lambda key: Reply(429, {"Retry-After": "0"})) as sandbox:
        account = deliver(place, sandbox, patience=Patience(attempts=1000, first_pause=0.001))
    assert account.waiting == 100
    assert account.reasons


def test_an_endpoint_that_is_down_loses_nothing(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(number) for number in range(20)], channel="webhook")
    with serve(place) as gone:
        pass
    account = deliver(place, gone)
    assert account.waiting == 20
    assert "does not answer" in " ".join(account.reasons)
    with serve(place) as sandbox:
        assert deliver(place, sandbox).accepted == 20
    assert taken(place) == everything(20)


def test_what_the_receiver_has_forgotten_is_not_sent_again(place: Place) -> None:
    """An answer that was lost is asked for within the window of the key; later nobody can know."""
    write_outbox(place.outbox, [webhook_action(number, expires_at=None) for number in range(10)], channel="webhook")
    with serve(place) as sandbox:
        with open_journal(sqlite_url(place.journal)) as dead:
            from activations.delivery.outbox import outbox_files, read_actions

            (file,) = outbox_files(place.outbox)
            (actions,) = read_actions(file, 100)
            ids = {each.action_id: f"hourbell-{each.action_id}" for each in actions}
            dead.claim(actions[:5], ids, provider="sandbox", now=NOW - timedelta(hours=25))
            dead.claim(actions[5:], ids, provider="sandbox", now=NOW - timedelta(hours=23))
        account = deliver(place, sandbox)
    assert (account.accepted, account.unknown) == (5, 5)
    assert "has forgotten it by now" in " ".join(account.reasons)
    assert len(taken(place)) == 5


def test_taking_over_does_not_make_a_key_younger(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1, expires_at=None)], channel="webhook")
    with serve(place) as sandbox:
        (sandbox_url,) = (sandbox.url,)
    # the endpoint is down: the claim stays in doubt in each delivery
    with open_journal(sqlite_url(place.journal)) as dead:
        from activations.delivery.outbox import outbox_files, read_actions

        (file,) = outbox_files(place.outbox)
        (actions,) = read_actions(file, 100)
        dead.claim(actions, {actions[0].action_id: "x"}, provider="sandbox", now=NOW - timedelta(hours=23))
    assert place.deliver(1, webhooks=sandbox_url).waiting == 1
    with serve(place) as sandbox:
        assert deliver(place, sandbox, now=NOW + timedelta(hours=2)).unknown == 1
    assert not taken(place)


def test_pauses_spread_and_do_not_depend_on_chance() -> None:
    patience = Patience()
    pauses = [patience.pause(number, 1) for number in range(1000)]
    assert pauses == [patience.pause(number, 1) for number in range(1000)]
    assert 0.5 <= min(pauses) < 0.55
    assert 1.45 < max(pauses) < 1.5
    assert 0.95 < sum(pauses) / 1000 < 1.05
    assert patience.pause(1, 1, retry_after=7.0) == 7.0
    assert patience.pause(1, 50) <= 45.0


@given(st.text(max_size=40))
def test_retry_after_reads_anything(stated: str) -> None:
    found = retry_after(stated, NOW)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    "yml",
    [
        "a: {url: 'http://x.example/'}",
        "a: {url: 'https://user:secret@x.example/'}",
        "a: {url: 'https://127.0.0.1/'}",
        "a: {url: 'https://[::1]/'}",
        "a: {url: 'https://x.example:99999/'}",
        "a: {url: 'https:///path'}",
        "a: {url: 'https://x.example/ a'}",
        "a: {url: 1}",
        "a: {}",
        "a: https://x.example",
        "'a/b': {url: 'https://x.example'}",
        "a: {url: 'https://x.example', secret: hunter2}",
        "[]x",
        "- 1",
    ],
)
def test_endpoints_that_cannot_be_used_are_explained(tmp_path: Path, yml: str) -> None:
    (tmp_path / "webhooks.yml").write_text(yml)
    with pytest.raises(HourbellError, match=r"webhooks\.yml") as raised:
        read_endpoints(tmp_path)
    assert "secret@" not in str(raised.value)


def test_an_endpoint_that_nobody_named_is_rejected(place: Place) -> None:
    rows = [webhook_action(1, template="nowhere"), webhook_action(2, template=None), webhook_action(3, profile="[")]
    write_outbox(place.outbox, rows, channel="webhook")
    with serve(place) as sandbox:
        assert deliver(place, sandbox).rejected == 3


# nobody is reached who is not meant to be

LIVE = {
    "HOURBELL_PROFILE": "live",
    "HOURBELL_SMTP_URL": "smtp://mail.shop.example:2525",
    "HOURBELL_ALLOWED_HOSTS": "mail.shop.example, hooks.shop.example, 2130706433",
    "HOURBELL_LINK_KEY": "0123456789abcdef",
    "HOURBELL_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "HOURBELL_WEBHOOK_RATE": "50",
}
INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.0.192", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%lo",
    "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:db8::1", "localhost", "",
]  # fmt: skip


def resolver(*answers: Sequence[str]) -> Any:
    """A resolver that gives each answer once, and the last one from then on; it counts how often it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[SocketAddress]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port)) for address in found]

    resolve.asked = asked  # type: ignore[attr-defined]
    return resolve


def post(profile: Profile, url: str, resolve: Any, times: int = 1) -> list[int]:
    async def go() -> list[int]:
        pool = HttpPool(profile, resolve=resolve, timeout=2)
        try:
            return [(await pool.post(url, {}, b"{}")).status for _ in range(times)]
        finally:
            await pool.close()

    return asyncio.run(go())


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    assert not is_public(address)
    with connections() as seen, pytest.raises(HostRefusedError):
        post(live_profile(LIVE), "https://hooks.shop.example/", resolver([address]))
    assert not seen


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(address)
    resolve = resolver([address])
    asyncio.run(allowed_addresses(live_profile(LIVE), "hooks.shop.example", 443, resolve, public_only=True))


def test_one_address_inside_is_enough_to_refuse() -> None:
    with connections() as seen, pytest.raises(HostRefusedError):
        post(live_profile(LIVE), "https://hooks.shop.example/", resolver(["203.0.114.7", "127.0.0.1"]))
    assert not seen


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://169.254.169.254/latest/meta-data",
        "https://other.example/",
        "https://hooks.shop.example@127.0.0.1/",
        "https://hooks.shop.example.evil.example/",
    ],
)
def test_a_live_profile_reaches_allowed_names_only(url: str) -> None:
    """Numbers never ask the resolver: the socket itself refuses them."""
    with connections() as seen, pytest.raises(HostRefusedError):
        post(live_profile(LIVE), url, resolver(["127.0.0.1"]))
    assert not seen


def test_a_name_that_changes_its_mind_gains_nothing(place: Place) -> None:
    profile = place.profile(1)
    resolve = resolver(["127.0.0.1"], ["10.0.0.1"])
    with connections() as seen, serve(place) as sandbox:
        assert post(profile, f"http://hooks.example:{sandbox.port}/x", resolve, times=3) == [200] * 3
    assert resolve.asked == ["hooks.example"]
    assert {address[0] for address in seen if isinstance(address, tuple)} == {"127.0.0.1"}


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[fd00:ec2::254]/", "http://outside.example/"])
def test_a_profile_that_is_not_live_stays_on_this_machine(place: Place, url: str) -> None:
    with connections() as seen, pytest.raises(HostRefusedError):
        post(place.profile(1), url, resolver(["203.0.114.7"]))
    assert not seen


def test_a_proxy_of_the_environment_is_not_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serve(place) as sandbox:
        assert post(place.profile(1), f"{sandbox.url}/x", resolver(["127.0.0.1"])) == [200]


def test_a_live_channel_wants_secrets_and_shows_none(place: Place, tmp_path: Path) -> None:
    profile = live_profile(LIVE)
    channel = webhook.open_channel(Setting(profile, lambda: NOW, place.spool, TEMPLATES))
    assert channel.rate == 50.0
    assert channel.provider == "webhook"
    assert "MfKQ9r8" not in f"{profile!r}{channel!r}"
    bare = live_profile({name: value for name, value in LIVE.items() if name != "HOURBELL_WEBHOOK_SECRET"})
    with pytest.raises(HourbellError, match="HOURBELL_WEBHOOK_SECRET_ORDER_DESK"):
        webhook.open_channel(Setting(bare, lambda: NOW, place.spool, TEMPLATES))
    own = live_profile({**LIVE, "HOURBELL_WEBHOOK_SECRET_ORDER_DESK": "whsec_b3du"})
    assert own.webhook_secret("order_desk") == "whsec_b3du"


def test_without_a_sandbox_nothing_goes_anywhere(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    with pytest.raises(HourbellError, match="no sandbox for HTTP runs"):
        place.deliver(1)


def test_a_profile_opens_both_sandboxes(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    with open_profile(place.received, {}, now=lambda: NOW) as profile:
        assert isinstance(profile.smtp, SmtpServer)
        account = place.deliver(1, webhooks=profile.http_sandbox, channels=channels(10), patience=IMPATIENT)
    assert account.accepted == 1
    assert [each.is_signed for each in webhooks(place.received)] == [True]


def test_an_answer_without_end_is_not_waited_for(place: Place) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    try:
        with pytest.raises(AnswerLostError):
            post(place.profile(1), f"http://127.0.0.1:{server.getsockname()[1]}/", resolver(["127.0.0.1"]))
    finally:
        server.close()


def test_certificates_are_checked(place: Place, tmp_path: Path) -> None:
    """A receiver that nobody vouches for gets nothing."""
    got: list[bytes] = []

    async def go() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self_signed(tmp_path))

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
        pool = HttpPool(place.profile(1), resolve=resolver(["127.0.0.1"]), timeout=2)
        try:
            await pool.post(f"https://hooks.example:{server.sockets[0].getsockname()[1]}/", {}, b"secret")
        finally:
            await pool.close()
            server.close()

    with pytest.raises(CertificateRefusedError, match="cannot be trusted"):
        asyncio.run(go())
    assert not got


def self_signed(folder: Path) -> Path:
    """A certificate of ours for hooks.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "own.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_what_a_receiver_says_of_people_is_not_kept(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    reply = Reply(400, text="no such person: <ann@shop.example>")
    with serve(place, before=lambda key: reply) as sandbox:
        assert deliver(place, sandbox).reasons == {"rejected: 400 Bad Request no such person: <…>": 1}
