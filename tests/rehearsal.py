"""A place to rehearse deliveries in: an outbox that tests write, and a sandbox that receives."""

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from activations.channels import (
    audience,
    contact_profile,
    crm,
    crm_task,
    email,
    file_drop,
    in_app,
    push,
    sms,
    web,
    web_push,
    webhook,
    whatsapp,
)
from activations.channels.face import Channel, Setting
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES, default_receipts, deliver
from activations.delivery.outbox import SCHEMA
from activations.delivery.patience import Patience
from activations.journal.place import sqlite_url
from activations.journal.receipts import receipts_folder
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.server import Sandbox
from activations.sandbox.store import messages
from activations.settings.profile import SMTP, Profile, SmtpServer

NOW = datetime(2026, 3, 2, 10)
IMPATIENT = Patience(attempts=3, first_pause=0.01)

# children that are born from a clean process, with what they need imported already
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["activations.delivery.delivery"])


def action(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the outbox: a cart reminder to person<number>@example.com."""
    row = {
        "action_id": 7_000_000_000_000_000_000 + number,
        "tick_end": NOW,
        "workflow": "abandoned_cart",
        "step": "reminder",
        "enrollment_id": number,
        "contact_id": number,
        "kind": "send",
        "channel": "email",
        "address": f"person{number}@example.com",
        "template": "cart_reassurance",
        "topic": "offers",
        "topic_kind": "promotional",
        "variant": None,
        "locale": "en-GB",
        "timezone": "Europe/London",
        "profile": json.dumps({"user_id": f"u{number}", "first_name": "Ann"}),
        "context": json.dumps({"cart_id": f"cart-{number}", "cart_value": 49.9, "item_count": 2}),
        "send_after": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return {**row, **changes}


def webhook_action(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the outbox: a webhook to the endpoint of webhooks.yml."""
    return action(number, **{"channel": "webhook", "address": str(number), "template": "order_desk", **changes})


def sms_action(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the outbox: a cart reminder by text to a number that is reserved for films."""
    return action(
        number,
        **{"channel": "sms", "address": f"+447700900{number:03}", "template": "cart_reminder", **changes},
    )


def whatsapp_action(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the outbox: a cart reminder by WhatsApp."""
    return sms_action(number, **{"channel": "whatsapp", **changes})


def push_action(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the outbox: a cart reminder in the shop's app."""
    return sms_action(number, **{"channel": "push", "address": f"device{number}:APA91b", **changes})


def write_outbox(
    outbox: Path, rows: Sequence[Mapping[str, Any]], *, channel: str = "email", tick_end: datetime = NOW
) -> Path:
    """Write a file of the outbox as a tick does."""
    path = outbox / f"tick={tick_end:%Y%m%dT%H%M%SZ}" / f"{channel}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA), path)
    return path


@dataclass(frozen=True)
class Place:
    """The folders of a rehearsal. It can be handed to another process."""

    root: Path
    server_url: str | None = None
    """Of a journal on a server."""

    @property
    def journal_url(self) -> str:
        return self.server_url or sqlite_url(self.journal)

    @property
    def receipts(self) -> Path:
        return receipts_folder(self.journal_url, default_receipts(self.spool))

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def journal(self) -> Path:
        return self.root / "journal" / "journal.sqlite"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def received(self) -> Path:
        return self.root / "sandbox"

    def profile(self, port: int, *, blind: bool = False, webhooks: str | None = None, carrier: str = SMTP) -> Profile:
        """To the sandbox at a port; one that is blind cannot ask it what it received."""
        mail = SmtpServer("127.0.0.1", port, kept_in=None if blind else self.received)
        return Profile("sandbox", mail, http_sandbox=webhooks, mail_carrier=carrier)

    def deliver(
        self,
        sandbox: Sandbox | int,
        *,
        blind: bool = False,
        batch_size: int = 50,
        now: datetime | Callable[[], datetime] = NOW,
        webhooks: str | None = None,
        carrier: str = SMTP,
        **more: Any,
    ) -> DeliveryAccount:
        port = sandbox if isinstance(sandbox, int) else sandbox.port
        return deliver(
            self.outbox,
            self.journal_url,
            spool=self.spool,
            profile=self.profile(port, blind=blind, webhooks=webhooks, carrier=carrier),
            now=now,
            **{"channels": channels(batch_size), "patience": IMPATIENT, **more},
        )

    def recipients(self) -> Counter[str]:
        """How many messages each recipient got."""
        return Counter(message.recipient for message in messages(self.received))


def counted(
    place: Place, before: Callable[[str], Reply | None] | None = None, **more: Any
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver what waits to a sandbox over HTTP; the account, and how often it was called for each address.

    `before` may answer in the sandbox's place.
    """
    calls: Counter[str] = Counter()

    def count(address: str) -> Reply | None:
        calls[address] += 1
        return before(address) if before else None

    with HttpSandbox(place.received, now=lambda: NOW, before=count) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, **more)
    assert account.adds_up
    return account, calls


def channels(batch_size: int) -> dict[str, Callable[[Setting], Channel]]:
    """Channels with such batches, which can be handed to another process."""
    return {
        "audience": partial(opened, audience.open_channel, batch_size=batch_size),
        "crm": partial(opened, crm.open_channel, batch_size=batch_size),
        "crm_task": partial(opened, crm_task.open_channel, batch_size=batch_size),
        "email": partial(opened, email.open_channel, batch_size=batch_size, ask_after=0.2),
        "push": partial(opened, push.open_channel, batch_size=batch_size),
        "sms": partial(opened, sms.open_channel, batch_size=batch_size),
        "web_push": partial(opened, web_push.open_channel, batch_size=batch_size),
        "whatsapp": partial(opened, whatsapp.open_channel, batch_size=batch_size),
        "direct_mail": partial(opened, file_drop.open_letters, batch_size=batch_size),
        "in_app": partial(opened, in_app.open_channel, batch_size=batch_size),
        "web": partial(opened, web.open_channel, batch_size=batch_size),
        "webhook": partial(opened, webhook.open_channel, batch_size=batch_size),
        "profile": partial(opened, contact_profile.open_channel, batch_size=batch_size),
    }


def opened(open_channel: Callable[[Setting], Any], setting: Setting, **changes: Any) -> Any:
    """A channel with changes."""
    return replace(open_channel(setting), **changes)


def email_channel(place: Place, *, templates: Path = TEMPLATES, port: int = 1) -> email.EmailChannel:
    return email.open_channel(Setting(place.profile(port), lambda: NOW, place.spool, templates))
