"""What the sandbox received, in the order in which it came; nothing is ever changed or removed."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Literal

from activations.sandbox.database import open_database, transaction

_FILE = "received.sqlite"
_COLUMNS = "message_id, sender, recipient, template, workflow, topic, received_at, content"
_CREATE = f"""
create table if not exists received (number integer primary key autoincrement, {_COLUMNS});
create index if not exists received_message_id on received (message_id);
"""
_FOLDED = re.compile(rb"\r\n[ \t]+")
_HEADER = re.compile(rb"^(message-id|feedback-id):[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_ASKED_AT_ONCE = 500

By = Literal["template", "workflow", "topic", "recipient"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it comes in."""

    sender: str
    recipient: str
    received_at: datetime
    content: bytes


@dataclass(frozen=True)
class Received:
    """A message, once for each recipient that it was for."""

    number: int
    message_id: str
    sender: str
    recipient: str
    template: str
    workflow: str
    topic: str
    received_at: datetime
    content: bytes

    @cached_property
    def email(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.email["Subject"] or "")

    @property
    def text(self) -> str:
        """The plain part."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML part."""
        return self._body("html")

    def _body(self, kind: Literal["plain", "html"]) -> str:
        part = self.email.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


class Store:
    """The store of a sandbox that runs; several may write to one folder at once."""

    def __init__(self, folder: Path) -> None:
        self._connection = open_database(folder / _FILE, _CREATE, keeps="messages")

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Keep messages in one transaction, and return their numbers."""
        insert = f"insert into received ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)"
        numbers = []
        with transaction(self._connection):
            for arrival in arrivals:
                row = (*_ids(arrival), arrival.received_at.isoformat(sep=" "), arrival.content)
                numbers.append(self._connection.execute(insert, row).lastrowid or 0)
        return numbers

    def close(self) -> None:
        self._connection.close()


def messages(
    folder: Path,
    *,
    template: str | None = None,
    recipient: str | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> Iterator[Received]:
    """What the sandbox received, one at a time, all or of one template or recipient; nothing where nothing came."""
    where = [(f"{name} = ?", value) for name, value in (("template", template), ("recipient", recipient)) if value]
    condition = f"where {' and '.join(text for text, _ in where)}" if where else ""
    order = f"order by number {'desc' if newest_first else 'asc'} limit {-1 if limit is None else int(limit)}"
    yield from _select(folder, f"{condition} {order}", [value for _, value in where])


def find(folder: Path, message_ids: Sequence[str]) -> list[Received]:
    """The messages with these ids; one that came more than once is there more than once."""
    found: list[Received] = []
    for start in range(0, len(message_ids), _ASKED_AT_ONCE):
        asked = message_ids[start : start + _ASKED_AT_ONCE]
        places = ", ".join("?" * len(asked))
        found += _select(folder, f"where message_id in ({places}) order by number", asked)
    return found


def count_by(folder: Path, by: By) -> dict[str, int]:
    """The number of messages by template, workflow, topic or recipient."""
    path = folder / _FILE
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        return dict(connection.execute(f"select {by}, count(*) from received group by {by} order by {by}").fetchall())


def _select(folder: Path, rest: str, values: Sequence[str]) -> Iterator[Received]:
    path = folder / _FILE
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute(f"select number, {_COLUMNS} from received {rest}", list(values)):
            yield Received(**{**dict(row), "received_at": datetime.fromisoformat(row["received_at"])})


def _ids(arrival: Arrival) -> tuple[str, str, str, str, str, str]:
    """The columns that a message's headers tell: its id, and of what it is part (Feedback-ID)."""
    head = _FOLDED.sub(b" ", arrival.content.partition(b"\r\n\r\n")[0])
    headers = {name.lower(): value.decode("utf-8", "replace") for name, value in _HEADER.findall(head)}
    template, workflow, topic = [*headers.get(b"feedback-id", "").split(":"), "", "", ""][:3]
    return headers.get(b"message-id", ""), arrival.sender, arrival.recipient, template, workflow, topic
