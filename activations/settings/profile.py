"""Which hosts may be reached. Only a profile that is live on purpose leaves this machine."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from activations.errors import HourbellError
from activations.keys.dkim import DkimKey, dkim_key
from activations.keys.drop_key import drop_key
from activations.sandbox.http import SANDBOX_SECRET, HttpSandbox
from activations.sandbox.reply import TOKEN
from activations.sandbox.server import HOST, Sandbox, utc_now

LIVE = "live"
SANDBOX = "sandbox"
SMTP = "smtp"
MAIL_CARRIER = "HOURBELL_MAIL_CARRIER"
_SECRETS = "HOURBELL_WEBHOOK_SECRET"
_TOKENS = "HOURBELL_TOKEN_"
_KEY_FILE = "HOURBELL_{}_KEY_FILE"
_RATES = ("whatsapp", "push", "web_push")
_ANY = "*."
_SANDBOX_DROP_KEY = b"drops of the sandbox go nowhere."
_SANDBOX_LINK_KEY = b"links of the sandbox lead nowhere"

Security = Literal["none", "starttls", "tls"]
_SECURITY: Mapping[str, tuple[Security, int]] = {"smtp": ("starttls", 587), "smtps": ("tls", 465)}


@dataclass(frozen=True)
class SmtpServer:
    """A server that takes mail."""

    host: str
    port: int
    security: Security = "none"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    kept_in: Path | None = None
    """Where a sandbox keeps what it received, so that it can be asked; None for a server that cannot be asked."""


@dataclass(frozen=True)
class Profile:
    """Where messages go, and which hosts may be reached on the way."""

    name: str
    smtp: SmtpServer
    allowed_hosts: frozenset[str] = frozenset()
    link_key: bytes = field(default=_SANDBOX_LINK_KEY, repr=False)
    """Signs the links in messages."""
    rate: float | None = None
    """Messages a second that the mail server takes; None is as many as it can."""
    http_sandbox: str | None = None
    """Where webhooks go instead of to their endpoints; None where there is no sandbox for them."""
    webhook_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By endpoint; the one of all others is under an empty name."""
    webhook_rate: float | None = None
    """Webhooks a second; None is as many as can be sent."""
    sms_rate: float | None = None
    """Text messages a second that the account may send; None is as many as the provider takes."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Messages a second on other channels, where the environment says so."""
    key_files: Mapping[str, str] = field(default_factory=dict)
    """Where keys are kept, by the upper-case name of what they open."""

    drop_key: bytes | None = field(default=_SANDBOX_DROP_KEY, repr=False)
    """Signs files for partners: an Ed25519 key."""
    surfaces_url: str | None = field(default=None, repr=False)
    """Of a server that keeps the inbox of the app, instead of a file."""
    mail_carrier: str = SMTP
    """Who carries e-mail: a mail server, or a provider by its name."""
    dkim: DkimKey | None = None
    """Signs e-mails, where there is one."""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of CRMs, ad platforms and providers, by the upper-case name of the endpoint."""

    def needs_http_sandbox(self) -> None:
        """Raises HourbellError where nothing may leave this machine, and nobody here would take it."""
        if not self.is_live and self.http_sandbox is None:
            raise HourbellError(
                f"The profile {self.name!r} stays on this machine, and no sandbox for HTTP runs. Unset "
                "HOURBELL_PROFILE to use it, or set it to live to send for good."
            )

    def token(self, endpoint: str) -> str:
        """What lets us in at a CRM, an ad platform or a provider; raises HourbellError where there is none."""
        if not self.is_live:
            return TOKEN
        token = self.tokens.get(endpoint.upper(), "").strip()
        if not token.isprintable() or not token:
            raise HourbellError(f"There is no token for {endpoint}. Set {_TOKENS}{endpoint.upper()} to it.")
        return token

    def key_file(self, name: str) -> Path:
        """Where a key is kept; raises HourbellError where nobody says."""
        path = self.key_files.get(name.upper(), "").strip()
        if not path:
            raise HourbellError(f"There is no key for {name}. Set {_KEY_FILE.format(name.upper())} to its file.")
        return Path(path)

    def allows(self, host: str) -> bool:
        """Whether a live profile may reach a host."""
        return covers(self.allowed_hosts, host)

    def webhook_secret(self, endpoint: str) -> str:
        """What signs the webhooks to an endpoint; raises HourbellError where there is none."""
        if not self.is_live:
            return SANDBOX_SECRET
        secret = self.webhook_secrets.get(endpoint.upper()) or self.webhook_secrets.get("")
        if not secret:
            raise HourbellError(
                f"The webhooks to {endpoint} have no secret. Set {_SECRETS}_{endpoint.upper()}, or {_SECRETS} for all."
            )
        return secret

    @property
    def is_live(self) -> bool:
        return self.name == LIVE


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
        name.removeprefix(_SECRETS).removeprefix("_"): value
        for name, value in environment.items()
        if name == _SECRETS or name.startswith(f"{_SECRETS}_")
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
        tokens={name.removeprefix(_TOKENS): value for name, value in environment.items() if name.startswith(_TOKENS)},
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


def plain_host(host: str) -> str:
    """A host's name as it is compared."""
    return host.strip().rstrip(".").lower()


def allowed_hosts(listed: str) -> frozenset[str]:
    """Names of hosts that are separated by commas; `*.example.com` stands for all below a name of two parts or more.

    Raises HourbellError.
    """
    hosts = frozenset(plain_host(host) for host in listed.split(",") if host.strip())
    for host in hosts:
        if "*" in host and ("*" in host[1:] or not host.startswith(_ANY) or "." not in host[2:].strip(".")):
            raise HourbellError(
                f"HOURBELL_ALLOWED_HOSTS has {host!r}, which stands for too many. Write *.example.com for all hosts "
                "below one name."
            )
    return hosts


def covers(hosts: Collection[str], host: str) -> bool:
    """Whether a host is among some, or below a name that stands for all below it."""
    plain = plain_host(host)
    if "*" in plain or plain.startswith("."):
        return False
    return plain in hosts or any(known.startswith(_ANY) and plain.endswith(known[1:]) for known in hosts)


def _mail_carrier(environment: Mapping[str, str]) -> str:
    return environment.get(MAIL_CARRIER, "").strip().lower() or SMTP


def _surfaces_url(environment: Mapping[str, str]) -> str | None:
    return environment.get("HOURBELL_SURFACES_URL", "").strip() or None


def _rates(environment: Mapping[str, str]) -> dict[str, float]:
    found = {channel: _rate(environment, f"HOURBELL_{channel.upper()}_RATE") for channel in _RATES}
    return {channel: rate for channel, rate in found.items() if rate is not None}


def _key_files(environment: Mapping[str, str]) -> dict[str, str]:
    before, after = _KEY_FILE.split("{}")
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
