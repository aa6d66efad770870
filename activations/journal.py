"""The journal: one row an action, written before and after each call, so that nothing is sent twice or forgotten.

A row begins as `claimed` and ends as accepted, rejected, failed, expired or unknown. Its key is the action, so that
a second claim is impossible, whoever makes it. A claim whose deliverer has died is in doubt: whether the call was
made is then a question for the provider.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from activations.errors import HourbellError
from activations.outbox import Action, OutboxFile
from activations.presence import FilePresence, PostgresPresence, Presence

Settled = Literal["accepted", "rejected", "failed", "expired", "unknown"]
"""rejected: will never be taken. failed: was not taken in several attempts. expired: came too late to be sent.
unknown: may or may not have arrived, and cannot be found out."""

CLAIMED = "claimed"
_CREATING = 0x486F7572


def _only(condition: str) -> dict[str, Any]:
    """The rows that a partial index covers."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


_METADATA = sa.MetaData()
_JOURNAL = sa.Table(
    "journal",
    _METADATA,
    sa.Column("action_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("tick_end", sa.DateTime, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("provider_message_id", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("claimed_by", sa.Text, nullable=False),
    sa.Column("claimed_at", sa.DateTime, nullable=False),
    sa.Column("settled_at", sa.DateTime),
    sa.Column("outcome_written", sa.Boolean, nullable=False, default=False),
    sa.Index("journal_claimed", "claimed_by", **_only("status = 'claimed'")),
    sa.Index("journal_unwritten", "action_id", **_only("not outcome_written")),
)
_FINISHED = sa.Table(
    "finished_files",
    _METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("actions", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """An action that is ours to carry."""

    action: Action
    message_id: str
    attempts: int
    """Calls that were made or begun for it, this one included."""
    in_doubt: bool
    """Whether a deliverer died over it, so that it may have been carried already."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What became of a batch that was asked for; the three add up to it."""

    ours: list[Claim]
    settled: int
    held: int
    """Claimed by another deliverer that is alive."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an action ended."""

    action_id: int
    status: Settled
    reason: str | None = None
    provider_message_id: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class JournalRow:
    """An action that the journal knows."""

    action_id: int
    channel: str
    workflow: str
    step: str
    provider: str
    message_id: str
    status: str
    attempts: int
    claimed_by: str


_ROW_COLUMNS = [_JOURNAL.c[field.name] for field in fields(JournalRow)]


def sqlite_url(path: Path) -> str:
    """The URL of a journal in a file."""
    return f"sqlite:///{path}"


@contextmanager
def open_journal(url: str) -> Iterator["Journal"]:
    """Open the journal at a SQLAlchemy URL, SQLite (which must be a file) or PostgreSQL, creating its tables.

    Raises HourbellError where that cannot be done, and later where the journal cannot be written.
    """
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite":
            engine, presence = _open_sqlite(address)
        elif address.get_backend_name() == "postgresql":
            engine = sa.create_engine(address)
            presence = PostgresPresence(engine)
        else:
            raise HourbellError(
                f"The journal cannot be kept in {address.get_backend_name()}. Use sqlite:///… or postgresql+psycopg://…"
            )
    except (sa.exc.ArgumentError, ImportError) as error:
        raise HourbellError(
            f"The journal's URL cannot be used: {error}. Mend it, as in sqlite:///journal.sqlite"
        ) from error
    journal = Journal(engine, presence)
    try:
        journal.create()
        yield journal
    finally:
        presence.leave()
        engine.dispose()


def _open_sqlite(address: sa.URL) -> tuple[sa.Engine, Presence]:
    if not address.database or address.database == ":memory:":
        raise HourbellError("The journal must outlive the process. Name a file, as in sqlite:///journal.sqlite")
    path = Path(address.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HourbellError(
            f"Cannot create {path.parent} for the journal: {error.strerror}. Give yourself rights to it."
        ) from error
    engine = sa.create_engine(address, connect_args={"timeout": 60})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # the driver's own transactions begin too late for a claim to be one
        connection.isolation_level = None
        connection.execute("pragma journal_mode = wal")
        # a claim must be on disk before the call is made
        connection.execute("pragma synchronous = full")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("begin immediate")

    return engine, FilePresence(path.with_name(f"{path.name}.deliverers"))


class Journal:
    """An open journal, as one deliverer sees it."""

    def __init__(self, engine: sa.Engine, presence: Presence) -> None:
        self._engine = engine
        self._presence = presence
        self._insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert

    @property
    def deliverer(self) -> str:
        return self._presence.deliverer

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Write all of it, or nothing; raises HourbellError where it cannot be written."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            where = self._engine.url.render_as_string(hide_password=True)
            raise HourbellError(
                f"The journal {where} cannot be read or written: {error.orig}. Make room or give rights, then deliver "
                "again: what was under way is found out, and nothing is sent twice."
            ) from error

    def create(self) -> None:
        """Create the tables where they are not there."""
        with self.transaction() as connection:
            if connection.dialect.name == "postgresql":
                # two that create at once would meet
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
            _METADATA.create_all(connection)

    def claim(
        self,
        actions: Sequence[Action],
        message_ids: Mapping[int, str],
        *,
        provider: str,
        now: datetime,
        attempts: Mapping[int, int] | None = None,
    ) -> Claims:
        """Claim a batch in one transaction, and take over from deliverers that have died.

        `attempts` are those that were made for an action before; 0 unless given.
        """
        with self._explained():
            self._presence.enter()
        wanted: dict[int, Action] = {}
        for action in actions:
            wanted.setdefault(action.action_id, action)
        before = attempts or {}
        rows = [
            {
                "action_id": action.action_id,
                "channel": action.channel,
                "tick_end": action.tick_end,
                "workflow": action.workflow,
                "step": action.step,
                "provider": provider,
                "message_id": message_ids[action.action_id],
                "status": CLAIMED,
                "attempts": before.get(action.action_id, 0) + 1,
                "claimed_by": self.deliverer,
                "claimed_at": now,
            }
            for action in wanted.values()
        ]
        with self.transaction() as connection:
            insert = self._insert(_JOURNAL).on_conflict_do_nothing().returning(_JOURNAL.c.action_id)
            new = set(connection.scalars(insert, rows)) if rows else set()
            ours = [
                Claim(action, message_ids[number], before.get(number, 0) + 1, in_doubt=False)
                for number, action in wanted.items()
                if number in new
            ]
            known = self._known(connection, wanted.keys() - new)
            settled = sum(row.status != CLAIMED for row in known)
            abandoned = self._take_over(connection, [row for row in known if row.status == CLAIMED], now)
        ours += [Claim(wanted[row.action_id], row.message_id, row.attempts + 1, in_doubt=True) for row in abandoned]
        repeated = len(actions) - len(wanted)
        return Claims(ours, settled=settled + repeated, held=len(known) - settled - len(abandoned))

    def release(self, action_ids: Collection[int]) -> None:
        """Give back claims for which it is certain that the provider took nothing."""
        if action_ids:
            with self.transaction() as connection:
                connection.execute(sa.delete(_JOURNAL).where(self._held_by_us(), _JOURNAL.c.action_id.in_(action_ids)))

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Record how claims of ours ended, in one transaction.

        Raises HourbellError, after it has recorded the others, where a claim is not ours any more; that only happens to
        a process that was taken for dead.
        """
        if not settlements:
            return
        statement = (
            sa.update(_JOURNAL)
            .where(self._held_by_us(), _JOURNAL.c.action_id == sa.bindparam("key"))
            .values(settled_at=now, outcome_written=False)
        )
        rows = [
            {
                "key": settlement.action_id,
                "status": settlement.status,
                "reason": settlement.reason,
                "provider_message_id": settlement.provider_message_id,
                "attempts": settlement.attempts,
            }
            for settlement in settlements
        ]
        with self.transaction() as connection:
            settled = connection.execute(statement, rows).rowcount
        if settled != len(rows):
            raise HourbellError(
                f"{len(rows) - settled} of {len(rows)} actions were settled by somebody else meanwhile, who took this "
                "deliverer for dead. Look whether the journal's folder is on a file system without locks."
            )

    def abandoned(self, channel: str, *, now: datetime) -> list[JournalRow]:
        """Take over what dead deliverers of a channel left, whether or not it still is in the outbox."""
        with self._explained():
            self._presence.enter()
        with self.transaction() as connection:
            return self._take_over(connection, self._claimed(connection, channel), now)

    def in_doubt(self) -> list[JournalRow]:
        """Claims whose deliverer is dead; the next delivery finds out about them."""
        with self.transaction() as connection:
            claimed = self._claimed(connection)
        dead = self._dead(claimed)
        return [row for row in claimed if row.claimed_by in dead]

    def counts(self) -> dict[tuple[str, str], int]:
        """The number of actions by channel and status."""
        with self.transaction() as connection:
            found = connection.execute(
                sa.select(_JOURNAL.c.channel, _JOURNAL.c.status, sa.func.count()).group_by(
                    _JOURNAL.c.channel, _JOURNAL.c.status
                )
            )
            return {(channel, status): number for channel, status, number in found}

    def unwritten_outcomes(self, limit: int) -> list[Mapping[str, Any]]:
        """Settled actions whose outcome is in no file yet, oldest action first, with the columns of the journal."""
        with self.transaction() as connection:
            found = connection.execute(
                sa.select(_JOURNAL)
                .where(sa.not_(_JOURNAL.c.outcome_written), _JOURNAL.c.status != CLAIMED)
                .order_by(_JOURNAL.c.action_id)
                .limit(limit)
            )
            return [dict(row) for row in found.mappings()]

    def outcomes_written(self, action_ids: Sequence[int]) -> None:
        """Note that the outcomes of these are in a file."""
        with self.transaction() as connection:
            connection.execute(
                sa.update(_JOURNAL).where(_JOURNAL.c.action_id.in_(action_ids)).values(outcome_written=True)
            )

    def finished_files(self) -> dict[str, tuple[str, int]]:
        """Outbox files in which every action is settled: by name, the fingerprint and the number of actions."""
        with self.transaction() as connection:
            found = connection.execute(sa.select(_FINISHED))
            return {name: (fingerprint, actions) for name, fingerprint, actions in found}

    def file_finished(self, file: OutboxFile, actions: int) -> None:
        """Note that every action of a file is settled, so that it need not be read again."""
        row = {"fingerprint": file.fingerprint, "actions": actions}
        with self.transaction() as connection:
            connection.execute(
                self._insert(_FINISHED)
                .values(name=file.name, **row)
                .on_conflict_do_update(index_elements=[_FINISHED.c.name], set_=row)
            )

    def _held_by_us(self) -> sa.ColumnElement[bool]:
        return sa.and_(_JOURNAL.c.status == CLAIMED, _JOURNAL.c.claimed_by == self.deliverer)

    def _known(self, connection: sa.Connection, action_ids: Collection[int]) -> list[JournalRow]:
        found = connection.execute(sa.select(*_ROW_COLUMNS).where(_JOURNAL.c.action_id.in_(action_ids)))
        return [JournalRow(**row) for row in found.mappings()]

    def _claimed(self, connection: sa.Connection, channel: str | None = None) -> list[JournalRow]:
        claimed = sa.select(*_ROW_COLUMNS).where(_JOURNAL.c.status == CLAIMED)
        if channel is not None:
            claimed = claimed.where(_JOURNAL.c.channel == channel)
        return [JournalRow(**row) for row in connection.execute(claimed).mappings()]

    def _dead(self, rows: Sequence[JournalRow]) -> set[str]:
        return {by for by in {row.claimed_by for row in rows} if not self._presence.is_alive(by)}

    def _take_over(self, connection: sa.Connection, rows: Sequence[JournalRow], now: datetime) -> list[JournalRow]:
        """Make claims of dead deliverers ours, and return those that nobody else took first."""
        dead = self._dead(rows)
        wanted = [row.action_id for row in rows if row.claimed_by in dead]
        if not wanted:
            return []
        taken = set(
            connection.scalars(
                sa.update(_JOURNAL)
                .where(
                    _JOURNAL.c.status == CLAIMED,
                    _JOURNAL.c.claimed_by.in_(dead),
                    _JOURNAL.c.action_id.in_(wanted),
                )
                .values(claimed_by=self.deliverer, claimed_at=now, attempts=_JOURNAL.c.attempts + 1)
                .returning(_JOURNAL.c.action_id)
            )
        )
        return [row for row in rows if row.action_id in taken]
