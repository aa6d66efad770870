"""A thousand fuzzed configurations: no socket is connected to anything that is not on the allow-list."""

import asyncio
import ipaddress
import json
import random
import shutil
import socket
import sys
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rehearsal import NOW, action

from activations.carriers.registry import CARRIERS
from activations.channels.face import Message, Setting, UnsendableError
from activations.channels.registry import CHANNELS
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.settings.environment import open_profile, silent_profile
from activations.settings.profile import LIVE, Profile, SmtpServer
from activations.templating.files import LAYOUT
from activations.transport import guard, http, smtp

CONFIGURATIONS = 1_000
SETTINGS = {path.name: yaml.safe_load(path.read_text()) for path in sorted(TEMPLATES.glob("*.yml"))}
OUTSIDE, INSIDE = "198.51.100.7", "10.0.0.7"
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "both.example": ["127.0.0.1", OUTSIDE],
    "inside.example": [INSIDE],
    "metadata.example": ["169.254.169.254"],
    "listed.example": ["93.184.216.34"],
    "listed-inside.example": [INSIDE],
    "listed-metadata.example": ["169.254.169.254", "fd00:ec2::254"],
}
"""Every other name is outside, and on nobody's list."""
LISTED = ("listed.example", "listed-inside.example", "listed-metadata.example")
HOSTS = (
    *NAMES, "mail.example", "LISTED.example.", "listed.example.evil.example", "evil-listed.example", "127.0.0.1",
    "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::]", "[::ffff:198.51.100.7]", "[fd00:ec2::254]",
    "[64:ff9b::a9fe:a9fe]", "169.254.169.254", "2852039166", "0xa9fea9fe", OUTSIDE, "3325256711", INSIDE,
    "127.0.0.1.nip.example", "localhost.evil.example", "%6d%61il.example", "１２７.0.0.1", "ma\u00adil.example",
    "listed.example%00.evil.example", "listed.example\\@evil.example", "xn--n3h.example", "[fe80::1%25eth0]",
)  # fmt: skip
USERS = ("", "user:secret@", "listed.example@", "127.0.0.1:25@", "localhost%40", "user%3Asecret%40listed.example@", "@")
ENDINGS = (
    "",
    ":25",
    ":80",
    ":99999",
    ":0",
    "/path",
    "/@listed.example",
    "#@listed.example",
    "?to=http://listed.example",
    "\\@listed.example",
)
# what these show is kept in files of our own, or in a bucket that only a live profile names
KEPT_HERE = {"in_app", "web", "direct_mail", "file_drop", "teams"}
SERVICES = ("updates.push.services.mozilla.com", "fcm.googleapis.com")
SCHEMES = ("https://", "http://", "smtp://", "smtps://", "HTTPS://", "https:\\\\", "//", "ftp://", "")
PROFILES = (
    None,
    "",
    "sandbox",
    "staging",
    "test",
    "production",
    " LIVE",
    "live",
    "live ",
    "Live",
    "livelive",
    "l\u0131ve",
)


@pytest.fixture(scope="module", autouse=True)
def hooked() -> None:
    sys.addaudithook(_audit)


_seen: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note where a socket goes, and let nothing out of this machine, whatever the code under test does."""
    if _seen is None or event not in ("socket.connect", "socket.sendto"):
        return
    address = str(arguments[1][0]) if isinstance(arguments[1], tuple) else str(arguments[1])
    _seen.append(address)
    if not guard.is_loopback(address.partition("%")[0]):
        raise ConnectionRefusedError(f"the test keeps {address} from being reached")


async def resolve(host: str, port: int) -> list[guard.SocketAddress]:
    """As the system does with numbers; and with names as the test knows them."""
    known = NAMES.get(host.rstrip(".").lower())
    if known is None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            known = [str(each[4][0]) for each in found]
        except (OSError, UnicodeError, ValueError, OverflowError):
            known = [OUTSIDE]
    return [(socket.AF_INET6 if ":" in each else socket.AF_INET, (each, port)) for each in known]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One template, and every file of settings, to be changed."""
    folder = tmp_path_factory.mktemp("fuzzed") / "templates"
    folder.mkdir()
    for path in TEMPLATES.glob("*.yml"):
        shutil.copy(path, folder)
    for name in (LAYOUT, "cart_reminder"):
        shutil.copytree(TEMPLATES / name, folder / name)
    return folder


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are known at once, nobody is asked twice, and settings are read by the parser in C."""
    monkeypatch.setattr(yaml, "SafeLoader", yaml.CSafeLoader)
    monkeypatch.setitem(http.HttpPool.__init__.__kwdefaults__ or {}, "resolve", resolve)
    monkeypatch.setattr(guard.open_socket, "__defaults__", (resolve,))
    for module in (http, smtp):
        monkeypatch.setattr(module, "_CONNECT_ATTEMPTS", 1)


def url(dice: random.Random) -> str:
    return dice.choice(SCHEMES) + dice.choice(USERS) + dice.choice(HOSTS) + dice.choice(ENDINGS)


def environment(dice: random.Random) -> dict[str, str]:
    """What somebody may have set, by accident or not."""
    host = dice.choice(HOSTS)
    mail = [None, url(dice), f"smtp://{host}", f"smtp://{dice.choice(USERS)}{host}?tls=no"]
    listed = [None, ",".join(LISTED), "*", "*.example", ", ".join((*LISTED, *dice.sample(HOSTS, 2)))]
    stated = {
        "HOURBELL_SMTP_URL": dice.choice(mail),
        "HOURBELL_PROFILE": dice.choice(PROFILES),
        "HOURBELL_ALLOWED_HOSTS": dice.choice(listed),
        "HOURBELL_LINK_KEY": "0123456789abcdef",
        "HOURBELL_WEBHOOK_SECRET": "whsec_c2VjcmV0cyBvZiB0aGUgdGVzdHM=",
        "HOURBELL_MAIL_CARRIER": dice.choice([None, *CARRIERS]),
        **{f"HOURBELL_TOKEN_{name}": "token" for name in ("TWILIO", "SENDGRID", "CRM", "LAPSED_BUYERS")},
        "http_proxy": f"http://{OUTSIDE}:3128",
        "HTTPS_PROXY": f"http://{OUTSIDE}:3128",
    }  # fmt: skip
    return {name: value for name, value in stated.items() if value is not None}


def fuzz_settings(templates: Path, dice: random.Random) -> None:
    """Every address in every file beside the templates becomes another; and the example's marks are taken out."""
    for name, read in SETTINGS.items():
        # the shop's addresses stand in messages, and are followed by nobody here
        changed = _fuzzed(read, dice) if name != "shop.yml" else _ours(read)
        # what is JSON is YAML, and much quicker written
        (templates / name).write_text(json.dumps(changed))


def _fuzzed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _fuzzed(inner, dice) for key, inner in value.items()}
    if isinstance(value, str) and "://" in value:
        return dice.choice(["https://" + dice.choice(HOSTS), url(dice), "https://listed.example/x"])
    return _ours(value)


def _ours(value: Any) -> Any:
    """Without what marks an example, which a live profile refuses."""
    if isinstance(value, dict):
        return {key: _ours(inner) for key, inner in value.items()}
    if isinstance(value, str):
        return value.replace("shop.example", "shop-of-ours.com").replace("AC000", "AC123")
    return value


def message(channel: Any, name: str) -> Message | None:
    """What a channel may be asked to do, in whatever way it takes; None where it takes none of these."""
    context = json.dumps({
        "cart_id": "c1",
        "cart_value": 3.5, "item_count": 2, "crm": "crm", "field": "stage", "value": "won", "audience": "lapsed_buyers",
        "property": "plan", "person": "shop_floor" if name == "slack" else "sales", "subject": "call them",
        "text": "call them",
    })  # fmt: skip
    profile = json.dumps({"email": "ann@mail.example", "phone": "+447700900123", "user_id": "1", "first_name": "Ann"})
    for kind in sorted(channel.kinds):
        for template, address in (
            ("cart_reminder", "ann@mail.example"),
            ("cart_reminder", "+447700900123"),
            ("order_desk", "1"),
            ("cart_reminder", "device-token:" + "a" * 40),
            ("cart_reminder", subscription(random.Random(name))),
        ):
            row = action(
                1, channel=name, kind=kind, template=template, address=address, context=context, profile=profile
            )
            with suppress(UnsendableError):
                return channel.render(Action(**row), channel.message_id(1))
    return None


def subscription(dice: random.Random) -> str:
    """As a browser gives it; where it points to is data from outside."""
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    packed = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": urlsafe_b64encode(packed).decode().rstrip("="), "auth": "AAAAAAAAAAAAAAAAAAAAAA"}
    return json.dumps({"endpoint": f"https://{dice.choice(SERVICES)}/wpush/v2/a1", "keys": keys})


def fuzz(
    runner: asyncio.Runner, templates: Path, folder: Path, number: int
) -> tuple[Profile | None, list[str], Counter[str]]:
    """Let every channel send by one configuration; returns where its sockets went, and what was pushed."""
    global _seen
    dice = random.Random(number)
    stated = environment(dice)
    fuzz_settings(templates, dice)
    _seen, pushed = [], Counter[str]()
    profile: Profile | None = None
    try:
        # a server of our own costs as much as twenty configurations
        opened = open_profile(folder, stated) if number % 50 == 0 else None
        profile = opened.__enter__() if opened is not None else silent_profile(folder, stated)
        try:
            for name, open_channel in CHANNELS.items():
                with suppress(HourbellError):
                    channel = open_channel(Setting(profile, lambda: NOW, folder / "spool", templates))
                    if (asked := message(channel, name)) is not None:
                        runner.run(_push(channel, asked))
                        pushed[name] += 1
        finally:
            if opened is not None:
                opened.__exit__(None, None, None)
    except HourbellError:
        pass
    finally:
        seen, _seen = _seen, None
    return profile, seen or [], pushed


async def _push(channel: Any, message: Message) -> None:
    try:
        await channel.push([message])
    finally:
        await channel.close()


def leaks(profile: Profile | None, seen: Sequence[str]) -> list[str]:
    """Addresses that the configuration does not allow; the list is worked out here, from what was stated."""
    if profile is None or profile.name != LIVE:
        return [address for address in seen if not _is_this_machine(address)]
    allowed = {each for host in profile.allowed_hosts for _, (each, _) in asyncio.run(resolve(host.strip("[]"), 443))}
    return [address for address in seen if address not in allowed]


def _is_this_machine(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    within = getattr(parsed, "ipv4_mapped", None) or parsed
    return bool(within.is_loopback)


def run_all(templates: Path, folder: Path, numbers: Sequence[int]) -> tuple[list[str], Counter[str], Counter[str]]:
    found: list[str] = []
    pushed, reached = Counter[str](), Counter[str]()
    with asyncio.Runner() as runner:
        for number in numbers:
            profile, seen, sent = fuzz(runner, templates, folder, number)
            found += [f"{number}: {address}" for address in leaks(profile, seen)]
            pushed += sent
            reached += Counter(seen)
    return found, pushed, reached


def test_a_thousand_configurations_leak_nothing(templates: Path, tmp_path: Path, unhurried: None) -> None:
    found, pushed, reached = run_all(templates, tmp_path, range(CONFIGURATIONS))
    assert found == []
    # every channel that calls somebody was asked, and both what is here and what is listed was reached for
    assert pushed.keys() >= CHANNELS.keys() - KEPT_HERE
    assert reached["127.0.0.1"] > 100
    assert reached["93.184.216.34"] > 0


def test_metadata_and_what_is_inside_are_not_reached_over_http_though_they_are_listed(
    templates: Path, tmp_path: Path, unhurried: None
) -> None:
    """Whoever names a host of webhooks may not mean what is inside; only a mail server may be."""
    reached: Counter[str] = Counter()
    global _seen
    for number in range(40):
        dice = random.Random(number)
        host = dice.choice(LISTED[1:])
        pool_url = f"https://{dice.choice(['', 'listed.example@'])}{host}{dice.choice(['', ':443', '/x'])}"
        profile = Profile(LIVE, SmtpServer("listed.example", 25), frozenset(LISTED))
        _seen = []
        with suppress(HourbellError, http.AnswerLostError):
            asyncio.run(_post(http.HttpPool(profile), pool_url))
        seen, _seen = _seen, None
        reached += Counter(seen or [])
    assert reached == Counter()


async def _post(pool: http.HttpPool, where: str) -> None:
    try:
        await pool.post(where, {}, b"{}")
    finally:
        await pool.close()


def test_a_guard_that_does_not_look_is_seen(
    templates: Path, tmp_path: Path, unhurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: the fuzz finds it."""

    async def everything(profile: Profile, host: str, port: int, *_: Any, **__: Any) -> Sequence[guard.SocketAddress]:
        return await resolve(host, port)

    monkeypatch.setattr(guard, "allowed_addresses", everything)
    monkeypatch.setattr(http, "allowed_addresses", everything)
    assert run_all(templates, tmp_path, range(100))[0] != []


@pytest.mark.parametrize(("is_mutant", "expected"), [(False, set()), (True, {OUTSIDE})])
def test_a_number_is_looked_at_where_it_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_mutant: bool, expected: set[str]
) -> None:
    """No name is resolved there, so that only the last look sees it. Mutant: it is left out."""
    global _seen
    if is_mutant:
        monkeypatch.setattr(http.HttpPool, "_socket", lambda _, info: socket.socket(info[0], info[1], info[2]))
    profile = silent_profile(tmp_path, {})
    _seen = []
    for where in (f"http://{OUTSIDE}/", f"http://[::ffff:{OUTSIDE}]/", f"http://127.0.0.1@{OUTSIDE}/"):
        with suppress(HourbellError, http.AnswerLostError):
            asyncio.run(_post(http.HttpPool(profile), where))
    seen, _seen = _seen, None
    assert {address for address in seen or [] if ":" not in address} == expected
