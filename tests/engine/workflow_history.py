"""A small, dense life of a shop: much falls on the edges of ticks, comes late or twice, or is somebody else's."""

import json
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

START = datetime(2026, 3, 2)
DAYS = 38
GRID = timedelta(minutes=30)
LATE = [timedelta()] * 6 + [timedelta(hours=9), timedelta(hours=30), timedelta(days=4)]
# clocks change on 8 March, 29 March and 5 April
PRODUCTS = ["jug", "planter", "throw", "shelf"]
ZONES = ["America/New_York", "Europe/Berlin", "Pacific/Auckland", "UTC", None]

Rows = dict[str, list[dict[str, Any]]]


class Life:
    """Rows of the raw tables, drawn by one seed."""

    def __init__(self, seed: int, people: int) -> None:
        self.draw = random.Random(seed)
        self.rows: Rows = defaultdict(list)
        self._stock()
        for number in range(people):
            self._live(number)
        for number in range(people, people + people // 2):
            self._look_around(number)

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
            birth_date=self._birth_date(),
        )
        self._agree(email)
        self._buy(user, number)
        for cart in range(self.draw.choice([0, 1, 1, 2])):
            self._leave_cart(f"cart{number}-{cart}", user, device)
        if self._chance(0.5):
            self._event("identify", self._moment(), user_id=user, anonymous_id=device)
        for _ in range(self.draw.randrange(5)):
            self._event("Product Viewed", self._moment(), user_id=user)
        self._browse(user)
        self._subscribe(user)
        self._ask_and_answer(user, number)
        self._attend(user)

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
        if status == "placed":
            for line in range(self.draw.randrange(3)):
                about = {"line_number": line, "product_id": self.draw.choice(PRODUCTS), "quantity": 1, "unit_price": 10}
                self._add("order_lines", at, order_id=order_id, **about)

    def _stock(self) -> None:
        for days in (-300, 29, 33):
            for product in PRODUCTS:
                category = self.draw.choice(["kitchen", "garden", "textiles", "nothing goes with it", None])
                about = {"product_id": product, "name": product, "category": category}
                self._add("products", START + timedelta(days=days), **about)

    def _birth_date(self) -> date | None:
        born = START.replace(year=self.draw.choice([1984, 1991])) + timedelta(days=self.draw.randrange(-5, DAYS + 5))
        return self.draw.choice([born.date(), None])

    def _browse(self, user: str) -> None:
        at = self._moment()
        for _ in range(self.draw.choice([0, 0, 2, 3, 4])):
            self._event("Product Viewed", at, properties=json.dumps({"product_id": "jug"}), user_id=user)
            at += GRID * self.draw.choice([0, 1, 12, 24])

    def _subscribe(self, user: str) -> None:
        at, until = START - GRID * self.draw.randrange(400), START + timedelta(days=self.draw.randrange(10, 25))
        for _ in range(self.draw.randrange(4)):
            told = None if self._chance(0.1) else f"{until:%Y-%m-%d}"
            properties = json.dumps({"subscription_renews_on": told})
            self._add("contacts", at, user_id=user, source="shop", properties=properties)
            at = until - timedelta(days=14) + GRID * self.draw.randrange(48 * 35)
            until += timedelta(days=self.draw.choice([7, 15, 15, -3]))

    def _ask_and_answer(self, user: str, number: int) -> None:
        at = self._moment()
        for ticket in range(self.draw.choice([0, 1, 1, 2])):
            self._event("Ticket Closed", at, properties=json.dumps({"ticket_id": f"t{number}-{ticket}"}), user_id=user)
            for _ in range(self.draw.randrange(4)):
                score = self.draw.choice([0, 6, 7, 9, 10, 11, "well"])
                answered_at = at + GRID * self.draw.randrange(48, 48 * 18)
                self._event("Survey Answered", answered_at, properties=json.dumps({"score": score}), user_id=user)
            if self._chance(0.3):
                name = self.draw.choice(["Ticket Opened", "Product Reviewed"])
                self._event(name, at + GRID * self.draw.randrange(400), user_id=user)
            at += GRID * self.draw.randrange(400)

    def _attend(self, user: str) -> None:
        for _ in range(self.draw.choice([0, 1, 2])):
            at = self._moment(days=DAYS - 8)
            ends_at = at + GRID * self.draw.randrange(-2, 48 * 8)
            about = {"event_id": f"e{self.draw.randrange(5)}"}
            dated = json.dumps({**about, "name": "weaving", "ends_at": f"{ends_at}"})
            self._event("Event Registered", at, properties=dated, user_id=user)
            for name, share in (("Event Attended", 0.6), ("Event Registration Cancelled", 0.1)):
                if self._chance(share):
                    then = ends_at + GRID * self.draw.randrange(-4, 6)
                    self._event(name, then, properties=json.dumps(about), user_id=user)

    def _look_around(self, number: int) -> None:
        """Nobody who buys, or only at last: whom there is to nurture."""
        user, email = f"u{number}", f"person{number}@shop.example"
        known = {"user_id": user, "email": email, "source": "shop", "timezone": self.draw.choice(ZONES)}
        self._add("contacts", START - timedelta(days=20), late=False, **known)
        self._agree(email)
        if self._chance(0.2):
            properties = json.dumps({"lead_score": self.draw.choice([10, 50, "hot"])})
            self._add("contacts", self._moment(days=5), user_id=user, source="crm", properties=properties)
        for _ in range(self.draw.choice([5, 8, 10, 12])):
            self._event("Product Viewed", self._moment(days=self.draw.choice([6, 6, DAYS])), user_id=user)
        if self._chance(0.15):
            self._order(f"o{number}-0", self._moment(), user_id=user)

    def _buy(self, user: str, number: int) -> None:
        if self._chance(0.3):
            self._order(f"first{number}", self._moment() - timedelta(days=365), user_id=user)
        if self._chance(0.15):
            for order in range(5):
                self._order(f"many{number}-{order}", START - timedelta(days=200 - order), user_id=user)
        if self._chance(0.7):
            lapses_at = self._moment(days=12)
            self._order(f"old{number}", lapses_at - timedelta(days=90), user_id=user)
        at = self._moment()
        for order in range(self.draw.choice([0, 0, 1, 1, 2, 3])):
            self._order(f"o{number}-{order}", at, user_id=user)
            if self._chance(0.2):
                self._order(f"o{number}-{order}", at + GRID * self.draw.randrange(200), "cancelled", user_id=user)
            if self._chance(0.5):
                self._order(f"o{number}-{order}", at + GRID * self.draw.randrange(200), "fulfilled", user_id=user)
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
