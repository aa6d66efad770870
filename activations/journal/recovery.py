"""Bring a journal up to what the receipts say: after a crash, a restored backup, or from nothing."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activations.journal.receipts import Damage, Receipt, read_receipts, rows_of, segments
from activations.journal.rows import JournalRow
from activations.journal.tables import (
    AIM_COLUMNS,
    CLAIM_COLUMNS,
    CLAIMED,
    JOURNAL,
    OPEN,
    PAUSES,
    READ,
    SETTLED_COLUMNS,
)
from activations.journal.writing import give_back, insert_aims, insert_claims, note_open, note_position

_ROWS_AT_ONCE = 5_000
_UNKNOWN = "unknown"
_SETTLED = SETTLED_COLUMNS[1:]


@dataclass
class _Net:
    """What the unread part of a file comes to, so that no state in between is ever seen in the journal."""

    claimed: dict[int, dict[str, Any]] = field(default_factory=dict)
    settled: dict[int, dict[str, Any]] = field(default_factory=dict)
    released: set[int] = field(default_factory=set)
    aims: list[Sequence[Any]] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    pauses: list[Receipt] = field(default_factory=list)

    def take(self, receipt: Receipt) -> None:
        match receipt["kind"]:
            case "claim":
                for row in rows_of(receipt):
                    self.claimed[row["action_id"]] = row
                    self.released.discard(row["action_id"])
            case "aims":
                self.aims += ([row[name] for name in AIM_COLUMNS] for row in rows_of(receipt) if row["target"])
            case "settle" | "resolve":
                by_hand = receipt["kind"] == "resolve"
                for row in rows_of(receipt):
                    self.settled[row["action_id"]] = {**row, "by_hand": by_hand}
            case "release":
                for number in receipt["rows"]:
                    self.claimed.pop(number, None)
                    self.released.add(number)
            case "outcomes":
                self.written += receipt["rows"]
            case "pause" | "resume":
                self.pauses.append(receipt)


def catch_up(
    connection: sa.Connection,
    folder: Path,
    is_dead: Callable[[str], bool],
    *,
    only: Collection[str] | None = None,
    damaged: list[Damage] | None = None,
) -> int:
    """Give the journal what dead deliverers noted and it does not know, and return how many receipts that were.

    `only` names the deliverers to look at. Raises DamagedReceiptError unless `damaged` is there to take note.
    """
    waiting = [segment for segment in segments(folder) if only is None or segment.deliverer in only]
    if not waiting:
        return 0
    read = {row.segment: row.position for row in connection.execute(sa.select(READ))}
    taken = 0
    for segment in waiting:
        start = read.get(segment.name, 0)
        if segment.path.stat().st_size <= start or not is_dead(segment.deliverer):
            continue
        net, end = _Net(), start
        for receipt, position in read_receipts(segment, start, damaged):
            net.take(receipt)
            end = position
            taken += 1
        _apply(connection, net, segment.deliverer)
        if end != start:
            note_position(connection, segment.name, end)
    return taken


def never_called(connection: sa.Connection, folder: Path, rows: Collection[JournalRow]) -> frozenset[int]:
    """Of claims of dead deliverers, those for which it is certain that no call was made: a claim is noted before it.

    Nothing is certain of a claim that was taken over from somebody else, nor where receipts are missing or damaged.
    """
    first = [row for row in rows if row.attempts == 1]
    if not first:
        return frozenset()
    read = {row.segment: row.position for row in connection.execute(sa.select(READ))}
    certain: set[int] = set()
    for deliverer in {row.claimed_by for row in first}:
        theirs = [segment for segment in segments(folder) if segment.deliverer == deliverer]
        sizes = {segment.name: segment.path.stat().st_size for segment in theirs}
        known = {name: position for name, position in read.items() if Path(name).stem.partition("-")[2] == deliverer}
        if not theirs or any(sizes.get(name, -1) < position for name, position in known.items()):
            continue
        damaged: list[Damage] = []
        noted = {
            row["action_id"]
            for segment in theirs
            for receipt, _ in read_receipts(segment, damaged=damaged)
            if receipt["kind"] == "claim"
            for row in rows_of(receipt)
        }
        if not damaged:
            certain |= {row.action_id for row in first if row.claimed_by == deliverer} - noted
    return frozenset(certain)


def set_pause(connection: sa.Connection, receipt: Receipt) -> None:
    """Put a pause into the table, or take it out."""
    row = {name: receipt[name] for name in ("scope", "name")}
    connection.execute(sa.delete(PAUSES).where(PAUSES.c.scope == row["scope"], PAUSES.c.name == row["name"]))
    if receipt["kind"] == "pause":
        paused_at = datetime.fromisoformat(receipt["at"])
        connection.execute(sa.insert(PAUSES).values(**row, reason=receipt["reason"], paused_at=paused_at))


def _apply(connection: sa.Connection, net: _Net, deliverer: str) -> None:
    mine = sa.and_(JOURNAL.c.status == CLAIMED, JOURNAL.c.claimed_by == deliverer)
    for numbers in _batches(net.released):
        give_back(connection, sa.and_(mine, JOURNAL.c.action_id.in_(numbers)))
    by_taken_from: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for row in net.claimed.values():
        values = {name: row[name] for name in CLAIM_COLUMNS}
        before = row.get("taken_from")
        by_taken_from[before is not None].append(
            {**values, "status": CLAIMED, "claimed_by": deliverer, "_from": before}
        )
    for rows in _batches(by_taken_from[True]):
        takeover = (
            sa.update(JOURNAL)
            .where(
                JOURNAL.c.action_id == sa.bindparam("key"),
                JOURNAL.c.status == CLAIMED,
                JOURNAL.c.claimed_by == sa.bindparam("before"),
            )
            .values(claimed_by=deliverer, attempts=sa.bindparam("made"))
        )
        connection.execute(
            takeover, [{"key": row["action_id"], "before": row["_from"], "made": row["attempts"]} for row in rows]
        )
    for rows in _batches([*by_taken_from[True], *by_taken_from[False]]):
        for row in rows:
            del row["_from"]
        insert_claims(connection, rows)
    for rows in _batches(net.aims):
        insert_aims(connection, rows)
    _settle(connection, [row for row in net.settled.values() if not row["by_hand"]], deliverer)
    _settle(connection, [row for row in net.settled.values() if row["by_hand"]], None)
    for numbers in _batches(net.written):
        ended = sa.select(JOURNAL.c.action_id).where(JOURNAL.c.action_id.in_(numbers), JOURNAL.c.status != CLAIMED)
        connection.execute(sa.delete(OPEN).where(OPEN.c.action_id.in_(ended)))
    for receipt in net.pauses:
        set_pause(connection, receipt)


def _settle(connection: sa.Connection, settled: Sequence[Mapping[str, Any]], deliverer: str | None) -> None:
    """What is known for certain replaces what was unknown; nothing else is ever replaced."""
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _SETTLED}
    if deliverer is not None:
        values["claimed_by"] = deliverer
    statement = (
        sa.update(JOURNAL)
        .where(
            JOURNAL.c.action_id == sa.bindparam("key"),
            sa.or_(
                JOURNAL.c.status == CLAIMED,
                sa.and_(JOURNAL.c.status == _UNKNOWN, sa.bindparam("new_status") != _UNKNOWN),
            ),
        )
        .values(**values)
    )
    for rows in _batches(settled):
        known = [row["action_id"] for row in rows if row["status"] != _UNKNOWN]
        in_doubt = sa.select(JOURNAL.c.action_id).where(JOURNAL.c.action_id.in_(known), JOURNAL.c.status == _UNKNOWN)
        note_open(connection, connection.scalars(in_doubt).all())
        connection.execute(
            statement, [{"key": row["action_id"], **{f"new_{name}": row[name] for name in _SETTLED}} for row in rows]
        )


def _batches(items: Collection[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _ROWS_AT_ONCE)):
        yield batch
