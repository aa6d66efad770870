"""Nobody is reached who is not meant to be: the transport itself refuses."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from connections import watched_connections
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.delivery import DeliveryStoppedError, deliver
from activations.errors import HourbellError
from activations.journal.place import sqlite_url
from activations.sandbox.server import Sandbox
from activations.settings.environment import live_profile, open_profile, smtp_server
from activations.settings.profile import Profile, SmtpServer
from activations.transport.guard import (
    HostRefusedError,
    HostUnavailableError,
    SocketAddress,
    allowed_addresses,
    is_loopback,
    open_socket,
)
from activations.transport.smtp import connect

LIVE = {
    "HOURBELL_PROFILE": "live",
    "HOURBELL_SMTP_URL": "smtp://user:hunter2secret@mail.shop.example:2525",
    "HOURBELL_ALLOWED_HOSTS": "mail.shop.example, other.example",
    "HOURBELL_LINK_KEY": "0123456789abcdef",
}
THIS_MACHINE = [ipaddress.ip_network(each) for each in ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")]


@pytest.fixture
def connections() -> Iterator[list[Any]]:
    with watched_connections() as seen:
        yield seen


def resolver(answers: dict[str, Sequence[str]]) -> Any:
    """A resolver that knows these names and, as the system's does, every address as it is written."""

    async def resolve(host: str, port: int) -> list[SocketAddress]:
        known = answers.get(host.rstrip(".").lower())
        if known is None:
            known = [str(found[4][0]) for found in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port)) for address in known]

    return resolve


ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=4).map(lambda address: f"::ffff:{address}"),
    st.ip_addresses(v=4).map(lambda address: f"64:ff9b::{address}"),
    st.ip_addresses(v=4).map(lambda address: str(int(address))),
    st.ip_addresses(v=4).map(lambda address: hex(int(address))),
    st.sampled_from(
        [
            "127.0.0.1",
            "127.1",
            "0",
            "0.0.0.0",
            "::",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "169.254.169.254",
        ]
    ),
)
NAMES = st.one_of(
    st.sampled_from(["localhost", "both.example", "outside.example", "turns.example", "nowhere.example", "Localhost."]),
    st.text(max_size=80),
    st.from_regex(r"[a-z0-9.@:/\-]{1,30}", fullmatch=True),
)
KNOWN = {
    "localhost": ["127.0.0.1", "::1"],
    "both.example": ["127.0.0.1", "203.0.113.7"],
    "outside.example": ["203.0.113.7"],
    "nowhere.example": [],
}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@settings(max_examples=1000, deadline=None)
@given(
    host=st.one_of(ADDRESSES, NAMES),
    port=st.integers(-1, 70_000),
    profile=st.sampled_from(["sandbox", "staging", "Live", "live ", "test", "livelive"]),
    allowed=st.frozensets(st.sampled_from(["outside.example", "both.example", "169.254.169.254"])),
)
@example(host="outside.example", port=25, profile="sandbox", allowed=frozenset({"outside.example"}))
@example(host="127.0.0.1@outside.example", port=25, profile="sandbox", allowed=frozenset())
def test_a_profile_that_is_not_live_stays_on_this_machine(
    loop: asyncio.Runner, host: str, port: int, profile: str, allowed: frozenset[str]
) -> None:
    asked = Profile(profile, SmtpServer(host, port), allowed)
    with watched_connections() as reached:
        try:
            connection = loop.run(open_socket(asked, host, port, 0.5, resolver(KNOWN)))
        except HourbellError:
            pass
        else:
            connection.close()
    for address, *_ in reached:
        parsed = ipaddress.ip_address(address)
        assert any(parsed in network for network in THIS_MACHINE), f"{host!r} led to {address}"


def test_the_watch_sees_connections(connections: list[Any], place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(1)])
    place.deliver(sandbox)
    assert ("127.0.0.1", sandbox.port) in connections


@pytest.mark.parametrize(
    ("address", "is_this_machine"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("64:ff9b::7f00:1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_loopback(address: str, is_this_machine: bool) -> None:
    assert is_loopback(address) == is_this_machine


def test_a_name_that_changes_its_mind_gains_nothing(connections: list[Any]) -> None:
    """The address that was checked is the one that is connected to; the name is not asked for twice."""
    asked = []

    async def rebinding(host: str, port: int) -> list[SocketAddress]:
        asked.append(host)
        return [(socket.AF_INET, ("127.0.0.1" if len(asked) == 1 else "203.0.113.7", port))]

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        profile = Profile("sandbox", SmtpServer("turns.example", port))
        asyncio.run(open_socket(profile, "turns.example", port, 1, rebinding)).close()
        with pytest.raises(HostRefusedError, match=r"203\.0\.113\.7"):
            asyncio.run(open_socket(profile, "turns.example", port, 1, rebinding))
    assert {ipaddress.ip_address(address).is_loopback for address, _ in connections} == {True}
    assert len(asked) == 2


def test_delivery_refuses_another_host_and_keeps_everything(place: Place, connections: list[Any]) -> None:
    write_outbox(place.outbox, [action(number) for number in range(5)])
    environment = {"HOURBELL_SMTP_URL": "smtp://203.0.113.7:25"}
    with (
        open_profile(place.received, environment) as profile,
        pytest.raises(DeliveryStoppedError, match=r"203\.0\.113\.7.*HOURBELL_PROFILE=live") as stopped,
    ):
        deliver(place.outbox, sqlite_url(place.journal), spool=place.spool, profile=profile, now=NOW)
    assert stopped.value.account.waiting == 5
    assert connections == []
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox).accepted == 5


def test_a_live_profile_reaches_what_is_on_its_list(connections: list[Any]) -> None:
    live = live_profile(LIVE)
    assert live.is_live
    answers = resolver({"mail.shop.example": ["127.0.0.1"], "elsewhere.example": ["127.0.0.1"]})
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        asyncio.run(open_socket(live, "Mail.Shop.Example.", port, 1, answers)).close()
        with pytest.raises(HostRefusedError, match=r"elsewhere\.example.*HOURBELL_ALLOWED_HOSTS"):
            asyncio.run(open_socket(live, "elsewhere.example", port, 1, answers))
    assert connections == [("127.0.0.1", port)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"HOURBELL_SMTP_URL": ""}, "HOURBELL_SMTP_URL"),
        ({"HOURBELL_ALLOWED_HOSTS": ""}, "HOURBELL_ALLOWED_HOSTS"),
        ({"HOURBELL_ALLOWED_HOSTS": "else.example"}, "mail.shop.example"),
        ({"HOURBELL_LINK_KEY": ""}, "HOURBELL_LINK_KEY"),
        ({"HOURBELL_LINK_KEY": "short"}, "HOURBELL_LINK_KEY"),
        ({"HOURBELL_SMTP_RATE": "fast"}, "HOURBELL_SMTP_RATE"),
        ({"HOURBELL_SMTP_RATE": "0"}, "HOURBELL_SMTP_RATE"),
        ({"HOURBELL_SMTP_URL": "http://user:hunter2secret@mail.shop.example"}, "HOURBELL_SMTP_URL"),
        ({"HOURBELL_SMTP_URL": "smtp://user:hunter2secret@[broken"}, "HOURBELL_SMTP_URL"),
        ({"HOURBELL_SMTP_URL": "smtp://user:hunter2secret@mail.shop.example:many"}, "HOURBELL_SMTP_URL"),
    ],
)
def test_going_live_by_half_is_refused(change: dict[str, str], named: str) -> None:
    with pytest.raises(HourbellError, match=named) as raised:
        live_profile({**LIVE, **change})
    assert "hunter2" not in str(raised.value)


def test_a_live_profile_refuses_the_example_shop(place: Place) -> None:
    write_outbox(place.outbox, [action(1)])
    with pytest.raises(DeliveryStoppedError, match=r"shop\.yml"):
        deliver(place.outbox, sqlite_url(place.journal), spool=place.spool, profile=live_profile(LIVE), now=NOW)


def test_secrets_do_not_show() -> None:
    live = live_profile(LIVE)
    assert live.smtp.password == "hunter2secret"
    assert "hunter2" not in repr(live)
    assert "0123456789abcdef" not in repr(live)


def test_urls() -> None:
    assert smtp_server("smtps://a%40b:p%3Aw@mail.example") == SmtpServer("mail.example", 465, "tls", "a@b", "p:w")
    assert smtp_server("smtp://mail.example").security == "starttls"
    assert smtp_server("smtp://localhost:1025?tls=no") == SmtpServer("localhost", 1025, "none")


def test_a_server_that_offers_no_encryption_gets_nothing(place: Place, sandbox: Sandbox) -> None:
    profile = Profile("sandbox", SmtpServer("127.0.0.1", sandbox.port, "starttls"))
    with pytest.raises(HostUnavailableError, match=r"127\.0\.0\.1"):
        asyncio.run(connect(profile, local_hostname="here.example", timeout=5))


def test_a_host_without_addresses() -> None:
    profile = Profile("sandbox", SmtpServer("nowhere.example", 25))
    with pytest.raises(HostUnavailableError, match=r"nowhere\.example"):
        asyncio.run(allowed_addresses(profile, "nowhere.example", 25, resolver(KNOWN)))


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("wns2-par02p.notify.windows.com", True),
        ("WNS2.Notify.Windows.Com.", True),
        ("a.b.notify.windows.com", True),
        ("mail.shop.example", True),
        ("notify.windows.com", False),
        ("evilnotify.windows.com", False),
        ("notify.windows.com.evil.example", False),
        (".notify.windows.com", False),
        ("*.notify.windows.com", False),
        ("sub.mail.shop.example", False),
    ],
)
def test_a_name_may_stand_for_all_hosts_below_it(loop: asyncio.Runner, host: str, is_allowed: bool) -> None:
    profile = live_profile({**LIVE, "HOURBELL_ALLOWED_HOSTS": "mail.shop.example, *.notify.windows.com"})
    known = {host.rstrip(".").lower(): ["203.0.113.7"]}
    asked = allowed_addresses(profile, host, 443, resolver(known))
    if is_allowed:
        assert loop.run(asked)
    else:
        with pytest.raises(HostRefusedError):
            loop.run(asked)


@pytest.mark.parametrize("hosts", ["*", "*.com", "*.", "*.*.com", "a.*.com", "mail*.shop.example", "**.shop.example"])
def test_no_name_stands_for_everything(hosts: str) -> None:
    with pytest.raises(HourbellError, match="stands for too many"):
        live_profile({**LIVE, "HOURBELL_ALLOWED_HOSTS": f"mail.shop.example, {hosts}"})
