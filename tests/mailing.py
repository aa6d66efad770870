"""E-mail by the carriers that call a provider over HTTP: opened, rehearsed, and read back from the sandbox."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from rehearsal import NOW, Place, action, write_outbox

from activations.carriers.api import ApiCarrier
from activations.carriers.registry import CARRIERS
from activations.channels import email
from activations.channels.face import Message, Setting
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.environment import live_profile
from activations.settings.profile import Profile, SmtpServer

HOSTS = {
    "mailgun": "api.eu.mailgun.net",
    "postmark": "api.postmarkapp.com",
    "sendgrid": "api.sendgrid.com",
    "ses": "email.eu-west-1.amazonaws.com",
}
MAIL_YML = """
mailgun: {domain: mg.wren.shop, region: eu}
postmark: {promotional: news, transactional: outbound}
ses: {region: eu-west-1, configuration_set: hourbell}
"""
SECRETS = {
    "HOURBELL_TOKEN_MAILGUN": "hush-mailgun",
    "HOURBELL_TOKEN_POSTMARK": "hush-postmark",
    "HOURBELL_TOKEN_SENDGRID": "hush-sendgrid",
    "HOURBELL_TOKEN_SES_KEY": "AKIDEXAMPLE",
    "HOURBELL_TOKEN_SES_SECRET": "hush-ses",
    "HOURBELL_TOKEN_SES_SESSION": "lent-session",
}
SENDER = "hello@shop.example"


def templates_with(folder: Path, mail_yml: str | None) -> Path:
    """Those that ship, with a mail.yml of ours or none."""
    own = folder / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != "mail.yml":
            (own / path.name).symlink_to(path)
    if mail_yml is not None:
        (own / "mail.yml").write_text(mail_yml)
    return own


def live(carrier: str, templates: Path, **environment: str) -> ApiCarrier:
    """A carrier as it goes live."""
    known = {
        "HOURBELL_PROFILE": "live",
        "HOURBELL_MAIL_CARRIER": carrier,
        "HOURBELL_ALLOWED_HOSTS": HOSTS[carrier],
        "HOURBELL_LINK_KEY": "0123456789abcdef",
        **SECRETS,
        **environment,
    }
    opened = CARRIERS[carrier](Setting(live_profile(known), lambda: NOW, Path(), templates), SENDER)
    assert isinstance(opened, ApiCarrier)
    return opened


@cache
def rehearsed(carrier: str) -> email.EmailChannel:
    """The channel by a carrier, which calls a sandbox."""
    profile = Profile("sandbox", SmtpServer("", 0), http_sandbox="http://127.0.0.1:1", mail_carrier=carrier)
    return email.open_channel(Setting(profile, lambda: NOW, Path(), TEMPLATES))


def rendered(carrier: str, number: int = 1, **changes: Any) -> Message:
    known = rehearsed(carrier)
    row = Action(**action(number, **changes))
    return known.render(row, known.message_id(row.action_id))


def deliver(
    place: Place,
    carrier: str,
    addresses: int | list[str],
    before: Callable[[list[str]], Reply | None] | None = None,
    *,
    again: bool = False,
    batch_size: int = 50,
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver mails; the account, and how often the sandbox was called for each recipient."""
    to = [f"person{number}@example.com" for number in range(addresses)] if isinstance(addresses, int) else addresses
    if not again:
        write_outbox(place.outbox, [action(number, address=address) for number, address in enumerate(to)])
    calls: Counter[str] = Counter()

    def count(recipients: str) -> Reply | None:
        called = recipients.split(",")
        calls.update(called)
        return before(called) if before else None

    with HttpSandbox(place.received, now=lambda: NOW, before=count) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, carrier=carrier, batch_size=batch_size)
    assert account.adds_up
    return account, calls


@dataclass(frozen=True)
class Mailed:
    """An e-mail as its provider understood it."""

    recipient: str
    sender: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    action_id: str


def mailed(folder: Path) -> list[Mailed]:
    """What the providers of the sandbox took."""
    return [_READ[received.endpoint](received.body) for received in webhooks(folder)]


def _sendgrid(body: bytes) -> Mailed:
    said = json.loads(body)
    [to] = said["personalizations"]
    text, html = (part["value"] for part in said["content"])
    sender = f'"{said["from"]["name"]}" <{said["from"]["email"]}>'
    return Mailed(
        to["to"][0]["email"], sender, said["subject"], text, html, said["headers"], to["custom_args"]["action_id"]
    )


def _postmark(body: bytes) -> Mailed:
    said = json.loads(body)
    headers = {header["Name"]: header["Value"] for header in said["Headers"]}
    parts = (said[name] for name in ("To", "From", "Subject", "TextBody", "HtmlBody"))
    return Mailed(*parts, headers, said["Metadata"]["action_id"])


def _mailgun(body: bytes) -> Mailed:
    said = {name: value for name, [value] in parse_qs(body.decode(), strict_parsing=True).items()}
    headers = {name[2:]: value for name, value in said.items() if name.startswith("h:")}
    parts = (said[name] for name in ("to", "from", "subject", "text", "html"))
    return Mailed(*parts, headers, said["v:action_id"])


def _ses(body: bytes) -> Mailed:
    said = json.loads(body)
    headers = {header["Name"]: header["Value"] for header in said["ReplacementHeaders"]}
    tags = {tag["Name"]: tag["Value"] for tag in said["ReplacementTags"]}
    parts = (said["Rendered"][name] for name in ("Subject", "Text", "Html"))
    [to] = said["Destination"]["ToAddresses"]
    return Mailed(to, said["FromEmailAddress"], *parts, headers, tags["action_id"])


_READ: Mapping[str, Callable[[bytes], Mailed]] = {
    "mailgun": _mailgun,
    "postmark": _postmark,
    "sendgrid": _sendgrid,
    "ses": _ses,
}
