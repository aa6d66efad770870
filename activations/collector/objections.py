"""Who has objected since a tick decided: delivery looks before each push, so that nothing goes to them any more.

What comes in is read where the collector writes it. What a tick has taken away to land is noted beside that, because it
counts for the next tick only.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from activations.channels.face import json_object
from activations.collector.store import SUFFIX
from activations.delivery.outbox import Action
from activations.durable import read_checked_line, write_whole

NOTES = "statements.json"
FOLDER = "collected"
TABLE = "consents"
_KEPT = timedelta(days=3)
_MARK = f'"table":"{TABLE}"'.encode()
_IDENTIFIERS = ("user_id", "email", "phone")
# a tick may have begun a little before the end of what it decided on was in
_MARGIN = timedelta(minutes=5)

log = logging.getLogger(__name__)


class _Statement(NamedTuple):
    """The later one counts, and of two at the same time the withdrawal."""

    stated_at: str
    status: str
    known_at: datetime
    channel: str
    topic: str


def objections_beside(spool: Path) -> "Objections":
    """Those that the collector of the same data directory has taken in."""
    return Objections(spool.parent / FOLDER)


class Objections:
    """What was stated to the collector lately, by whom; it is read on at each question."""

    def __init__(self, collected: Path) -> None:
        self._collected = collected
        self._read: dict[str, int] = {}
        self._noted: tuple[int, int] | None = None
        self._by_whom: dict[tuple[str, str], set[_Statement]] = {}

    def of(self, actions: Iterable[Action]) -> set[int]:
        """Those of the actions that are messages to somebody who has objected since they were decided."""
        self._read_on()
        if not self._by_whom:
            return set()
        return {action.action_id for action in actions if action.kind == "send" and self._is_against(action)}

    def stated(
        self, whom: Iterable[tuple[str, str]], channel: str, topic: str, since: datetime
    ) -> Literal["granted", "withdrawn"] | None:
        """What somebody, by types and values of identifiers, stated last about a promotional topic; or None."""
        self._read_on()
        wanted = {(name, value.casefold()) for name, value in whom}
        said = [
            statement
            for who in wanted
            for statement in self._by_whom.get(who, ())
            if statement.known_at >= since - _MARGIN
            and statement.channel in (channel, "all")
            and statement.topic in (topic, "all")
        ]
        if not said:
            return None
        return "withdrawn" if max(said).status == "withdrawn" else "granted"

    def _is_against(self, action: Action) -> bool:
        profile = json_object("profile", action.profile)
        whom = {(name, str(value).casefold()) for name in _IDENTIFIERS if (value := profile.get(name))}
        if action.address:
            whom |= {(name, action.address.casefold()) for name in ("email", "phone")}
        since = action.tick_end - _MARGIN
        said = [
            statement
            for who in whom
            for statement in self._by_whom.get(who, ())
            if statement.known_at >= since and _is_about(statement, action)
        ]
        return bool(said) and max(said).status == "withdrawn"

    def _read_on(self) -> None:
        while not self._read_what_is_there():
            # a tick took a file away meanwhile: it has another name now, or what is in it was noted
            continue

    def _read_what_is_there(self) -> bool:
        for path in sorted(self._collected.glob(f"*{SUFFIX}*")):
            # a file that is taken away has its old name at the beginning of the new one
            name = path.name.partition(SUFFIX)[0]
            try:
                self._read[name] = self._read_file(path, self._read.get(name, 0))
            except FileNotFoundError:
                return False
        self._read_notes()
        return True

    def _read_file(self, path: Path, position: int) -> int:
        if path.stat().st_size <= position:
            return position
        with path.open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                position += len(line)
                record = read_checked_line(line) if _MARK in line else None
                for one in record["parts"] if record else ():
                    self._hear(one["rows"] if one["table"] == TABLE else ())
        return position

    def _read_notes(self) -> None:
        path = self._collected / NOTES
        try:
            status = path.stat()
        except FileNotFoundError:
            return
        if self._noted != (status.st_mtime_ns, status.st_ino):
            self._hear(_noted(self._collected))
            self._noted = (status.st_mtime_ns, status.st_ino)

    def _hear(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            statement = _Statement(
                str(row["occurred_at"]),
                str(row["status"]),
                datetime.fromisoformat(row["loaded_at"]),
                str(row["channel"]),
                str(row["topic"]),
            )
            for name in _IDENTIFIERS:
                if value := row.get(name):
                    self._by_whom.setdefault((name, str(value).casefold()), set()).add(statement)


def note_statements(collected: Path, consents: Iterable[Mapping[str, Any]]) -> None:
    """Remember what was stated, of rows that are taken away to land."""
    rows = [*_noted(collected), *consents]
    since = max(datetime.fromisoformat(row["loaded_at"]) for row in rows) - _KEPT
    kept = [dict(row) for row in rows if datetime.fromisoformat(row["loaded_at"]) >= since]
    write_whole(collected / NOTES, orjson.dumps(kept))


def forget_statements(collected: Path, identifiers: Iterable[tuple[str, str]]) -> None:
    """Take people, by type and value of what they are known by, out of what is remembered of files that have landed."""
    noted = _noted(collected)
    theirs = {(name, value.casefold()) for name, value in identifiers}
    kept = [row for row in noted if theirs.isdisjoint((name, str(row.get(name)).casefold()) for name in _IDENTIFIERS)]
    if len(kept) < len(noted):
        write_whole(collected / NOTES, orjson.dumps(kept))


def _is_about(statement: _Statement, action: Action) -> bool:
    is_all = statement.topic == "all" and action.topic_kind != "transactional"
    return statement.channel in (action.channel, "all") and (is_all or statement.topic == action.topic)


def _noted(collected: Path) -> list[dict[str, Any]]:
    try:
        return list(orjson.loads((collected / NOTES).read_bytes()))
    except FileNotFoundError:
        return []
