"""Catching up: of several promotional messages that have piled up for a contact, only the last one goes."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import polars as pl

from activations.delivery.outbox import OutboxFile
from activations.journal.journal import Journal
from activations.journal.pauses import pause_of

OVERDUE = timedelta(hours=3)
"""How long a message may have waited when the next one comes; longer than a tick that is delivered takes."""
_COLUMNS = (
    "action_id", "tick_end", "workflow", "channel", "kind", "topic_kind", "contact_id", "send_after", "expires_at",
)  # fmt: skip


def giving_way(files: Collection[OutboxFile], journal: Journal, now: datetime) -> frozenset[int]:
    """Actions that are overdue, with a later one to the same contact that is about to be sent by whatever channel.

    What was decided in one tick went through the gate together; so only files of several ticks are read.
    """
    if len({file.path.parent for file in files}) < 2:
        return frozenset()
    read = _read(files)
    if not read:
        return frozenset()
    due = pl.concat(read).filter(
        pl.col("kind") == "send",
        pl.col("topic_kind") != "transactional",
        pl.col("contact_id").is_not_null(),
        pl.col("send_after").fill_null(pl.col("tick_end")) <= now,
        pl.col("expires_at").is_null() | (pl.col("expires_at") > now),
    )
    several = due.filter(pl.col("action_id").n_unique().over("contact_id") > 1)
    if several.is_empty():
        return frozenset()
    settled = journal.settled(several["action_id"].to_list())
    pauses = journal.pauses()
    leaving = several.filter(~pl.col("action_id").is_in(settled)).filter(
        pl.struct("workflow", "channel").map_elements(
            lambda row: pause_of(pauses, row["workflow"], row["channel"]) is None, return_dtype=pl.Boolean
        )
    )
    since = pl.col("send_after").fill_null(pl.col("tick_end"))
    last = pl.col("action_id").sort_by(since, "action_id").last().over("contact_id")
    return frozenset(leaving.filter(pl.col("action_id") != last, since <= now - OVERDUE)["action_id"].to_list())


def _read(files: Iterable[OutboxFile]) -> list[pl.DataFrame]:
    frames = []
    for file in files:
        # one that cannot be read sends nothing, and is told of by its delivery
        with suppress(pl.exceptions.PolarsError, OSError):
            frames.append(pl.read_parquet(file.path, columns=list(_COLUMNS)))
    return frames
