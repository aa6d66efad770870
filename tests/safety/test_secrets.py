"""Secrets are nowhere but where they are used: canaries in all, through failed deliveries and a whole tick."""

import base64
import functools
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from collecting import collecting, collector_in
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rehearsal import NOW, Place, action, sms_action, webhook_action, write_outbox
from rich.console import Console
from rich.traceback import Traceback
from surface import in_app_action

from activations.carriers.api import ApiCarrier
from activations.collector.provider_secrets import provider_secrets
from activations.collector.write_keys import write_keys
from activations.delivery.delivery import TEMPLATES, DeliveryStoppedError, deliver
from activations.erasure.suppression import open_suppression
from activations.errors import HourbellError
from activations.settings.environment import live_profile
from activations.settings.profile import Profile
from activations.text_carriers import twilio
from activations.transport import guard, http
from dagster_project.defs import delivery
from dagster_project.home import Home
from dagster_project.ticks.tick_run import window_tags
from dagster_project.ticks.transform import DBT
from dagster_project.ticks.windows import Window


def canary(name: str) -> str:
    return f"canary-{name.lower().replace('_', '-')}-4f1d9c"


TOKENS = (
    "TWILIO", "VONAGE", "WHATSAPP", "SENDGRID", "POSTMARK", "MAILGUN", "SES_KEY", "SES_SECRET", "SES_SESSION", "CRM",
    "LAPSED_BUYERS", "LAPSED_BUYERS_SECRET", "SALES_FLOOR", "META", "SALESFORCE", "HUBSPOT", "SLACK",
)  # fmt: skip
"""Also of providers that come: a token is asked for by its name."""
INBOUND = ("SENDGRID", "POSTMARK", "MAILGUN", "TWILIO", "VONAGE", "META", "META_VERIFY")


@pytest.fixture
def secrets(tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    """An environment with a canary in each secret, and all forms in which one might be seen."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "dkim.pem").write_text(pem)
    signing = base64.b64encode(b"canary of webhooks: 24 bytes").decode()
    environment = {
        "HOURBELL_LINK_KEY": canary("LINK_KEY"),
        "HOURBELL_ERASURE_KEY": canary("ERASURE_KEY"),
        "HOURBELL_WEBHOOK_SECRET": f"whsec_{signing}",
        "HOURBELL_DKIM_KEY_FILE": str(tmp_path / "dkim.pem"),
        "HOURBELL_DKIM_SELECTOR": "s1",
        "HOURBELL_WRITE_KEY": canary("WRITE_KEY"),
        **{f"HOURBELL_TOKEN_{name}": canary(f"TOKEN_{name}") for name in TOKENS},
        **{f"HOURBELL_INBOUND_{name}": canary(f"INBOUND_{name}") for name in INBOUND},
    }
    plain = [value for name, value in environment.items() if "DKIM" not in name]
    plain += [signing, canary("PASSWORD"), pem.splitlines()[3], pem.splitlines()[10]]
    return environment, [*plain, *(base64.b64encode(each.encode()).decode().rstrip("=") for each in plain)]


def quoting(connection: socket.socket) -> None:
    """A host that answers with all it was sent: by SMTP it refuses the password, by HTTP the token."""
    with connection:
        connection.settimeout(5)
        connection.sendall(b"220 quoting ESMTP\r\n") if _is_mail(connection) else None
        heard = b""
        while True:
            try:
                heard += connection.recv(65_536)
            except OSError:
                return
            if not heard:
                return
            if heard.startswith(b"POST"):
                body = json.dumps({"message": f"who are you, {_said_who(heard.decode('latin-1'))}?"}).encode()
                connection.sendall(
                    b"HTTP/1.1 400 Bad Request\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
                )
                return
            line = heard.decode("latin-1").strip()
            heard = b""
            if line.upper().startswith("EHLO"):
                connection.sendall(b"250-quoting\r\n250 AUTH PLAIN LOGIN\r\n")
            elif line.upper().startswith("AUTH"):
                said = base64.b64decode(line.rpartition(" ")[2]).decode().replace("\0", " ")
                connection.sendall(f"535 5.7.8 bad credentials: {line} {said}\r\n".encode())
            else:
                connection.sendall(f"500 {line}\r\n".encode())


def _said_who(request: str) -> str:
    """What let us in, as it was sent and in the clear."""
    lines = (line.partition(": ")[2] for line in request.splitlines() if line.lower().startswith("authorization: "))
    sent = next(lines, "nobody")
    kind, _, secret = sent.partition(" ")
    clear = base64.b64decode(secret).decode().rpartition(":")[2] if kind == "Basic" else secret
    return f"{clear}: {sent}"


_mail_ports: set[int] = set()


def _is_mail(connection: socket.socket) -> bool:
    return connection.getsockname()[1] in _mail_ports


@contextmanager
def quoting_host(*, mail: bool = False) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        if mail:
            _mail_ports.add(port)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=quoting, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield port
        server.shutdown(socket.SHUT_RDWR)


def ours(folder: Path) -> Path:
    """Templates whose settings are no example, so that a live profile takes them."""
    shutil.copytree(TEMPLATES, folder)
    for path in folder.glob("*.yml"):
        text = path.read_text().replace("shop.example", "shop-of-ours.com").replace("AC000", "AC123")
        path.write_text(text)
    return folder


def told(error: BaseException) -> str:
    """An exception with all that led to it, as a log, and as a terminal would show it."""
    console = Console(record=True, width=300, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=False))
    return "".join(traceback.format_exception(error)) + console.export_text() + repr(error)


def bytes_under(*roots: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


def leaked(secrets: list[str], texts: Mapping[Any, bytes]) -> list[tuple[str, str]]:
    return [(str(place), secret) for place, text in texts.items() for secret in secrets if secret.encode() in text]


@pytest.mark.parametrize("carrier", ["smtp", "sendgrid"])
def test_deliveries_that_fail_say_no_secret(
    place: Place,
    tmp_path: Path,
    secrets: tuple[dict[str, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    carrier: str,
) -> None:
    """The hosts are real sockets that quote whatever they are sent."""
    environment, canaries = secrets
    caplog.set_level(logging.DEBUG)
    templates = ours(tmp_path / "templates")
    for name, row in (
        ("email", action(1)),
        ("sms", sms_action(2)),
        ("webhook", webhook_action(3)),
        ("crm", action(4, channel="crm", kind="update_crm", template=None, address="4",
                       profile=json.dumps({"email": "a@mail.example"}),
                       context=json.dumps({"crm": "crm", "field": "stage", "value": "won"}))),
        ("audience", action(5, channel="audience", kind="join_audience", template=None, address="5",
                            profile=json.dumps({"email": "a@mail.example"}),
                            context=json.dumps({"audience": "lapsed_buyers"}))),
    ):  # fmt: skip
        write_outbox(place.outbox, [row], channel=name)
    # this machine stands for hosts on the internet
    monkeypatch.setattr(http, "is_public", guard.is_loopback)
    monkeypatch.setattr(guard, "is_public", guard.is_loopback)
    with quoting_host(mail=True) as mail, quoting_host() as web:
        monkeypatch.setattr(twilio, "_API", f"http://localhost:{web}")
        monkeypatch.setattr(ApiCarrier, "url", f"http://localhost:{web}/v3/mail/send")
        profile: Profile = live_profile(
            {
                **environment,
                "HOURBELL_PROFILE": "live",
                "HOURBELL_MAIL_CARRIER": carrier,
                "HOURBELL_ALLOWED_HOSTS": "localhost, api.sendgrid.com",
                "HOURBELL_SMTP_URL": f"smtp://user:{canary('PASSWORD')}@localhost:{mail}?tls=no",
            }
        )
        stopped: DeliveryStoppedError | None = None
        try:
            deliver(place.outbox, place.journal_url, spool=place.spool, profile=profile, now=NOW, templates=templates)
        except DeliveryStoppedError as error:
            stopped = error
    shown = {
        "exception": told(stopped).encode() if stopped else b"",
        "reasons": repr(stopped.account).encode() if stopped else b"",
        "profile": repr(profile).encode(),
        "log": caplog.text.encode(),
        "terminal": "".join(capfd.readouterr()).encode(),
        **bytes_under(place.outbox, place.spool, place.journal.parent),
    }
    # it did go wrong where secrets were in play
    assert b"who are you, " in b"".join(shown.values())
    if carrier == "smtp":
        assert b"refuses the user name or the password" in shown["exception"]
    assert leaked(canaries, shown) == []


def test_a_host_that_quotes_would_be_seen(
    place: Place,
    tmp_path: Path,
    secrets: tuple[dict[str, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mutant: the answer is kept as it came."""
    environment, canaries = secrets
    monkeypatch.setattr(http, "_without_secrets", lambda text, _: text)
    monkeypatch.setattr(http, "is_public", guard.is_loopback)
    monkeypatch.setattr(guard, "is_public", guard.is_loopback)
    write_outbox(place.outbox, [sms_action(2)], channel="sms")
    templates = ours(tmp_path / "templates")
    with quoting_host() as web:
        monkeypatch.setattr(twilio, "_API", f"http://localhost:{web}")
        allowed = {**environment, "HOURBELL_PROFILE": "live", "HOURBELL_ALLOWED_HOSTS": "localhost"}
        profile = live_profile({**allowed, "HOURBELL_SMTP_URL": "smtp://localhost"})
        deliver(place.outbox, place.journal_url, spool=place.spool, profile=profile, now=NOW, templates=templates)
    assert leaked(canaries, bytes_under(place.journal.parent)) != []


def test_settings_that_are_wrong_quote_no_secret(secrets: tuple[dict[str, str], list[str]], tmp_path: Path) -> None:
    environment, canaries = secrets
    whole = {
        **environment,
        "HOURBELL_PROFILE": "live",
        "HOURBELL_ALLOWED_HOSTS": "mail.example",
        "HOURBELL_SMTP_URL": f"smtp://user:{canary('PASSWORD')}@mail.example",
    }
    for change in (
        {"HOURBELL_SMTP_URL": f"http://user:{canary('PASSWORD')}@mail.example"},
        {"HOURBELL_SMTP_URL": f"smtp://user:{canary('PASSWORD')}@[mail.example"},
        {"HOURBELL_SMTP_URL": f"smtp://user:{canary('PASSWORD')}@mail.example:port"},
        {"HOURBELL_SMTP_URL": f"smtp://user:{canary('PASSWORD')}@else.example"},
        {"HOURBELL_ALLOWED_HOSTS": ""},
        {"HOURBELL_DKIM_SELECTOR": ""},
    ):
        with pytest.raises(HourbellError) as raised:
            live_profile({**whole, **change})
        assert leaked(canaries, {"exception": told(raised.value).encode()}) == []
    (tmp_path / "dkim.pem").write_text(canary("PASSWORD"))
    with pytest.raises(HourbellError) as raised:
        live_profile(whole)
    assert leaked(canaries, {"exception": told(raised.value).encode()}) == []
    suppression = open_suppression(tmp_path / "erased", environment)
    assert leaked(canaries, {"suppression": repr(suppression).encode()}) == []


def test_databases_that_fail_say_no_password(
    place: Place,
    tmp_path: Path,
    secrets: tuple[dict[str, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of the journal and of the surfaces, whose addresses hold one."""
    environment, canaries = secrets
    caplog.set_level(logging.DEBUG)
    server = f"postgresql+psycopg://user:{canary('PASSWORD')}@127.0.0.1:1/hourbell"
    write_outbox(place.outbox, [in_app_action(1)], channel="in_app")
    templates = ours(tmp_path / "templates")
    live = {"HOURBELL_PROFILE": "live", "HOURBELL_ALLOWED_HOSTS": "localhost", "HOURBELL_SMTP_URL": "smtp://localhost"}
    profile = live_profile({**environment, **live, "HOURBELL_SURFACES_URL": server})
    wrong = server.replace(":1/", ":port/")
    monkeypatch.setenv("HOURBELL_JOURNAL_URL", wrong)

    def deliver_with(surfaces: str, journal: str = place.journal_url) -> None:
        changed = replace(profile, surfaces_url=surfaces)
        deliver(place.outbox, journal, spool=place.spool, profile=changed, now=NOW, templates=templates)

    for fails, told_of in (
        (lambda: deliver_with(server), "HOURBELL_SURFACES_URL"),
        (lambda: deliver_with(wrong), "HOURBELL_SURFACES_URL"),
        (lambda: deliver_with(server, server), "journal"),
        (lambda: Home(tmp_path).journal_url, "HOURBELL_JOURNAL_URL"),
    ):
        with pytest.raises(HourbellError, match=told_of) as raised:
            fails()
        shown = {"exception": told(raised.value).encode(), "profile": repr(profile).encode()}
        kept = bytes_under(place.outbox, place.spool, place.journal.parent, place.root / "surfaces")
        assert leaked(canaries, {**shown, "log": caplog.text.encode(), **kept}) == []


def test_the_collector_says_no_secret(
    tmp_path: Path, secrets: tuple[dict[str, str], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """To whom it believes and to whom it does not; nor does it keep what let somebody in."""
    environment, canaries = secrets
    caplog.set_level(logging.DEBUG)
    event = {"type": "track", "event": "Product Viewed", "messageId": "m1", "userId": "u1"}
    key = environment["HOURBELL_WRITE_KEY"]
    posthog = {"api_key": key, "batch": [{"event": "Viewed", "distinct_id": "u1", "uuid": "p1", "properties": {}}]}
    with collecting(
        tmp_path, write_keys=write_keys(environment), secrets=provider_secrets(environment), data=tmp_path
    ) as at:
        answers = [
            at.post("/v1/track", event, key),
            at.post("/v1/track", event, f"{key}x"),
            at.post("/v1/batch", {"batch": [event], "writeKey": key}, None),
            at.post("/batch/", posthog, None),
            at.post("/v1/events", {"event": "Closed", "user_id": "u1", "key": key}, key),
            *(at.post(f"/webhooks/{name.lower()}", {"said": canary(f"INBOUND_{name}")}, None) for name in INBOUND),
        ]
    collector = collector_in(tmp_path, write_keys=write_keys(environment), secrets=provider_secrets(environment))
    assert [answer.status_code for answer in answers[:5]] == [200, 401, 200, 200, 400]
    shown = {str(place): answer.content for place, answer in enumerate(answers)}
    shown |= {"log": caplog.text.encode(), "repr": repr(collector).encode(), **bytes_under(tmp_path / "collected")}
    assert leaked(canaries, shown) == []


def test_a_whole_tick_in_dagster_says_no_secret(
    home: Home,
    tmp_path: Path,
    secrets: tuple[dict[str, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The tick, its delivery, Dagster's events, dbt's compiled SQL and logs, and every file of the home."""
    from dagster_project.definitions import definitions

    environment, canaries = secrets
    caplog.set_level(logging.DEBUG)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    # a rehearsal with a mail server of its own that takes nothing
    with quoting_host(mail=True) as mail:
        monkeypatch.setenv("HOURBELL_SMTP_URL", f"smtp://user:{canary('PASSWORD')}@127.0.0.1:{mail}?tls=no")
        (tmp_path / "dagster").mkdir()
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
        window = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
        # it delivers when it should, and does not wait before it tries again
        deliver_then = functools.partial(delivery.deliver_outbox, now=datetime(2026, 3, 3, 9, 30))
        monkeypatch.setattr(delivery, "deliver_outbox", deliver_then)
        monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)
        with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
            # in here, because Dagster asks the instance that it knows last, which may be that of another test
            loaded: Any = definitions()
            defs = loaded() if callable(loaded) else loaded
            result = defs.resolve_job_def("tick").execute_in_process(
                instance=instance, tags=window_tags(window), raise_on_error=False
            )
            events = "\n".join(map(repr, instance.all_logs(result.run_id)))
    assert "refuses the user name or the password" in events
    assert any(event.is_step_success for event in result.all_events)
    shown = {
        "events": events.encode(),
        "log": caplog.text.encode(),
        "terminal": "".join(capfd.readouterr()).encode(),
        **bytes_under(home.root, tmp_path / "dagster", DBT / "target"),
    }
    # the compiled statements of a tick are kept in these
    assert any(b"abandoned_cart__reminder" in text for place, text in shown.items() if str(place).endswith(".pickle"))
    assert leaked(canaries, shown) == []


def test_the_command_shows_no_secret(tmp_path: Path, secrets: tuple[dict[str, str], list[str]]) -> None:
    """As a person would run it, with what goes wrong."""
    environment, canaries = secrets
    home = Home(tmp_path / "home").prepare()
    write_outbox(home.outbox, [action(1, tick_end=datetime(2030, 1, 1), expires_at=None)])
    stated = {
        **os.environ,
        **environment,
        "HOURBELL_HOME": str(home.root),
        "HOURBELL_PROFILE": "live",
        "HOURBELL_ALLOWED_HOSTS": "mail.example",
        "HOURBELL_SMTP_URL": f"smtp://user:{canary('PASSWORD')}@mail.example:port",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from dagster_project.command import app; app()", "-v", "deliver"],
        env=stated,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert leaked(canaries, {"said": done.stdout + done.stderr, **bytes_under(home.root)}) == []
