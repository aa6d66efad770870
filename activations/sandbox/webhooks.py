"""The webhooks that the sandbox received, in the order in which they came first."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from activations.sandbox.database import open_database, transaction

_FILE = "webhooks.sqlite"
_COLUMNS = "endpoint, webhook_id, idempotency_key, headers, body, is_signed, received_at"
_CREATE = f"""
create table if not exists webhooks (number integer primary key autoincrement, {_COLUMNS}, calls default 1);
create unique index if not exists webhooks_id on webhooks (webhook_id);
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A webhook as it comes in."""

    endpoint: str
    webhook_id: str
    idempotency_key: str
    headers: Mapping[str, str]
    body: bytes
    is_signed: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedWebhook(Call):
    """A webhook that was taken, once, however often it came."""

    number: int
    calls: int


class WebhookStore:
    """The store of a sandbox that runs; several may write to one folder at once."""

    def __init__(self, folder: Path) -> None:
        self._connection = open_database(folder / _FILE, _CREATE, keeps="webhooks")

    def append(self, calls: Sequence[Call]) -> None:
        """Keep calls in one transaction."""
        insert = (
            f"insert into webhooks ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?) "
            "on conflict (webhook_id) do update set calls = calls + 1"
        )
        with transaction(self._connection):
            self._connection.executemany(
                insert,
                [
                    (
                        call.endpoint, call.webhook_id, call.idempotency_key, json.dumps(dict(call.headers)),
                        call.body, call.is_signed, call.received_at.isoformat(sep=" "),
                    )
                    for call in calls
                ],
            )  # fmt: skip

    def close(self) -> None:
        self._connection.close()


def webhooks(folder: Path, *, newest_first: bool = False, limit: int | None = None) -> Iterator[ReceivedWebhook]:
    """What the sandbox received, one at a time; nothing where nothing came."""
    path = folder / _FILE
    if not path.exists():
        return
    order = f"order by number {'desc' if newest_first else 'asc'} limit {-1 if limit is None else int(limit)}"
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute(f"select number, calls, {_COLUMNS} from webhooks {order}"):
            yield ReceivedWebhook(
                **{
                    **dict(row),
                    "headers": json.loads(row["headers"]),
                    "is_signed": bool(row["is_signed"]),
                    "received_at": datetime.fromisoformat(row["received_at"]),
                }
            )


def count_by_endpoint(folder: Path) -> dict[str, int]:
    """The number of webhooks that each endpoint took."""
    path = folder / _FILE
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        return dict(connection.execute("select endpoint, count(*) from webhooks group by 1 order by 1").fetchall())
