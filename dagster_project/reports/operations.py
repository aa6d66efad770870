"""What runs the workflows and is in no mart: what waits in the outbox for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from activations.delivery.delivery import TEMPLATES
from activations.holds.hold import standing_holds
from dagster_project.home import Home

_HOLDS = (
    "tick_end timestamp, workflow varchar, channel varchar, actions bigint, reasons varchar, first_expires_at timestamp"
)


def operations(home: Home) -> Mapping[str, tuple[str, Sequence[tuple[Any, ...]]]]:
    """Tables of the schema `operations`, each with its columns and rows."""
    return {"holds": (_HOLDS, _holds(home))}


def _holds(home: Home) -> list[tuple[Any, ...]]:
    return [
        (
            hold.about.tick_end,
            hold.about.workflow,
            channel,
            actions,
            "; ".join(hold.reasons),
            hold.about.first_expires_at,
        )
        for hold in standing_holds(home.outbox, TEMPLATES)
        for channel, actions in hold.about.channels.items()
    ]
