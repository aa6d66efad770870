"""Erasing people from what delivery keeps: actions that wait, the journal, its receipts."""

import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from activations.delivery.outbox import OutboxFile, outbox_file, outbox_files, read_actions
from activations.durable import checked_line, write_whole
from activations.erasure.anonymising import Anonymiser
from activations.erasure.sought import Sought
from activations.errors import HourbellError
from activations.holds.hold import Hold, holds_of
from activations.holds.settle import GATE
from activations.journal.journal import Journal, open_journal
from activations.journal.pauses import Pause
from activations.journal.place import alone, sqlite_path, sqlite_url
from activations.journal.receipts import Receipt, read_receipts, receipts_folder, segments
from activations.journal.recovery import catch_up
from activations.journal.rows import Claim, Settlement
from activations.journal.tables import AIMS, JOURNAL, METADATA, OPEN, READ

REASON = "erased: the contact asked to be forgotten"
UNKNOWN_REASON = f"the answer never came, and {REASON}"
_BATCH = 5_000
_SQLITE = b"SQLite format 3\0"


class _UnpausedJournal(Journal):
    """Erasing calls nobody, so that what is paused ends as well: it would never be looked at again."""

    def _pauses(self, connection: sa.Connection) -> list[Pause]:
        return []


def erase_in_outbox(
    outbox: Path, templates: Path, journal_url: str, receipts: Path, contacts: Collection[int], *, now: datetime
) -> int:
    """Take the actions of contacts out of every file of the outbox, held ones too, and return how many they were. What
    was not sent ends as rejected, and what was called for without an answer as unknown; a release that was made holds
    for what is left."""
    removed = 0
    with open_journal(journal_url, receipts_folder(journal_url, receipts), kind=_UnpausedJournal) as journal:
        for hold in holds_of(outbox, templates):
            standing = hold.standing
            taken = sum(_erase_file(file, journal, contacts, now) for file in hold.files)
            removed += taken
            if taken and hold.decision is not None and standing in ("released", "dropped"):
                left = Hold(hold.folder, hold.about, hold.decision, templates)
                left.decide(hold.decision.choice, by=hold.decision.by, at=hold.decision.at, note=hold.decision.note)
        for file in outbox_files(outbox):
            removed += _erase_file(file, journal, contacts, now)
    # what a tick that was killed has left, where delivery does not look
    for path in [*outbox.glob("tick=*/.staged/*"), *outbox.glob("tick=*/held/.*/*")]:
        path.unlink()
    return removed


def _erase_file(file: OutboxFile, journal: Journal, contacts: Collection[int], now: datetime) -> int:
    rows = pl.read_parquet(file.path)
    mine = pl.col("contact_id").is_in([*contacts])
    theirs = rows.filter(mine)
    if theirs.is_empty():
        return 0
    # what a dead deliverer claimed it may have called for, unless it was one that calls nobody
    uncalled = {row.action_id for row in journal.in_doubt() if row.provider == GATE}
    for batch in read_actions(file, _BATCH):
        leaving = [action for action in batch if action.contact_id in contacts]
        if leaving:
            claims = journal.claim(
                leaving, {action.action_id: str(action.action_id) for action in leaving}, provider=GATE, now=now
            )
            journal.settle([_ending(claim, uncalled) for claim in claims.ours], now=now)
    left = rows.filter(~mine)
    was_finished = journal.finished_files().get(file.name, ("", 0))[0] == file.fingerprint
    unfinished = file.path.with_name(f".{file.path.name}.{os.getpid()}")
    try:
        left.write_parquet(unfinished, compression="zstd")
        write_whole(file.path, unfinished.read_bytes())
    except OSError as error:
        raise HourbellError(
            f"Cannot write {file.path}: {error.strerror}. Make room or give rights, then erase again."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    if was_finished:
        journal.file_finished(outbox_file(file.path, file.name), len(left))
    return len(theirs)


def _ending(claim: Claim, uncalled: Collection[int]) -> Settlement:
    number = claim.action.action_id
    if claim.in_doubt and number not in uncalled:
        return Settlement(number, "unknown", UNKNOWN_REASON, attempts=claim.attempts)
    return Settlement(number, "rejected", REASON)


def erase_in_journal(journal_url: str, receipts: Path, renamed: Mapping[int, int], anonymiser: Anonymiser) -> None:
    """Let journal and receipts say of other ids what they said of these, without what a provider calls the messages.

    Raises HourbellError where a deliverer is at work.
    """
    folder = receipts_folder(journal_url, receipts)
    # makes the tables, and good what the journal lacks
    with open_journal(journal_url, folder) as journal:
        if any(journal.is_alive(row.claimed_by) for row in journal.rows(["claimed"])):
            raise HourbellError(
                "A delivery is at work. Wait until it is done, or `hourbell pause --all` it; then erase."
            )
    address = sa.make_url(journal_url)
    with ExitStack() as held:
        if address.get_backend_name() == "sqlite":
            path = sqlite_path(address)
            held.enter_context(alone(path))
            kept = [each for each in path.parent.glob(f"{path.name}*") if each.is_file() and _is_sqlite(each)]
            # older copies have read nothing of the receipts as they are now
            databases = [(sa.make_url(sqlite_url(each)), each == path) for each in {path, *kept}]
        else:
            databases = [(address, True)]
        moved = _erase_receipts(folder, renamed, anonymiser, lambda: _catch_up(address, folder))
        for each, is_current in databases:
            _erase_database(each, renamed, anonymiser, moved if is_current else {})


def _catch_up(address: sa.URL, folder: Path) -> None:
    """Nobody else is there: what any receipt says counts, before the places in their files move."""
    engine = sa.create_engine(address)
    try:
        with engine.begin() as connection:
            catch_up(connection, folder, lambda _: True)
    finally:
        engine.dispose()


def _erase_receipts(folder: Path, renamed: Mapping[int, int], anonymiser: Anonymiser, prepare: Any) -> dict[str, int]:
    """Write the files that name one of the ids anew; returns the new length of each."""
    prepare()
    moved = {}
    for segment in segments(folder):
        lines, is_changed = [], False
        for receipt, _ in read_receipts(segment):
            without = _without(receipt, renamed, anonymiser)
            is_changed |= without is not receipt
            lines.append(checked_line(without))
        if is_changed:
            content = b"".join(lines)
            write_whole(segment.path, content)
            moved[segment.name] = len(content)
    return moved


def _without(receipt: Receipt, renamed: Mapping[int, int], anonymiser: Anonymiser) -> Receipt:
    if "rows" not in receipt:
        return receipt
    if "columns" not in receipt:
        rows = [renamed.get(number, number) for number in receipt["rows"]]
        return receipt if rows == receipt["rows"] else {**receipt, "rows": rows}
    columns = list(receipt["columns"])
    place = columns.index("action_id")
    if not any(row[place] in renamed for row in receipt["rows"]):
        return receipt
    return {
        **receipt,
        "rows": [
            [_value(name, value, anonymiser, renamed) for name, value in zip(columns, row, strict=True)]
            if row[place] in renamed
            else row
            for row in receipt["rows"]
        ],
    }


def _value(name: str, value: Any, anonymiser: Anonymiser, renamed: Mapping[int, int]) -> Any:
    if name == "action_id":
        return renamed[value]
    if name in ("provider_message_id", "target"):
        return None
    # a message's id is built of the action's
    return (
        anonymiser.own_id(value) if name == "message_id" else anonymiser.own_text(value) if name == "reason" else value
    )


def _erase_database(
    address: sa.URL, renamed: Mapping[int, int], anonymiser: Anonymiser, moved: Mapping[str, int]
) -> None:
    engine = sa.create_engine(address)
    is_file = address.get_backend_name() == "sqlite"
    try:
        with engine.begin() as connection:
            if is_file:
                connection.exec_driver_sql("pragma secure_delete = on")
            METADATA.create_all(connection)
            for numbers in _batches(renamed):
                connection.execute(sa.delete(AIMS).where(AIMS.c.action_id.in_(numbers)))
                known = connection.execute(sa.select(JOURNAL).where(JOURNAL.c.action_id.in_(numbers))).mappings().all()
                for row in known:
                    changes = {
                        name: _value(name, row[name], anonymiser, renamed)
                        for name in ("action_id", "message_id", "provider_message_id", "reason")
                    }
                    connection.execute(
                        sa.update(JOURNAL).where(JOURNAL.c.action_id == row["action_id"]).values(**changes)
                    )
                    connection.execute(
                        sa.update(OPEN)
                        .where(OPEN.c.action_id == row["action_id"])
                        .values(action_id=changes["action_id"])
                    )
            for name, position in moved.items():
                connection.execute(sa.update(READ).where(READ.c.segment == name).values(position=position))
        if not is_file:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("vacuum full journal, open_actions, aims")
    finally:
        engine.dispose()
    if is_file:
        vacuum(Path(str(address.database)))


def vacuum(path: Path) -> None:
    """Write a SQLite file anew, so that nothing of what was deleted is left in it or in its log."""
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("pragma secure_delete = on")
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")


def erase_in_sandbox(folder: Path, sought: Sought, words: Iterable[str], numbers: Iterable[int]) -> int:
    """Take what a sandbox received for somebody out of its files, and return how many messages that were."""
    called = [word.encode().lower() for word in words if len(word) > 3] + [str(number).encode() for number in numbers]
    removed = 0
    for path in sorted(folder.rglob("*.sqlite")) if folder.is_dir() else ():
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.execute("pragma secure_delete = on")
            tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
            for table in (name for name in tables if not name.startswith("sqlite_")):
                gone = [
                    row[0]
                    for row in connection.execute(f'select rowid, * from "{table}"')
                    if any(
                        sought.names(value) or any(word in value.lower() for word in called)
                        for value in map(_bytes, row[1:])
                    )
                ]
                connection.executemany(f'delete from "{table}" where rowid = ?', [(number,) for number in gone])
                removed += len(gone)
        vacuum(path)
    return removed


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _batches(numbers: Iterable[int]) -> Iterable[list[int]]:
    listed = list(numbers)
    return (listed[start : start + 500] for start in range(0, len(listed), 500))
