"""The profile that the environment asks for."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from activations.errors import HourbellError
from activations.keys.dkim import dkim_key
from activations.keys.drop_key import drop_key
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import HOST
from activations.sandbox.server import Sandbox, utc_now
from activations.settings.profile import (
    ANY_BELOW,
    KEY_FILE,
    LIVE,
    MAIL_CARRIER,
    SANDBOX,
    SECRETS,
    SMTP,
    TOKENS,
    Profile,
    Security,
    SmtpServer,
    covers,
    plain_host,
)

_RATES = ("whatsapp", "push", "web_push")
_SECURITY: Mapping[str, tuple[Security, int]] = {"smtp": ("starttls", 587), "smtps": ("tls", 465)}


def live_profile(environment: Mapping[str, str]) -> Profile:
    """The live profile as the environment describes it; raises HourbellError naming the variable that is missing."""
    carrier = _mail_carrier(environment)
    url = environment.get("HOURBELL_SMTP_URL", "").strip()
    if carrier == SMTP:
        url = _needed(environment, "HOURBELL_SMTP_URL", "where mail goes, as in smtp://user:password@host:587")
    hosts = _needed(environment, "HOURBELL_ALLOWED_HOSTS", "the hosts that may be reached, separated by commas")
    key = _needed(environment, "HOURBELL_LINK_KEY", "a secret that signs the links in messages")
    if len(key) < 16:
        raise HourbellError("HOURBELL_LINK_KEY is too short to be a secret. Give it 16 characters or more.")
    allowed = allowed_hosts(hosts)
    server = smtp_server(url) if url else SmtpServer("", 0)
    if url and not covers(allowed, server.host):
        raise HourbellError(
            f"HOURBELL_SMTP_URL names {server.host}, which is not in HOURBELL_ALLOWED_HOSTS. "
            "Add it there if mail is to go to it."
        )
    secrets = {
        name.removeprefix(SECRETS).removeprefix("_"): value
        for name, value in environment.items()
        if name == SECRETS or name.startswith(f"{SECRETS}_")
    }
    return Profile(
        LIVE,
        server,
        allowed,
        key.encode(),
        _rate(environment, "HOURBELL_SMTP_RATE"),
        webhook_secrets=secrets,
        webhook_rate=_rate(environment, "HOURBELL_WEBHOOK_RATE"),
        sms_rate=_rate(environment, "HOURBELL_SMS_RATE"),
        drop_key=drop_key(environment),
        surfaces_url=_surfaces_url(environment),
        mail_carrier=carrier,
        dkim=dkim_key(environment),
        tokens={name.removeprefix(TOKENS): value for name, value in environment.items() if name.startswith(TOKENS)},
        rates=_rates(environment),
        key_files=_key_files(environment),
    )


@contextmanager
def open_profile(
    sandbox: Path, environment: Mapping[str, str] | None = None, now: Callable[[], datetime] = utc_now
) -> Iterator[Profile]:
    """The profile that the environment asks for; the sandbox's server runs meanwhile, where that is the one.

    HOURBELL_PROFILE=live is live. Any other name stays on this machine: mail goes to HOURBELL_SMTP_URL if that is set
    (a mail catcher on loopback), else to a sandbox that keeps what it receives in the given folder, and notes `now` as
    the time at which it came.
    """
    environment = os.environ if environment is None else environment
    name = environment.get("HOURBELL_PROFILE", "").strip().lower() or SANDBOX
    if name == LIVE:
        yield live_profile(environment)
        return
    dkim, carrier = dkim_key(environment), _mail_carrier(environment)
    if url := environment.get("HOURBELL_SMTP_URL"):
        mail = smtp_server(url)
        with HttpSandbox(sandbox, now=now) as webhooks:
            yield Profile(name, mail, http_sandbox=webhooks.url, dkim=dkim, mail_carrier=carrier)
    else:
        with Sandbox(sandbox, now=now) as server, HttpSandbox(sandbox, now=now) as webhooks:
            yield Profile(
                name,
                SmtpServer(server.host, server.port, kept_in=server.folder),
                http_sandbox=webhooks.url,
                dkim=dkim,
                mail_carrier=carrier,
            )


def silent_profile(sandbox: Path, environment: Mapping[str, str] | None = None) -> Profile:
    """The same profile while nothing is sent: no server runs, and nobody listens where it points."""
    environment = os.environ if environment is None else environment
    name = environment.get("HOURBELL_PROFILE", "").strip().lower() or SANDBOX
    if name == LIVE:
        return live_profile(environment)
    url = environment.get("HOURBELL_SMTP_URL")
    mail = smtp_server(url) if url else SmtpServer(HOST, 0, kept_in=sandbox)
    return Profile(
        name,
        mail,
        http_sandbox=f"http://{HOST}:0",
        dkim=dkim_key(environment),
        mail_carrier=_mail_carrier(environment),
    )


def surface_profiles(environment: Mapping[str, str] | None = None) -> tuple[Profile, Profile]:
    """The live one and the sandbox's as far as surfaces are kept under them, whichever the environment asks for: where,
    and under which key. Nothing can be sent by them. The live one has no key where the environment names none."""
    environment = os.environ if environment is None else environment
    nobody = SmtpServer("", 0)
    key = environment.get("HOURBELL_LINK_KEY", "").strip().encode()
    return Profile(LIVE, nobody, link_key=key, surfaces_url=_surfaces_url(environment)), Profile(SANDBOX, nobody)


def smtp_server(url: str) -> SmtpServer:
    """Read smtp://user:password@host:port (STARTTLS; without it by ?tls=no) or smtps://…; raises HourbellError."""
    # the url holds a secret: no message quotes it
    mend = "Write it as smtp://user:password@host:587 or smtps://user:password@host:465."
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise HourbellError(f"HOURBELL_SMTP_URL is no address of a server. {mend}") from error
    if parts.scheme not in _SECURITY or not host:
        raise HourbellError(f"HOURBELL_SMTP_URL is no address of a mail server. {mend}")
    security, usual_port = _SECURITY[parts.scheme]
    if parse_qs(parts.query).get("tls") == ["no"]:
        security = "none"
    return SmtpServer(
        host=host,
        port=port or usual_port,
        security=security,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def allowed_hosts(listed: str) -> frozenset[str]:
    """Names of hosts that are separated by commas; `*.example.com` stands for all below a name of two parts or more.

    Raises HourbellError.
    """
    hosts = frozenset(plain_host(host) for host in listed.split(",") if host.strip())
    for host in hosts:
        if "*" in host and ("*" in host[1:] or not host.startswith(ANY_BELOW) or "." not in host[2:].strip(".")):
            raise HourbellError(
                f"HOURBELL_ALLOWED_HOSTS has {host!r}, which stands for too many. Write *.example.com for all hosts "
                "below one name."
            )
    return hosts


def _surfaces_url(environment: Mapping[str, str]) -> str | None:
    return environment.get("HOURBELL_SURFACES_URL", "").strip() or None


def _rates(environment: Mapping[str, str]) -> dict[str, float]:
    found = {channel: _rate(environment, f"HOURBELL_{channel.upper()}_RATE") for channel in _RATES}
    return {channel: rate for channel, rate in found.items() if rate is not None}


def _key_files(environment: Mapping[str, str]) -> dict[str, str]:
    before, after = KEY_FILE.split("{}")
    return {
        name.removeprefix(before).removesuffix(after): value
        for name, value in environment.items()
        if name.startswith(before) and name.endswith(after)
    }


def _rate(environment: Mapping[str, str], name: str) -> float | None:
    stated = environment.get(name, "").strip()
    if not stated:
        return None
    try:
        rate = float(stated)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise HourbellError(f"{name} is {stated!r}. Give the messages a second as a number above 0.")
    return rate


def _needed(environment: Mapping[str, str], name: str, meaning: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise HourbellError(
            f"HOURBELL_PROFILE is live, and {name} is not set: {meaning}. Set it, or unset HOURBELL_PROFILE."
        )
    return value


def _mail_carrier(environment: Mapping[str, str]) -> str:
    return environment.get(MAIL_CARRIER, "").strip().lower() or SMTP
