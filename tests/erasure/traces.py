"""One person's traces, and where they are looked for."""

import asyncio
import gzip
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from activations.collector.store import CollectedLog, Store
from activations.delivery.delivery import default_receipts
from activations.durable import checked_line
from activations.journal.journal import open_journal
from activations.sandbox.store import messages
from activations.settings.environment import open_profile
from dagster_project.deliver import deliver_outbox
from dagster_project.home import Home
from dagster_project.landing.load import load
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick import run_tick
from dagster_project.ticks.windows import Window

START = datetime(2026, 3, 2)
ERASED_AT = datetime(2026, 3, 5, 0, 30)
EMAIL = "zephyrine.qvist@mailbox.example"
PHONE = "+4930901820555"
BROWSER = "zq-device-1"
WORDS = (EMAIL, PHONE, "Zephyrine", "Qvist", "30901820555", "0309018 20555", "Lindenwurmgasse")
"""As they were written anywhere."""


@dataclass(frozen=True)
class Lived:
    """A home after three days, the person's `user_id` and `contact_id`, and the `ids` that lead back to them."""

    home: Home
    user_id: str
    contact_id: int
    action_id: int
    """Of a message to them."""
    ids: frozenset[int]

    def copy(self, folder: Path) -> "Lived":
        shutil.copytree(self.home.root, folder / "home", symlinks=True)
        return Lived(Home(folder / "home"), self.user_id, self.contact_id, self.action_id, self.ids)


def tick(home: Home, start: datetime, hours: int = 24) -> None:
    with tick_lock(home):
        run_tick(home, Window(start, start + timedelta(hours=hours)))


def deliver(home: Home, now: datetime) -> None:
    with open_profile(home.sandbox, {}) as profile:
        deliver_outbox(home, profile, now)


def land(
    home: Home, folder: Path, table: str, rows: list[dict[str, object]], now: datetime, name: str = "rows"
) -> Path:
    """Load rows as an export that says so."""
    path = folder / table / f"{name}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    load(path, home.landing, now)
    return path


def traces(user_id: str, at: datetime) -> dict[str, list[dict[str, object]]]:
    """What the person did and is: as five systems tell it."""
    when = at.isoformat()
    return {
        "contacts": [
            {"user_id": user_id, "source": "crm", "email": EMAIL.upper(), "phone": "0309018 20555", "country": "DE",
             "first_name": "Zephyrine", "last_name": "Qvist", "birth_date": "1980-04-05",
             "properties": {"street": "Lindenwurmgasse 3", "tier": "gold"}, "occurred_at": when},
            # set aside, as its time cannot be read
            {"user_id": user_id, "source": "crm", "email": EMAIL, "first_name": "Zephyrine", "last_name": "Qvist",
             "occurred_at": "the day before yesterday"},
            {"user_id": "bystander", "source": "crm", "email": "bystander@mailbox.example",
             "properties": {"recommended_by": EMAIL}, "occurred_at": when},
        ],
        "consents": [
            {"email": EMAIL, "channel": "email", "topic": "all", "status": "granted", "source": "form",
             "evidence": f"form filled in by {EMAIL}", "occurred_at": when},
        ],
        "events": [
            {"message_id": "z1", "type": "identify", "anonymous_id": "zq-device-1", "email": EMAIL, "source": "web",
             "traits": {"email": EMAIL, "firstName": "Zephyrine"}, "occurred_at": when},
            {"message_id": "z2", "type": "track", "event": "Product Viewed", "anonymous_id": "zq-device-1",
             "properties": {"product_id": "SKU-1048", "price": 6.45, "currency": "GBP", "name": "Linen Notebook No. 2",
                            "url": f"https://shop.example/p/SKU-1048?email={EMAIL}&utm_source=newsletter"},
             "context": {"ip": "203.0.113.77", "campaign": {"source": "newsletter"}}, "source": "web",
             "occurred_at": when},
            {"message_id": "z3", "type": "track", "event": "Wish Added", "user_id": "bystander",
             "properties": {"note": f"for {EMAIL}, {PHONE}"}, "source": "web", "occurred_at": when},
            {"message_id": "z4", "type": "track", "event": "Product Added", "user_id": user_id, "phone": PHONE,
             "properties": {"cart_id": "zq-cart", "product_id": "SKU-1048", "price": 6.45, "quantity": 1,
                            "currency": "GBP"}, "source": "app", "occurred_at": when},
        ],
        "orders": [
            {"order_id": "zq-1", "status": "placed", "phone": "+49 30 901820-555", "country": "DE", "currency": "GBP",
             "total": 40, "source": "till", "occurred_at": when},
        ],
    }  # fmt: skip


def known_by(action_id: int) -> list[dict[str, object]]:
    """Events whose own ids say whom they are about: by one of our actions, or by an address that a system of theirs
    put there."""
    when = (START + timedelta(days=1, hours=16, minutes=5)).isoformat()
    opened = {"action_id": str(action_id), "machine_open": False}
    return [
        {"message_id": f"open/{action_id}/20260303T160500", "type": "track", "event": "Email Opened", "email": EMAIL,
         "properties": opened, "source": "hourbell", "occurred_at": when},
        {"message_id": f"till:card-{EMAIL}", "type": "track", "event": "Card Issued", "email": EMAIL, "source": "till",
         "occurred_at": when},
        {"message_id": f"till:gift-{EMAIL}", "type": "track", "event": "Card Issued", "user_id": "bystander",
         "source": "till", "occurred_at": when},
    ]  # fmt: skip


def carted(user_id: str) -> list[dict[str, object]]:
    """A cart that is left a second time."""
    return [
        {"message_id": "z6", "type": "track", "event": "Product Added", "user_id": user_id, "phone": PHONE,
         "properties": {"cart_id": "zq-cart-2", "product_id": "SKU-1048", "price": 6.45, "quantity": 1,
                        "currency": "GBP"}, "source": "app",
         "occurred_at": (START + timedelta(days=2, hours=1)).isoformat()},
    ]  # fmt: skip


def waiting() -> dict[str, object]:
    """What waits in the spool."""
    return {
        "message_id": "z9", "type": "track", "event": "Page Viewed", "email": EMAIL, "source": "web",
        "occurred_at": START + timedelta(days=3),
    }  # fmt: skip


def withdrawn() -> dict[str, object]:
    """What a tick has taken away from the collector, and delivery still looks at."""
    at = (START + timedelta(days=2)).isoformat()
    return {"email": EMAIL, "channel": "email", "topic": "offers", "status": "withdrawn", "occurred_at": at,
            "loaded_at": at}  # fmt: skip


def collect(home: Home) -> None:
    """What the collector has taken in, and no tick has landed."""

    async def take_in() -> None:
        store = Store(CollectedLog(home.collected), lambda: START + timedelta(days=3))
        await store.append("events", [{**waiting(), "message_id": "z10", "type": "track"}])
        await store.close()

    asyncio.run(take_in())


def damage(home: Home, user_id: str) -> Path:
    """What the collector kept of a file with lines that cannot be read: of the person by their ids alone, and of
    somebody else."""

    def line(message_id: str, **who: str) -> bytes:
        row = {"message_id": message_id, "type": "track", "event": "Page Viewed", "source": "web", **who}
        return checked_line({"parts": [{"table": "events", "rows": [row]}]})

    path = home.collected / "20260303T000000.jsonl.damaged"
    path.parent.mkdir(exist_ok=True)
    unread = [line("d1", user_id=user_id), line("d2", anonymous_id=BROWSER), line("d3", user_id="bystander")]
    path.write_bytes(line("d0", anonymous_id=BROWSER) + b"".join(each.replace(b"Page", b"P\0ge") for each in unread))
    return path


def late(user_id: str) -> list[dict[str, object]]:
    return [
        {"message_id": "z5", "type": "track", "event": "Product Viewed", "email": EMAIL, "source": "web",
         "properties": {"product_id": "SKU-1044"}, "occurred_at": (START + timedelta(days=2, hours=23)).isoformat()},
    ]  # fmt: skip


def leftovers(root: Path, words: Sequence[str]) -> dict[str, list[str]]:
    """Files that hold a word: by their bytes, and by what their format packs away."""
    sought = [word.lower() for word in words]
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content = path.read_bytes().lower()
            held = {word for word in sought if word.encode() in content} | unpacked(path, sought)
            if held:
                found[str(path.relative_to(root))] = sorted(held)
    return found


def unpacked(path: Path, sought: Sequence[str]) -> set[str]:
    """The words that stand in a table of a file, whatever its columns are called."""
    if path.suffix == ".parquet":
        tables = [f"read_parquet('{path}')"]
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            names = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        tables = [f'"{schema}"."{table}"' for schema, table in names]
    else:
        return set()
    found: set[str] = set()
    with duckdb.connect(
        str(path) if path.suffix == ".duckdb" else ":memory:", read_only=path.suffix == ".duckdb"
    ) as at:
        for table in tables:
            held = at.execute(
                f"select distinct word from (select lower(rows::varchar) as row from {table} as rows), "
                "(select unnest($words) as word) where contains(row, word)",
                {"words": [*sought]},
            ).fetchall()
            found |= {word for (word,) in held}
    return found


def totals(home: Home) -> dict[str, dict[str, float]]:
    """Of each published mart the number of rows, of contacts, and the sum of each figure; but for how long the machine
    took, of which the last is published the next time."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted((home.published / "parquet").glob("*.parquet")):
        if path.stem == "tick_costs":
            continue
        table = duckdb.from_parquet(str(path))
        figures = {"rows": "count(*)"}
        for name, kind in zip(table.columns, map(str, table.types), strict=True):
            if name.endswith("_id"):
                figures[f"different {name}"] = f'count(distinct "{name}")'
            elif kind in ("BIGINT", "INTEGER", "DOUBLE", "HUGEINT") or kind.startswith("DECIMAL"):
                figures[name] = f'round(sum("{name}")::double, 6)'
        row = table.aggregate(", ".join(figures.values())).fetchall()[0]
        found[path.stem] = dict(zip(figures, row, strict=True))
    return found


def journal_counts(home: Home) -> dict[tuple[str, str], int]:
    with open_journal(home.journal_url, default_receipts(home.spool)) as journal:
        return journal.counts()


def received(home: Home) -> list[str]:
    return [message.recipient for message in messages(home.sandbox)]
