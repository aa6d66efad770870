"""When each event last came in, by its name, so that a workflow that is urgent need not wait for the hour."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from activations.collector.store import SUFFIX
from activations.durable import read_checked_line, write_whole

FILE = "latest.json"
_KEPT = timedelta(days=2)

log = logging.getLogger(__name__)

Latest = Mapping[str, datetime]


@dataclass(frozen=True)
class Heard:
    """When each event last came in, and how far the files that are being written were read."""

    latest: Latest
    read: Mapping[str, int]


def latest_events(collected: Path, read: Mapping[str, int]) -> Heard:
    """What came in, landed or not: of the files that are being written, only what comes after `read`."""
    latest = dict(_noted(collected))
    positions: dict[str, int] = {}
    for path in sorted(collected.glob(f"*{SUFFIX}")):
        position = read.get(path.name, 0)
        try:
            with path.open("rb") as file:
                file.seek(position)
                for line in file:
                    record = read_checked_line(line) if line.endswith(b"\n") else None
                    if record is None:
                        break
                    position += len(line)
                    for part in record["parts"]:
                        _hear(latest, part["rows"] if part["table"] == "events" else ())
        except FileNotFoundError:
            # a tick has taken it away, and notes what was in it
            continue
        positions[path.name] = position
    return Heard(latest, positions)


def note_latest(collected: Path, events: Iterable[Mapping[str, Any]]) -> None:
    """Remember it of events that are taken away to land."""
    latest = dict(_noted(collected))
    _hear(latest, events)
    since = max(latest.values(), default=datetime.min)
    kept = {name: at.isoformat() for name, at in latest.items() if since - at <= _KEPT}
    write_whole(collected / FILE, orjson.dumps(kept, option=orjson.OPT_SORT_KEYS))


def _noted(collected: Path) -> Latest:
    try:
        found = orjson.loads((collected / FILE).read_bytes())
        return {name: datetime.fromisoformat(at) for name, at in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        # it only makes haste; the next tick decides without it
        log.warning("%s cannot be read and is begun anew: %s", collected / FILE, error)
        return {}


def _hear(latest: dict[str, datetime], events: Iterable[Mapping[str, Any]]) -> None:
    for event in events:
        name = event.get("event")
        if name:
            known_at = datetime.fromisoformat(event["loaded_at"])
            latest[name] = max(latest.get(name, known_at), known_at)
