"""Decision files: what the website shows a contact, as JSON, by every name under which it may be asked for.

A name is hashed into the file's, so that nobody reads who is there from a listing. What is personal is in no file that
an anonymous id leads to.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from activations.durable import write_whole
from activations.surfaces.tokens import Viewer

_FOLDER = "decisions"
_SHARDS = 256
_SWEPT_AT_ONCE = 16
_SECONDS_AN_HOUR = 3_600
_TIMES = ("decided_at", "expires_at")


class Decision(NamedTuple):
    """What a slot shows, and until when. Times are naive UTC."""

    action_id: int
    slot: str
    variant: str | None
    content: Mapping[str, str]
    is_personal: bool
    decided_at: datetime
    expires_at: datetime
    identifier: str
    about: str


def names_of(contact_id: int, user_id: str | None, anonymous_ids: Sequence[str]) -> list[tuple[str, bool]]:
    """Under what a contact may be asked for, and whether what is personal is said then."""
    names = [(f"contact:{contact_id}", True)]
    if user_id:
        names.append((f"user:{user_id}", True))
    return names + [(f"anonymous:{each}", False) for each in anonymous_ids]


def name_of(viewer: Viewer) -> str:
    """Under what somebody with a token asks."""
    return f"contact:{viewer.contact_id}" if viewer.user_id is None else f"user:{viewer.user_id}"


def decide(data: Path, name: str, decisions: Sequence[Decision]) -> None:
    """Put decisions into the file of a name, whole; a slot keeps its own where that is newer. Raises OSError."""
    path = _path(data, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        slots = {decision.slot: decision for decision in read(data, name)}
        before = dict(slots)
        for decision in decisions:
            now_there = slots.get(decision.slot)
            if now_there is None or _age(decision) >= _age(now_there):
                slots[decision.slot] = decision
        if slots != before:
            write_whole(path, orjson.dumps([decision._asdict() for decision in slots.values()]))
            # when it may be swept away is known without reading it
            last = _seconds(max(decision.expires_at for decision in slots.values()))
            os.utime(path, (last, last))


def read(data: Path, name: str) -> list[Decision]:
    """What was decided for a name, expired or not; nothing where nothing was."""
    try:
        stored = orjson.loads(_path(data, name).read_bytes())
    except FileNotFoundError:
        return []
    return [Decision(**{**each, **{name: datetime.fromisoformat(each[name]) for name in _TIMES}}) for each in stored]


def forget(data: Path, names: Iterable[str]) -> int:
    """Take away what was decided for some names, and return how many files that were."""
    paths = [path for path in (_path(data, name) for name in names) if path.exists()]
    for path in paths:
        with _alone(path.parent):
            path.unlink(missing_ok=True)
    return len(paths)


def sweep(data: Path, now: datetime) -> None:
    """Take away files in which everything has expired: of some folders each hour, so that it costs the same always."""
    first = int(_seconds(now) // _SECONDS_AN_HOUR) * _SWEPT_AT_ONCE
    for number in range(first, first + _SWEPT_AT_ONCE):
        folder = data / _FOLDER / f"{number % _SHARDS:02x}"
        if not folder.is_dir():
            continue
        with _alone(folder):
            for path in folder.glob("*.json"):
                if path.stat().st_mtime <= _seconds(now):
                    path.unlink()


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _age(decision: Decision) -> tuple[datetime, int]:
    return decision.decided_at, decision.action_id


def _path(data: Path, name: str) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return data / _FOLDER / digest[:2] / f"{digest[2:]}.json"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else writes there meanwhile: a slot that was read is the one that is replaced."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
