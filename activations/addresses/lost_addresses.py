"""Addresses that a provider has declared dead. They come back as events, as a bounced e-mail does."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from activations.landed_events import SOURCE, spool_events

EVENT = "Push Notification Bounced"
"""As Segment's spec for mobile calls it."""


class Lost(NamedTuple):
    """An address that reaches nobody any more, and whose it was."""

    message_id: str
    address: str
    identifiers: Mapping[str, str]
    reason: str | None


def spool_lost(spool: Path, channel: str, lost: Iterable[Lost], now: datetime) -> None:
    """Let it be known, once for each message. Who is only known by a browser cannot be named, and is tried again."""
    events = [
        {
            "message_id": f"{one.message_id}-bounced",
            "type": "track",
            "event": EVENT,
            **one.identifiers,
            "properties": json.dumps(
                {"type": "hard", "channel": channel, "address": one.address, "reason": one.reason}, ensure_ascii=False
            ),
            "source": SOURCE,
            "occurred_at": now,
        }
        for one in lost
        if one.identifiers
    ]
    if events:
        spool_events(spool, events)
