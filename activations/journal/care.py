"""Look after the journal: compare it with the receipts, and build it anew from them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.journal.journal import Journal, open_journal
from activations.journal.place import alone, sqlite_path, sqlite_url
from activations.journal.reading import among
from activations.journal.receipts import Damage, receipts_folder, segments
from activations.journal.rows import Settled
from activations.journal.tables import CLAIMED, JOURNAL, OPEN
from activations.journal.upgrade import open_before
from activations.journal.writing import insert_claims

_EXAMPLES = 20
_ROWS_AT_ONCE = 5_000
_PLACE = "place_in_file"


@dataclass(frozen=True)
class Verification:
    """How the journal and the receipts compare."""

    rows: int = 0
    missing: int = 0
    """Actions of which there is a receipt, and no row."""
    different: int = 0
    without_receipt: int = 0
    """Settled actions of which there is no receipt: older than those, or their files are gone."""
    examples: Sequence[str] = ()
    damaged: Sequence[Damage] = ()
    faults: Sequence[str] = ()
    """What the database says of its own file."""

    @property
    def agrees(self) -> bool:
        return not (self.missing or self.different or self.damaged or self.faults)


@dataclass(frozen=True)
class Rebuilt:
    """What a journal was built from."""

    receipts: int
    rows: int
    salvaged: int
    """Rows of the old journal of which there is no receipt."""
    damaged: Sequence[Damage] = ()
    kept_as: Path | None = None
    """Where the old one is."""
    unread: Sequence[str] = ()
    """Why the old one could not be read whole: what only that knew may be lost."""


@dataclass
class _Comparison:
    rows: int = 0
    missing: int = 0
    different: int = 0
    without_receipt: int = 0
    examples: list[str] = field(default_factory=list)

    def example(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)


def verify(url: str, receipts: Path) -> Verification:
    """Compare the journal with what the receipts alone would give. What is under way in this moment is left out.

    `receipts` is where they are if the journal is on a server. Raises HourbellError where the journal cannot be read.
    """
    folder = receipts_folder(url, receipts)
    damaged: list[Damage] = []
    with TemporaryDirectory() as temporary, open_journal(url, folder, recover=False) as journal:
        faults = _faults(journal)
        with open_journal(sqlite_url(Path(temporary) / "receipts.sqlite"), folder, recover=False) as expected:
            expected.catch_up(damaged=damaged)
            found = _compare(journal, expected)
    return Verification(
        found.rows, found.missing, found.different, found.without_receipt, tuple(found.examples), damaged, faults
    )


def rebuild(url: str, receipts: Path, *, skip_damaged: bool = False, skip_unread: bool = False) -> Rebuilt:
    """Build the journal anew from its receipts; nothing is sent.

    A file is replaced in one step and the old one kept; what only that knows is taken over. On a server the rows that
    are missing are added and those that lag are brought up, because the receipts of other machines are not here.
    Raises HourbellError where a deliverer is at work, or where a receipt is damaged or the old file cannot be read
    whole, and that is not to be skipped.
    """
    folder = receipts_folder(url, receipts)
    damaged: list[Damage] | None = [] if skip_damaged else None
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        with open_journal(url, folder, recover=False) as journal:
            journal.forget_positions()
            taken = journal.catch_up(damaged=damaged)
            return Rebuilt(taken, sum(journal.counts().values()), 0, damaged or ())
    path = sqlite_path(address)
    new = path.with_name(f"{path.name}.rebuilt")
    with alone(path):
        _remove(new)
        with open_journal(sqlite_url(new), folder, recover=False) as journal:
            taken = journal.catch_up(damaged=damaged)
            salvaged, unread = _salvage(path, journal, {segment.deliverer for segment in segments(folder)})
            rows = sum(journal.counts().values())
        if unread and not skip_unread:
            _remove(new)
            raise HourbellError(
                f"{path} cannot be read whole ({unread[0]}), and nothing was changed: what was sent and has no receipt "
                "any more would be sent again. Bring the file back from a backup, then rebuild; or, where its receipts "
                "are all there, run `hourbell journal rebuild --skip-unread`."
            )
        kept_as = _swap(new, path)
        _remove(new)
    return Rebuilt(taken, rows, salvaged, damaged or (), kept_as, unread)


def _compare(journal: Journal, expected: Journal) -> _Comparison:
    found = _Comparison()
    ours, theirs = _rows(journal), _rows(expected)
    row, receipt = next(ours, None), next(theirs, None)
    while row is not None or receipt is not None:
        if row is None or (receipt is not None and receipt["action_id"] < row["action_id"]):
            assert receipt is not None
            if not journal.is_alive(receipt["claimed_by"]):
                found.missing += 1
                found.example(f"{receipt['action_id']}: {receipt['status']} by its receipt, and not in the journal")
            receipt = next(theirs, None)
            continue
        found.rows += 1
        if receipt is None or row["action_id"] < receipt["action_id"]:
            found.without_receipt += row["status"] != CLAIMED
        else:
            if row != receipt and not journal.is_alive(row["claimed_by"]):
                found.different += 1
                columns = [f"{name} {row[name]!s} and {receipt[name]!s}" for name in row if row[name] != receipt[name]]
                found.example(f"{row['action_id']}: {', '.join(columns)} by its receipt")
            receipt = next(theirs, None)
        row = next(ours, None)
    return found


def _rows(journal: Journal) -> Iterator[Mapping[str, Any]]:
    """The rows by action, a page at a time, so that a writer is never kept waiting for long."""
    last: int | None = None
    while True:
        page = sa.select(JOURNAL).order_by(JOURNAL.c.action_id).limit(_ROWS_AT_ONCE)
        if last is not None:
            page = page.where(JOURNAL.c.action_id > last)
        with journal.transaction() as connection:
            rows = [dict(row) for row in connection.execute(page).mappings()]
        yield from rows
        if len(rows) < _ROWS_AT_ONCE:
            return
        last = rows[-1]["action_id"]


def _faults(journal: Journal) -> list[str]:
    with journal.transaction() as connection:
        return _faults_of(connection) if connection.dialect.name == "sqlite" else []


def _faults_of(connection: sa.Connection) -> list[str]:
    """What SQLite says of its file."""
    found = connection.exec_driver_sql(f"pragma integrity_check({_EXAMPLES})").scalars().all()
    return [str(fault) for fault in found if fault != "ok"]


def _salvage(path: Path, journal: Journal, deliverers: set[str]) -> tuple[int, list[str]]:
    """Take over rows of which there is no receipt, as far as the old file can be read from either end; returns how
    many, and why it cannot be read whole."""
    if not path.exists():
        return 0, []
    before = sum(journal.counts().values())
    settled = set(get_args(Settled))
    unread: list[str] = []
    # without them all that is salvaged counts as open: an outcome that is written twice does no harm
    opened: set[int] | None = None
    engine = sa.create_engine(sqlite_url(path))
    try:
        with engine.connect() as old, _noted(unread):
            unread += _faults_of(old)
            opened = set(old.scalars(open_before(old)))
        for is_backwards in (False, True):
            with engine.connect() as old, _noted(unread):
                for rows in _readable(old, is_backwards=is_backwards):
                    # an open claim that the receipts do not know was given back, or never called for
                    known = [
                        row
                        for row in rows
                        if row["status"] in settled
                        or (row["status"] == CLAIMED and row["claimed_by"] not in deliverers)
                    ]
                    if known:
                        with journal.transaction() as connection:
                            salvaged = insert_claims(connection, known)
                            if opened is not None:
                                no_more = salvaged - opened
                                connection.execute(sa.delete(OPEN).where(among(connection, OPEN, no_more)))
                break
    finally:
        engine.dispose()
    return sum(journal.counts().values()) - before, unread


@contextmanager
def _noted(unread: list[str]) -> Iterator[None]:
    """Note that something cannot be read."""
    try:
        yield
    except (sa.exc.DatabaseError, ValueError, TypeError) as error:
        unread.append(str(error.orig) if isinstance(error, sa.exc.DatabaseError) else f"a row is damaged: {error}")


def _readable(old: sa.Connection, *, is_backwards: bool) -> Iterator[list[dict[str, Any]]]:
    """The rows of the journal as they are stored, from one end to the first that cannot be read: that raises."""
    stored: sa.ColumnElement[int] = sa.literal_column("rowid", sa.BigInteger)
    last: int | None = None
    size = _ROWS_AT_ONCE
    while True:
        page = sa.select(JOURNAL, stored.label(_PLACE)).order_by(stored.desc() if is_backwards else stored).limit(size)
        if last is not None:
            page = page.where(stored < last if is_backwards else stored > last)
        try:
            rows = [dict(row) for row in old.execute(page).mappings()]
        except (sa.exc.DatabaseError, ValueError, TypeError):
            if size == 1:
                raise
            # those before it in the page can be read
            size = 1
            continue
        if rows:
            last = rows[-1][_PLACE]
            yield [{name: value for name, value in row.items() if name != _PLACE} for row in rows]
        if len(rows) < size:
            return


def _swap(new: Path, path: Path) -> Path | None:
    """Put the new file in the place of the old, which is kept under another name."""
    kept_as: Path | None = None
    try:
        if path.exists():
            kept_as = path.with_name(f"{path.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
            for suffix in ("-wal", "-shm"):
                beside = path.with_name(path.name + suffix)
                if beside.exists():
                    beside.replace(kept_as.with_name(kept_as.name + suffix))
            os.link(path, kept_as)
        new.replace(path)
    except OSError as error:
        raise HourbellError(
            f"{path} cannot be replaced by {new}: {error.strerror}. Make room or give rights, and rebuild again."
        ) from error
    return kept_as


def _remove(new: Path) -> None:
    """Remove what building a journal leaves beside it."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    folder = new.with_name(f"{new.name}.deliverers")
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
