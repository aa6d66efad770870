"""Events that come back to us through landing, as those of a shop do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from activations.spool import spool_file

SOURCE = "hourbell"
_IDENTIFIERS = ("user_id", "email", "phone")
_SCHEMA = pl.Schema(
    {
        "message_id": pl.String(),
        "type": pl.String(),
        "event": pl.String(),
        "user_id": pl.String(),
        "anonymous_id": pl.String(),
        "email": pl.String(),
        "phone": pl.String(),
        "properties": pl.String(),
        "traits": pl.String(),
        "context": pl.String(),
        "source": pl.String(),
        "occurred_at": pl.Datetime("us"),
    }
)


def spool_events(spool: Path, events: Sequence[Mapping[str, Any]]) -> None:
    """Put events where landing takes them."""
    spool_file(spool, "events", pl.DataFrame([dict(event) for event in events], _SCHEMA))


def identifiers_of(profile: Mapping[str, Any]) -> dict[str, str]:
    """By what landing knows a contact; nothing of whom it only knows the browser."""
    return {name: str(profile[name]) for name in _IDENTIFIERS if profile.get(name)}
