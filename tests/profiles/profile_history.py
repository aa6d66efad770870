"""A small, dense history of contacts: much happens at one moment, on the edges of ticks, late, and across merges."""

import json
import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

START = datetime(2026, 1, 1)
DAYS = 200
SOURCES = ["crm", "shop", "form", "web", "somewhere"]
ZONES = ["Europe/Berlin", "america/new_york", "Mars/Olympus", None, None]
COUNTRIES = ["DE", "us", "GB", "Germany", None]
EVENTS = ["Product Viewed", "Email Opened", "Email Link Clicked", "Email Delivered", "Order Completed"]

Row = dict[str, Any]


@dataclass
class History:
    """Rows of the tables that profiles are made of; each table's columns are those of its model."""

    contact_merges: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    contact_details: list[Row] = field(default_factory=list)
    consent_statements: list[Row] = field(default_factory=list)
    stg_orders: list[Row] = field(default_factory=list)

    def surviving(self, contact: int, at: datetime) -> int:
        found = contact
        for merge in self.contact_merges:
            if merge["contact_id"] == contact and merge["merged_at"] <= at:
                found = merge["into_contact_id"]
        return found


def _merges(draw: random.Random, contacts: int, moments: "Moments") -> list[Row]:
    rows: list[Row] = []
    into = {contact: contact for contact in range(1, contacts + 1)}
    for merged_at in sorted(moments.effective() for _ in range(contacts // 4)):
        absorbed, survivor = draw.sample(sorted(set(into.values())), 2)
        for contact, root in into.items():
            if root == absorbed:
                into[contact] = survivor
                rows.append({"contact_id": contact, "into_contact_id": survivor, "merged_at": merged_at})
    return rows


class Moments:
    """Times on a coarse grid, most of them in the stretches that are replayed in small ticks."""

    def __init__(self, draw: random.Random, dense: list[tuple[datetime, datetime]]) -> None:
        self.draw = draw
        self.dense = dense

    def effective(self) -> datetime:
        if self.draw.random() < 0.5:
            start, end = self.draw.choice(self.dense)
        else:
            start, end = START, START + timedelta(days=DAYS)
        slots = int((end - start) / timedelta(minutes=20))
        return start + timedelta(minutes=20) * self.draw.randrange(slots)

    def both(self) -> tuple[datetime, datetime]:
        """When it happened and when it became known; one in five late, some by months."""
        effective_at = self.effective()
        late = self.draw.choice([0, 0, 0, 0, self.draw.choice([1, 30, 24 * 40])])
        return effective_at - timedelta(hours=late), effective_at


def generate(seed: int, dense: list[tuple[datetime, datetime]], contacts: int = 40, facts: int = 1400) -> History:
    """A history of so many contacts and facts, the same for the same seed."""
    draw = random.Random(seed)
    moments = Moments(draw, dense)
    history = History(contact_merges=_merges(draw, contacts, moments))

    # of one in four next to nothing is ever heard
    heard_of = [1.0 if contact % 4 else 0.1 for contact in range(1, contacts + 1)]

    def contact_at(effective_at: datetime) -> int:
        return history.surviving(draw.choices(range(1, contacts + 1), heard_of)[0], effective_at)

    for contact in range(4, contacts + 1, 4):
        asked_at = START + timedelta(days=contact)
        history.consent_statements.append(
            {
                "contact_id": history.surviving(contact, asked_at),
                "occurred_at": asked_at,
                "effective_at": asked_at,
                "channel": "email",
                "topic": "newsletter",
                "status": "granted",
                "source": "form",
                "email": f"c{contact}@form.example",
            }
        )
    for number in range(facts):
        occurred_at, effective_at = moments.both()
        contact = contact_at(effective_at)
        common: Row = {"contact_id": contact, "occurred_at": occurred_at, "effective_at": effective_at}
        kind = draw.choices(["event", "order", "detail", "consent", "signal"], [10, 4, 4, 3, 0.3])[0]
        if kind == "event":
            name = draw.choice(EVENTS)
            history.events.append(
                {**common, "message_id": f"m{number}", "type": "track", "event": name, "source": "web"}
            )
        elif kind == "signal":
            name, properties = draw.choice(
                [
                    ("Email Bounced", {"type": "hard"}),
                    ("Email Bounced", {"type": "soft"}),
                    ("Email Marked as Spam", {}),
                    ("Unsubscribed", {}),
                    ("Contact Erased", {}),
                ]
            )
            history.events.append(
                {
                    **common,
                    "message_id": f"m{number}",
                    "type": "track",
                    "event": name,
                    "email": draw.choice([None, f"c{contact}@shop.example", f"c{contact}@mail.example"]),
                    "properties": json.dumps(properties),
                    "source": "mail provider",
                }
            )
        elif kind == "order":
            _order(draw, history, common, f"o{number}", contacts)
        elif kind == "detail":
            history.contact_details.append({**common, **_details(draw, contact)})
        else:
            history.consent_statements.append(
                {
                    **common,
                    "channel": draw.choice(["email", "email", "sms", "all"]),
                    "topic": draw.choice(["newsletter", "offers", "service", "all"]),
                    "status": draw.choice(["granted", "granted", "withdrawn"]),
                    "source": "form",
                    "email": draw.choice([None, f"c{contact}@form.example"]),
                }
            )
    _devices(random.Random(f"devices {seed}"), history, contacts, dense)
    return history


def _devices(draw: random.Random, history: History, contacts: int, dense: list[tuple[datetime, datetime]]) -> None:
    """Devices that some register, and that are gone again; drawn apart, so that all else is as without them."""
    moments = Moments(draw, dense)
    for number in range(contacts * 3):
        occurred_at, effective_at = moments.both()
        contact = history.surviving(draw.randint(1, contacts), effective_at)
        common: Row = {"contact_id": contact, "occurred_at": occurred_at, "effective_at": effective_at}
        token = draw.choice(["one", "two"])
        if draw.random() < 0.6:
            about = dict.fromkeys(_details(draw, contact), None)
            told = {"source": "app", "properties": json.dumps({"push_token": token})}
            history.contact_details.append({**common, **about, **told})
        else:
            gone = {"type": draw.choice(["hard", "hard", "soft"]), "channel": "push", "address": token}
            history.events.append(
                {
                    **common,
                    "message_id": f"d{number}",
                    "type": "track",
                    "event": "Push Notification Bounced",
                    "properties": json.dumps(gone),
                    "source": "hourbell",
                }
            )


def _details(draw: random.Random, contact: int) -> Row:
    return {
        "source": draw.choice(SOURCES),
        "user_id": draw.choice([None, f"u{contact}"]),
        "email": draw.choice([None, f"c{contact}@shop.example", f"c{contact}@mail.example"]),
        "phone": draw.choice([None, None, f"+4930{contact:06}"]),
        "first_name": draw.choice([None, "Ada", "Eva", " "]),
        "last_name": draw.choice([None, "Byron", "Ada"]),
        "birth_date": draw.choice([None, date(1990, 2, 28), date(1992, 2, 29), date(1985, 4, 10), date(1800, 1, 1)]),
        "country": draw.choice(COUNTRIES),
        "locale": draw.choice([None, "de_DE", "en-GB", "??"]),
        "timezone": draw.choice(ZONES),
        "properties": draw.choice(
            [
                None,
                None,
                json.dumps({"tier": draw.choice(["gold", "silver", None])}),
                json.dumps({"tag:vip": True, "n": 1}),
            ]
        ),
    }


def _order(draw: random.Random, history: History, placed: Row, order_id: str, contacts: int) -> None:
    """An order and what becomes of it. Now and then a status comes too early, names nobody, or stands alone."""
    total = Decimal(draw.randrange(100, 40000)) / 100
    rows = [{**placed, "status": "placed", "total": total}]
    if draw.random() < 0.3:
        status = draw.choice(["cancelled", "refunded", "fulfilled"])
        occurred_at = placed["occurred_at"] + timedelta(minutes=20) * draw.randrange(1, 300)
        effective_at = occurred_at + timedelta(hours=draw.choice([0, 0, 30]))
        contact = draw.choice([placed["contact_id"], placed["contact_id"], None, draw.randint(1, contacts)])
        rows.append(
            {
                "contact_id": None if contact is None else history.surviving(contact, effective_at),
                "occurred_at": occurred_at,
                "effective_at": effective_at,
                "status": status,
                "total": total,
                "refunded": draw.choice([None, Decimal("1.50")]) if status == "refunded" else None,
            }
        )
        if draw.random() < 0.2:
            rows = rows[1:]
    for row in rows:
        history.orders.append(
            {**row, "order_id": order_id, "country": draw.choice([None, "FR"]), "currency": "EUR", "source": "shop"}
        )
        address = draw.choice([None, f"{order_id}@guest.example"])
        history.stg_orders.append({"order_id": order_id, "status": row["status"], "email": address})
