"""A small, dense life of a shop: much falls on the edges of ticks, comes late or twice, or is somebody else's."""

import json
import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

START = datetime(2026, 3, 2)
DAYS = 38
GRID = timedelta(minutes=30)
LATE = [timedelta()] * 6 + [timedelta(hours=9), timedelta(hours=30), timedelta(days=4)]
# clocks change on 8 March, 29 March and 5 April
ZONES = ["America/New_York", "Europe/Berlin", "Pacific/Auckland", "UTC", None]

Rows = dict[str, list[dict[str, Any]]]


class Life:
    """Rows of the raw tables, drawn by one seed."""

    def __init__(self, seed: int, people: int) -> None:
        self.draw = random.Random(seed)
        self.rows: Rows = defaultdict(list)
        for number in range(people):
            self._live(number)

    def _chance(self, share: float) -> bool:
        return self.draw.random() < share

    def _moment(self, days: float = DAYS) -> datetime:
        return START + GRID * self.draw.randrange(int(timedelta(days=days) / GRID))

    def _add(self, table: str, occurred_at: datetime, *, late: bool = True, **values: Any) -> None:
        known_at = occurred_at + (self.draw.choice(LATE) if late else timedelta())
        row = {**values, "occurred_at": occurred_at, "loaded_at": known_at, "effective_at": known_at}
        self.rows[table].append(row)
        if late and self._chance(0.1):
            again = known_at + GRID * self.draw.randrange(60)
            self.rows[table].append({**row, "loaded_at": again, "effective_at": again})

    def _event(self, name: str, at: datetime, **values: Any) -> None:
        message = f"m{len(self.rows['events'])}"
        kind = "identify" if name == "identify" else "track"
        event = None if kind == "identify" else name
        self._add("events", at, message_id=message, type=kind, event=event, source="web", **values)

    def _live(self, number: int) -> None:
        user, email, device = f"u{number}", f"person{number}@shop.example", f"device{number}"
        known_since = START - timedelta(days=150) if self._chance(0.7) else self._moment()
        self._add(
            "contacts",
            known_since,
            late=False,
            user_id=user,
            email=email,
            source="shop",
            timezone=self.draw.choice(ZONES),
        )
        self._agree(email)
        self._buy(user, number)
        for cart in range(self.draw.choice([0, 1, 1, 2])):
            self._leave_cart(f"cart{number}-{cart}", user, device)
        if self._chance(0.5):
            self._event("identify", self._moment(), user_id=user, anonymous_id=device)
        for _ in range(self.draw.randrange(5)):
            self._event("Product Viewed", self._moment(), user_id=user)

    def _agree(self, email: str) -> None:
        about = {"email": email, "channel": "email", "topic": "newsletter", "source": "form"}
        if not self._chance(0.8):
            return
        at = self._moment() if self._chance(0.8) else START - timedelta(days=100)
        self._add("consents", at, status="granted", **about)
        while self._chance(0.4):
            at += GRID * self.draw.randrange(1, 400)
            self._add("consents", at, status="withdrawn", **about)
            at += GRID * self.draw.randrange(1, 400)
            self._add("consents", at, status="granted", **about)

    def _order(self, order_id: str, at: datetime, status: str = "placed", **values: Any) -> None:
        total = self.draw.randrange(10, 200)
        self._add("orders", at, order_id=order_id, status=status, currency="EUR", total=total, source="shop", **values)

    def _buy(self, user: str, number: int) -> None:
        if self._chance(0.7):
            lapses_at = self._moment(days=12)
            self._order(f"old{number}", lapses_at - timedelta(days=90), user_id=user)
        at = self._moment()
        for order in range(self.draw.choice([0, 0, 1, 1, 2, 3])):
            self._order(f"o{number}-{order}", at, user_id=user)
            if self._chance(0.2):
                self._order(f"o{number}-{order}", at + GRID * self.draw.randrange(200), "cancelled", user_id=user)
            at += GRID * self.draw.choice([0, 1, 48, 330, 340, 1000])

    def _leave_cart(self, cart: str, user: str, device: str) -> None:
        who = {"anonymous_id": device} if self._chance(0.5) else {"user_id": user}
        at = self._moment()
        for _ in range(self.draw.randrange(1, 4)):
            properties = {"cart_id": cart, "price": self.draw.randrange(5, 60), "quantity": self.draw.randrange(1, 3)}
            self._event("Product Added", at, properties=json.dumps(properties), **who)
            at += GRID * self.draw.choice([0, 1, 2, 3])
        if self._chance(0.5):
            self._order(
                f"of-{cart}", at + GRID * self.draw.choice([0, 1, 2, 47, 48, 49, 96]), user_id=user, cart_id=cart
            )


def take_in(connection: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    """Put rows into the raw tables, in the order in which they became known."""
    for table, known in rows.items():
        ordered = sorted(known, key=lambda row: row["effective_at"])
        landed = [{**row, "landing_file": "history", "landing_row": place} for place, row in enumerate(ordered)]
        columns = sorted({column for row in landed for column in row})
        frame = pa.table({column: [row.get(column) for row in landed] for column in columns})
        connection.register("landed", frame)
        connection.execute(f"insert into raw.{table} by name select * from landed")
        connection.unregister("landed")
