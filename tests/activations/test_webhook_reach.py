"""A webhook reaches nobody who is not meant to be reached."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from connections import watched_connections
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rehearsal import IMPATIENT, NOW, Place, channels, webhook_action, write_outbox

from activations.channels import webhook
from activations.channels.face import Setting
from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from activations.sandbox.http import HttpSandbox
from activations.sandbox.webhooks import webhooks
from activations.settings.environment import live_profile, open_profile
from activations.settings.profile import Profile, SmtpServer
from activations.transport.guard import HostRefusedError, SocketAddress, allowed_addresses, is_public
from activations.transport.http import AnswerLostError, CertificateRefusedError, HttpPool


def serve(place: Place, **script: Any) -> HttpSandbox:
    return HttpSandbox(place.received, now=lambda: NOW, **script)


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
    with watched_connections() as seen, pytest.raises(HostRefusedError):
        post(live_profile(LIVE), "https://hooks.shop.example/", resolver([address]))
    assert not seen


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(address)
    resolve = resolver([address])
    asyncio.run(allowed_addresses(live_profile(LIVE), "hooks.shop.example", 443, resolve, public_only=True))


def test_one_address_inside_is_enough_to_refuse() -> None:
    with watched_connections() as seen, pytest.raises(HostRefusedError):
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
    with watched_connections() as seen, pytest.raises(HostRefusedError):
        post(live_profile(LIVE), url, resolver(["127.0.0.1"]))
    assert not seen


def test_a_name_that_changes_its_mind_gains_nothing(place: Place) -> None:
    profile = place.profile(1)
    resolve = resolver(["127.0.0.1"], ["10.0.0.1"])
    with watched_connections() as seen, serve(place) as sandbox:
        assert post(profile, f"http://hooks.example:{sandbox.port}/x", resolve, times=3) == [200] * 3
    assert resolve.asked == ["hooks.example"]
    assert {address[0] for address in seen if isinstance(address, tuple)} == {"127.0.0.1"}


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[fd00:ec2::254]/", "http://outside.example/"])
def test_a_profile_that_is_not_live_stays_on_this_machine(place: Place, url: str) -> None:
    with watched_connections() as seen, pytest.raises(HostRefusedError):
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
