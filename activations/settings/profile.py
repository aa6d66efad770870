"""Which hosts may be reached. Only a profile that is live on purpose leaves this machine."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from activations.errors import HourbellError
from activations.sandbox.reply import SECRET, TOKEN

if TYPE_CHECKING:
    # a delivery that signs no mail has no need of cryptography
    from activations.keys.dkim import DkimKey

LIVE = "live"
SANDBOX = "sandbox"
SMTP = "smtp"
MAIL_CARRIER = "HOURBELL_MAIL_CARRIER"
SECRETS = "HOURBELL_WEBHOOK_SECRET"
TOKENS = "HOURBELL_TOKEN_"
KEY_FILE = "HOURBELL_{}_KEY_FILE"
ANY_BELOW = "*."
_SANDBOX_DROP_KEY = b"drops of the sandbox go nowhere."
_SANDBOX_LINK_KEY = b"links of the sandbox lead nowhere"

Security = Literal["none", "starttls", "tls"]


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
    dkim: "DkimKey | None" = None
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
            raise HourbellError(f"There is no token for {endpoint}. Set {TOKENS}{endpoint.upper()} to it.")
        return token

    def key_file(self, name: str) -> Path:
        """Where a key is kept; raises HourbellError where nobody says."""
        path = self.key_files.get(name.upper(), "").strip()
        if not path:
            raise HourbellError(f"There is no key for {name}. Set {KEY_FILE.format(name.upper())} to its file.")
        return Path(path)

    def allows(self, host: str) -> bool:
        """Whether a live profile may reach a host."""
        return covers(self.allowed_hosts, host)

    def webhook_secret(self, endpoint: str) -> str:
        """What signs the webhooks to an endpoint; raises HourbellError where there is none."""
        if not self.is_live:
            return SECRET
        secret = self.webhook_secrets.get(endpoint.upper()) or self.webhook_secrets.get("")
        if not secret:
            raise HourbellError(
                f"The webhooks to {endpoint} have no secret. Set {SECRETS}_{endpoint.upper()}, or {SECRETS} for all."
            )
        return secret

    @property
    def is_live(self) -> bool:
        return self.name == LIVE


def plain_host(host: str) -> str:
    """A host's name as it is compared."""
    return host.strip().rstrip(".").lower()


def covers(hosts: Collection[str], host: str) -> bool:
    """Whether a host is among some, or below a name that stands for all below it."""
    plain = plain_host(host)
    if "*" in plain or plain.startswith("."):
        return False
    return plain in hosts or any(known.startswith(ANY_BELOW) and plain.endswith(known[1:]) for known in hosts)
