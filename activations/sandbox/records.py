"""What a provider that is played remembers from one request to the next, and who plays it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from activations.sandbox.database import open_database, transaction
from activations.sandbox.reply import ProviderAnswer

_FILE = "records.sqlite"
_CREATE = "create table if not exists records (kind text, key text, value text not null, primary key (kind, key));"


class Records:
    """Objects by kind and key, in the sandbox's folder; several may be at them at once."""

    def __init__(self, folder: Path) -> None:
        self._connection = open_database(folder / _FILE, _CREATE, keeps="records")

    def get(self, kind: str, key: str) -> Any:
        """The object, or None."""
        row = self._connection.execute("select value from records where kind = ? and key = ?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str) -> dict[str, Any]:
        """The objects of a kind by key, in the order in which they came."""
        rows = self._connection.execute("select key, value from records where kind = ? order by rowid", (kind,))
        return {key: json.loads(value) for key, value in rows.fetchall()}

    def put(self, kind: str, objects: Mapping[str, Any]) -> None:
        """Keep objects, instead of what was there under the same keys."""
        with transaction(self._connection):
            self._connection.executemany(
                "insert into records values (?, ?, ?) on conflict (kind, key) do update set value = excluded.value",
                [(kind, key, json.dumps(value)) for key, value in objects.items()],
            )

    def remove(self, kind: str, key: str) -> bool:
        """Forget an object; whether there was one."""
        with transaction(self._connection):
            return self._connection.execute("delete from records where kind = ? and key = ?", (kind, key)).rowcount > 0

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Asked:
    """A request as it came in, without the part of the path that names the provider."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        """By which a rehearsal knows it."""
        return f"{self.method} {self.path}"

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


Player = Callable[[Asked, Records, datetime], ProviderAnswer]
"""What a provider says to a request at that time; what it does is in the records."""
