"""Small worlds in which much goes wrong: a handful of people, all too few identifiers, and rows that come late."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

import duckdb
import polars as pl
from identity_reference import Row

START = datetime(2026, 3, 1)
DAYS = 2

VALUES = {
    "user_id": [*(f"u{number}" for number in range(9)), "null", "Guest"],
    "email": [
        *(f"{name}@shop.example" for name in ("ann", "Bea", "cem", "dan", "eva", "fay", "gus", "hal")),
        "info@works.example",
        "Sales+spring@works.example",
        "joe@mailinator.com",
        "test@test.com",
    ],
    "phone": [f"+4479460000{number}" for number in range(5)],
    "anonymous_id": [*(f"device-{number}" for number in range(14)), "00000000-0000-0000-0000-000000000000", " "],
}
NAMED_BY = {"contacts": "source", "events": "message_id", "orders": "order_id", "consents": "topic"}
FILLED_WITH: dict[str, dict[str, object]] = {
    "contacts": {},
    "events": {"type": "track", "source": "web"},
    "orders": {"status": "placed", "currency": "EUR", "total": 1, "source": "shop"},
    "consents": {"channel": "email", "status": "granted", "source": "form"},
}
HAS = {
    "contacts": ("user_id", "email", "phone"),
    "events": ("user_id", "anonymous_id", "email", "phone"),
    "orders": ("user_id", "anonymous_id", "email", "phone"),
    "consents": ("user_id", "email", "phone"),
}


def random_history(seed: int, rows: int = 90) -> list[Row]:
    """Rows over two days, several of them at the same moment; some people keep to their own identifiers."""
    chance = random.Random(seed)
    history = []
    for number in range(rows):
        table = chance.choice(("contacts", "events", "events", "events", "orders", "consents"))
        person = chance.randrange(9)
        identifiers = {}
        for kind in HAS[table]:
            if (kind == "user_id" and table == "contacts") or chance.random() < 0.45:
                values = VALUES[kind]
                own = values[person % len(values)]
                identifiers[kind] = own if chance.random() < 0.6 else chance.choice(values)
        # a tenth of an hour, so that ties, hours' ends and days' ends are met
        at = START + timedelta(minutes=6 * chance.randrange(DAYS * 240))
        history.append(Row(table, f"row-{number}", identifiers, at))
    return history


def land(connection: duckdb.DuckDBPyConnection, history: Iterable[Row]) -> None:
    """Write the rows into the raw tables, which are emptied first. Every third came late."""
    landed: dict[str, list[dict[str, object]]] = {table: [] for table in HAS}
    for number, row in enumerate(sorted(history, key=lambda row: row.at)):
        late = timedelta(hours=9) if number % 3 == 0 else timedelta()
        landed[row.table].append(
            {
                **FILLED_WITH[row.table],
                NAMED_BY[row.table]: row.key,
                **dict.fromkeys(HAS[row.table]),
                **row.identifiers,
                "occurred_at": row.at - late,
                "loaded_at": row.at,
                "effective_at": row.at,
                "landing_file": "history",
                "landing_row": number,
            }
        )
    for table, rows in landed.items():
        connection.execute(f"delete from raw.{table}")
        if rows:
            connection.register("rows_landed", pl.DataFrame(rows, infer_schema_length=None).to_arrow())
            connection.execute(f"insert into raw.{table} by name select * from rows_landed")
            connection.unregister("rows_landed")
