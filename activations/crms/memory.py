"""What CRMs are known to hold, because we told them or they told us: neither side is told what it has said itself.

It holds digests alone, keyed by the profile's key. Who loses it tells everything once more, and is told it once more.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, NamedTuple

from activations.errors import HourbellError
from activations.write_ahead import write_ahead

_FILE = "crm_memory.sqlite"
_CREATE = """
create table if not exists known (key blob primary key, value blob, telling blob, known_at real not null) without rowid;
create table if not exists cursors (crm text primary key, cursor text not null) without rowid;
"""
_SHORT = 12
"""Bytes of a digest: enough that of a billion facts no two meet."""


class Fact(NamedTuple):
    """What one property of one contact is at a CRM."""

    contact: str
    name: str
    value: Any


class Memory:
    """The memory of one CRM, in a file that several processes may write to; a context manager."""

    def __init__(self, spool: Path, crm: str, key: bytes) -> None:
        self._path = spool.parent / "journal" / _FILE
        self._crm = crm
        self._key = hashlib.sha256(key).digest()
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
            write_ahead(self._connection)
            # what a crash of the machine takes from it is told once more
            self._connection.execute("pragma synchronous = normal")
            self._connection.executescript(_CREATE)

    def close(self) -> None:
        self._connection.close()

    def held(self, facts: Iterable[Fact], since: datetime) -> set[tuple[str, str]]:
        """Contact and name of what the CRM is known, from then on, to hold as it is."""
        select = "select 1 from known where key = ? and value = ? and known_at >= ?"
        moment = _seconds(since)
        with self._explained():
            return {
                (fact.contact, fact.name)
                for fact in facts
                if self._connection.execute(select, (*self._digests(fact), moment)).fetchone()
            }

    def telling(self, facts: Iterable[Fact], now: datetime) -> None:
        """It is about to be told: what is seen there from now on may be ours."""
        insert = "insert into known values (?, null, ?, ?) on conflict (key) do update set telling = excluded.telling"
        moment = _seconds(now)
        with self._transaction():
            self._connection.executemany(insert, [(*self._digests(fact), moment) for fact in facts])

    def told(self, facts: Iterable[Fact], now: datetime) -> None:
        """It has taken them."""
        with self._transaction():
            self._keep(facts, now)

    def not_told(self, facts: Iterable[Fact]) -> None:
        """It has not taken them."""
        with self._transaction():
            self._connection.executemany(
                "update known set telling = null where key = ? and telling = ?",
                [self._digests(fact) for fact in facts],
            )

    def seen(self, facts: Iterable[Fact], asked_at: datetime) -> tuple[list[Fact], list[Fact]]:
        """Of facts as the CRM told them when it was asked: what is news, and all that counts.

        News is what it does not have from us and had not told. What we told it since does not count: the answer may be
        older. It changes the record there, and comes again.
        """
        news, counting = [], []
        select = "select value, telling, known_at from known where key = ?"
        with self._explained():
            for fact in facts:
                key, value = self._digests(fact)
                row = self._connection.execute(select, (key,)).fetchone()
                if row is None and canonical(fact.value) == "":
                    continue
                if row is None:
                    news.append(fact)
                elif value not in row[:2]:
                    if row[2] > _seconds(asked_at):
                        continue
                    news.append(fact)
                counting.append(fact)
        return news, counting

    def learnt(self, facts: Sequence[Fact], cursor: str, now: datetime, stream: str = "") -> None:
        """The CRM told them, they have landed, and it was read up to there: all of it, or nothing."""
        with self._transaction():
            self._keep(facts, now)
            self._connection.execute("insert or replace into cursors values (?, ?)", (self._crm + stream, cursor))

    def cursor(self, stream: str = "") -> str | None:
        """How far the CRM was read, of its contacts or another stream."""
        with self._explained():
            row = self._connection.execute("select cursor from cursors where crm = ?", (self._crm + stream,)).fetchone()
        return row[0] if row else None

    def _keep(self, facts: Iterable[Fact], now: datetime) -> None:
        moment = _seconds(now)
        self._connection.executemany(
            "insert or replace into known values (?, ?, null, ?)", [(*self._digests(fact), moment) for fact in facts]
        )

    def _digests(self, fact: Fact) -> tuple[bytes, bytes]:
        # a list of three texts, as JSON has it
        place = ", ".join(map(encode_basestring_ascii, (self._crm, fact.contact.casefold(), fact.name)))
        return _digest(self._key, f"[{place}]"), _digest(self._key, canonical(fact.value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise HourbellError(
                f"What CRMs are known to hold cannot be kept in {self._path}: {error}. Make room, or give yourself "
                "rights to it; it may be deleted, and then everything is told once more."
            ) from error


@lru_cache(maxsize=2_000)
def _digest(key: bytes, text: str) -> bytes:
    """Kept for a while: the same facts are asked about, told, and known then."""
    return hashlib.blake2b(text.encode(), digest_size=_SHORT, key=key).digest()


def canonical(value: Any) -> str:
    """The same text for what CRMs hold to be the same: nothing and empty, 7 and 7.0, true and "true"."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        plain = f"{Decimal(str(value)):f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return json.dumps(value, sort_keys=True)


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
