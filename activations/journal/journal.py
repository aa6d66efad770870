"""The journal: one row an action, written before and after each call, so that nothing is sent twice or forgotten.

A row begins as `claimed` and ends as accepted, rejected, failed, expired or unknown. Its key is the action, so that
a second claim is impossible, whoever makes it. A claim whose deliverer has died is in doubt: whether the call was
made is then a question for the provider, unless the deliverer's receipts do not know of the claim.

Beside it are the receipts, written before the journal turns: what they say and the journal does not is made good when
it is opened, or when a claim of a dead deliverer is met.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from activations.delivery.outbox import Action, OutboxFile
from activations.errors import HourbellError
from activations.journal import reading as reading
from activations.journal.ordering import Order, note_aims, order_of
from activations.journal.pauses import Pause, Scope, pause_of
from activations.journal.place import engine_of
from activations.journal.presence import Presence
from activations.journal.receipts import Damage, Receipt, ReceiptLog, receipts_folder
from activations.journal.recovery import catch_up, never_called, set_pause
from activations.journal.rows import Aim, Claim, Claims, Got, JournalRow, Settled, Settlement
from activations.journal.tables import (
    AIM_COLUMNS,
    CLAIM_COLUMNS,
    CLAIMED,
    FINISHED,
    JOURNAL,
    METADATA,
    OPEN,
    PAUSES,
    READ,
    SETTLED_COLUMNS,
)
from activations.journal.transactions import Transactions
from activations.journal.upgrade import upgrade
from activations.journal.writing import Row, give_back, insert_into, insert_new, note_open, note_position, settle_claims

_CREATING = 0x486F7572
_CATCHING_UP = 0x486F7573
_ASKED_AT_ONCE = 5_000
_PAUSES = sa.select(PAUSES)

T = TypeVar("T")
log = logging.getLogger(__name__)


@contextmanager
def open_journal(
    url: str, receipts: Path | None = None, *, recover: bool = True, kind: type["Journal"] | None = None
) -> Iterator["Journal"]:
    """Open the journal at a SQLAlchemy URL, SQLite (which must be a file) or PostgreSQL, creating its tables.

    Its receipts are beside a file, and in the folder that is given for a server. What they say and the journal does not
    is made good first, unless `recover` is false. `kind` is another class of journal. Raises HourbellError where that
    cannot be done, and later where the journal cannot be written.
    """
    with ExitStack() as held:
        try:
            address = sa.make_url(url)
            engine, presence = engine_of(address, held)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise HourbellError(
                f"The journal's URL cannot be used: {error}. Mend it, as in sqlite:///journal.sqlite"
            ) from error
        held.callback(engine.dispose)
        held.callback(presence.leave)
        if receipts is None and address.get_backend_name() != "sqlite":
            raise HourbellError("A journal on a server needs a folder of this machine for its receipts. Name one.")
        log_of_ours = ReceiptLog(receipts or receipts_folder(url, Path()), presence.deliverer)
        held.callback(log_of_ours.close)
        journal = (kind or Journal)(engine, presence, log_of_ours)
        journal.create()
        if recover:
            journal.catch_up()
        yield journal


class Journal(Transactions):
    """An open journal, as one deliverer sees it."""

    def __init__(self, engine: sa.Engine, presence: Presence, receipts: ReceiptLog) -> None:
        super().__init__(engine)
        self._presence = presence
        self._receipts = receipts
        self._is_behind = False

    @property
    def deliverer(self) -> str:
        return self._presence.deliverer

    def create(self) -> None:
        """Create the tables where they are not there, or are an earlier version's."""
        with self.transaction() as connection:
            if connection.dialect.name == "postgresql":
                # two that create at once would meet
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
            METADATA.create_all(connection)
            upgrade(connection)

    def catch_up(self, *, damaged: list[Damage] | None = None) -> int:
        """Take over what dead deliverers noted and the journal does not know; returns the number of receipts."""
        with self.transaction() as connection:
            return self._catch_up(connection, damaged=damaged)

    def forget_positions(self) -> None:
        """Have all receipts read again by the next `catch_up`; what they say is said twice without harm."""
        with self.transaction() as connection:
            connection.execute(sa.delete(READ))

    def is_alive(self, deliverer: str) -> bool:
        """Whether a deliverer may still settle what it claimed."""
        with self._explained():
            return self._presence.is_alive(deliverer)

    def _catch_up(
        self, connection: sa.Connection, only: Collection[str] | None = None, damaged: list[Damage] | None = None
    ) -> int:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CATCHING_UP)))

        def is_dead(deliverer: str) -> bool:
            return not self._presence.is_alive(deliverer)

        return catch_up(connection, self._receipts.folder, is_dead, only=only, damaged=damaged)

    def _note(self, *receipts: Receipt) -> None:
        """Write receipts before the journal says the same."""
        with self._explained():
            self._presence.enter()
        self._receipts.append(*receipts)

    def _record(self, action_ids: Collection[int], work: Callable[[sa.Connection], T]) -> T:
        """Let the journal say what a receipt has said: that claims of ours are at an end."""

        def work_and_note(connection: sa.Connection) -> T:
            done = work(connection)
            if self._receipts.position is not None and not self._is_behind:
                note_position(connection, *self._receipts.position)
            return done

        def is_there(connection: sa.Connection, _: T) -> bool:
            still = sa.select(sa.func.count()).where(self._ours_of(action_ids))
            return not connection.execute(still).scalar_one()

        try:
            return self._write(work_and_note, is_there)
        except BaseException:
            # the receipts know more from here on; a later position would hide it
            self._is_behind = True
            raise

    def claim(
        self,
        actions: Sequence[Action],
        message_ids: Mapping[int, str],
        *,
        provider: str,
        now: datetime,
        attempts: Mapping[int, int] | None = None,
        aims: Mapping[int, Aim] | None = None,
    ) -> Claims:
        """Claim a batch in one transaction, and take over from deliverers that have died.

        `attempts` are those that were made for an action before; 0 unless given. `aims` are of actions that set what is
        so from then on.
        """
        self._come_forward()
        wanted: dict[int, Action] = {}
        for action in actions:
            wanted.setdefault(action.action_id, action)
        before = attempts or {}
        rows = [
            (
                number,
                action.channel,
                action.tick_end,
                action.workflow,
                action.step,
                provider,
                message_ids[number],
                before.get(number, 0) + 1,
                now,
            )
            for number, action in wanted.items()
        ]
        got = self._write(lambda connection: self._claim_rows(connection, wanted, rows, aims or {}), self._are_held)
        self._note_or_undo([row for row in rows if row[0] in got.new], got)
        ours = [
            Claim(action, message_ids[number], before.get(number, 0) + 1, in_doubt=False, claimed_at=now)
            for number, action in wanted.items()
            if number in got.new
        ]
        ours += [
            Claim(
                wanted[row.action_id],
                row.message_id,
                row.attempts + 1,
                in_doubt=row.action_id not in got.uncalled,
                claimed_at=row.claimed_at,
            )
            for row in got.taken
        ]
        repeated = len(actions) - len(wanted)
        return Claims(ours, got.settled + repeated, got.held, got.paused, got.overtaken, got.behind)

    def _claim_rows(
        self,
        connection: sa.Connection,
        wanted: Mapping[int, Action],
        rows: Sequence[Row],
        aims: Mapping[int, Aim],
    ) -> Got:
        """Insert what is new, and take over what the dead have left, within a transaction."""
        pauses = self._pauses(connection)
        stopped = {
            number: pause
            for number, action in (wanted.items() if pauses else ())
            if (pause := pause_of(pauses, action.workflow, action.channel)) is not None
        }
        order = order_of(connection, aims) if aims else Order()
        kept_back = stopped.keys() | order.behind.keys()
        may_go = [row for row in rows if row[0] not in kept_back] if kept_back else rows
        new = insert_new(connection, may_go, self.deliverer)
        known = reading.known(connection, wanted.keys() - new)
        dead = self._dead([row for row in known if row.status == CLAIMED])
        if dead and self._catch_up(connection, only=dead):
            new |= insert_new(connection, [row for row in may_go if row[0] not in new], self.deliverer)
            known = reading.known(connection, wanted.keys() - new)
        settled = {row.action_id for row in known if row.status != CLAIMED}
        open_rows = [row for row in known if row.status == CLAIMED and row.action_id not in stopped]
        taken = self._take_over(connection, open_rows)
        noted = {number: aims[number] for number in aims.keys() & new - order.overtaken}
        if aims:
            note_aims(connection, order, noted)
        there = stopped.keys() | {row.action_id for row in known}
        return Got(
            new,
            taken,
            never_called(connection, self._receipts.folder, taken) if taken else frozenset(),
            len(settled),
            len(open_rows) - len(taken),
            Counter(str(pause) for number, pause in stopped.items() if number not in settled),
            order.overtaken,
            {number: older for number, older in order.behind.items() if number not in there},
            noted,
        )

    def _are_held(self, connection: sa.Connection, got: Got) -> bool:
        """Whether all that was got is ours in the journal."""
        numbers = [*got.new, *(row.action_id for row in got.taken)]
        mine = sa.select(sa.func.count()).where(self._ours_of(numbers))
        return bool(connection.execute(mine).scalar_one() == len(numbers))

    def _note_or_undo(self, rows: Sequence[Row], got: Got) -> None:
        """Write receipts of claims; where that fails, what is new is claimed no more."""
        try:
            self._note_claims(rows, got.taken, got.aims)
        except HourbellError:
            with suppress(HourbellError), self.transaction() as connection:
                give_back(connection, self._ours_of(got.new))
            raise

    def overtaken(self, aims: Mapping[int, Aim]) -> frozenset[int]:
        """Those of the actions whose target a newer one has set by now."""
        with self.reading() as connection:
            return order_of(connection, aims).overtaken

    def _note_claims(
        self, rows: Sequence[Row], taken: Sequence[JournalRow], aims: Mapping[int, Aim] | None = None
    ) -> None:
        receipts = []
        if aims:
            receipts.append(_receipt("aims", AIM_COLUMNS, [(number, *aim) for number, aim in aims.items()]))
        if rows:
            receipts.append(_receipt("claim", CLAIM_COLUMNS, rows))
        if taken:
            changed = [{**asdict(row), "attempts": row.attempts + 1, "taken_from": row.claimed_by} for row in taken]
            names = (*CLAIM_COLUMNS, "taken_from")
            receipts.append(_receipt("claim", names, [tuple(row[name] for name in names) for row in changed]))
        if receipts:
            self._note(*receipts)

    def release(self, action_ids: Collection[int]) -> None:
        """Give back claims for which it is certain that the provider took nothing."""
        if not action_ids:
            return
        self._note({"kind": "release", "rows": list(action_ids)})
        self._record(action_ids, lambda connection: give_back(connection, self._ours_of(action_ids)))

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Record how claims of ours ended, in one transaction.

        Raises HourbellError, after it has recorded the others, where a claim is not ours any more; that only happens to
        a process that was taken for dead.
        """
        if not settlements:
            return
        rows = [(*settlement, now) for settlement in settlements]
        self._note(_receipt("settle", SETTLED_COLUMNS, rows))
        settled = self._record(
            [settlement.action_id for settlement in settlements],
            lambda connection: settle_claims(connection, rows, self.deliverer),
        )
        if settled != len(rows):
            self._is_behind = True
            raise HourbellError(
                f"{len(rows) - settled} of {len(rows)} actions were settled by somebody else meanwhile, who took this "
                "deliverer for dead. Look whether the journal's folder is on a file system without locks."
            )

    def resolve(self, action_ids: Collection[int], *, accepted: bool, note: str, now: datetime) -> None:
        """Settle what is unknown as a person found it to be. Raises HourbellError where another state is found."""
        with self.transaction() as connection:
            known = {row.action_id: row for row in reading.known(connection, action_ids)}
        for number in action_ids:
            if number not in known:
                raise HourbellError(f"The journal knows no action {number}. `hourbell journal list` shows what it has.")
            if known[number].status != "unknown":
                raise HourbellError(f"Action {number} is {known[number].status}; only what is unknown can be resolved.")
        reason = "by hand: " + (note or ("it arrived" if accepted else "it did not arrive"))
        status: Settled = "accepted" if accepted else "failed"
        said = None if accepted and not note else reason
        rows = [(number, status, said, None, row.attempts, now) for number, row in known.items()]
        claimed = [tuple(asdict(row)[name] for name in CLAIM_COLUMNS) for row in known.values()]
        self._note(_receipt("claim", CLAIM_COLUMNS, claimed), _receipt("resolve", SETTLED_COLUMNS, rows))
        statement = sa.update(JOURNAL).where(JOURNAL.c.status == "unknown", JOURNAL.c.action_id == sa.bindparam("key"))
        changes = [dict(zip(("key", *SETTLED_COLUMNS[1:]), row, strict=True)) for row in rows]

        def settle_and_open(connection: sa.Connection) -> None:
            connection.execute(statement, changes)
            note_open(connection, known)

        self._record(known, settle_and_open)

    def pause(self, scope: Scope, name: str, *, reason: str, now: datetime) -> None:
        """Let nothing of this be claimed from now on."""
        self._switch({"kind": "pause", "scope": scope, "name": name, "reason": reason, "at": now.isoformat()})

    def resume(self, scope: Scope, name: str, *, now: datetime) -> bool:
        """Let it be claimed again; says whether it was paused."""
        was_paused = any((pause.scope, pause.name) == (scope, name) for pause in self.pauses())
        self._switch({"kind": "resume", "scope": scope, "name": name, "at": now.isoformat()})
        return was_paused

    def pauses(self) -> list[Pause]:
        """What is paused now."""
        with self.reading() as connection:
            return self._pauses(connection)

    def _switch(self, receipt: Receipt) -> None:
        self._note(receipt)
        self._record([], lambda connection: set_pause(connection, receipt))

    def _pauses(self, connection: sa.Connection) -> list[Pause]:
        return [Pause(**row) for row in connection.execute(_PAUSES).mappings()]

    def abandoned(self, channel: str) -> list[JournalRow]:
        """Take over what dead deliverers of a channel left, whether or not it still is in the outbox; not what is
        paused."""
        self._come_forward()

        def work(connection: sa.Connection) -> list[JournalRow]:
            self._catch_up(connection, only=self._dead(reading.claimed(connection, channel)))
            pauses = self._pauses(connection)
            rows = [
                row
                for row in reading.claimed(connection, channel)
                if pause_of(pauses, row.workflow, row.channel) is None
            ]
            return self._take_over(connection, rows)

        with self.transaction() as connection:
            taken = work(connection)
        self._note_claims([], taken)
        return taken

    def in_doubt(self) -> list[JournalRow]:
        """Claims whose deliverer is dead; the next delivery finds out about them."""
        with self.reading() as connection:
            claimed = reading.claimed(connection)
        dead = self._dead(claimed)
        return [row for row in claimed if row.claimed_by in dead]

    def rows(self, statuses: Collection[str], *, limit: int | None = None) -> list[JournalRow]:
        """Actions in one of these states, the newest first."""
        with self.reading() as connection:
            return reading.newest(connection, statuses, limit)

    def reasons(self, statuses: Collection[str]) -> list[tuple[str, str, str, str | None, int]]:
        """Why actions are in one of these states: channel, workflow, state, reason and their number."""
        with self.reading() as connection:
            return reading.reasons(connection, statuses)

    def settled(self, action_ids: Sequence[int]) -> list[int]:
        """Those of the actions that have come to an end."""
        found: list[int] = []
        with self.reading() as connection:
            for start in range(0, len(action_ids), _ASKED_AT_ONCE):
                rows = reading.known(connection, action_ids[start : start + _ASKED_AT_ONCE])
                found += (row.action_id for row in rows if row.status != CLAIMED)
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """The number of actions by channel and status."""
        with self.reading() as connection:
            return reading.counts(connection)

    def unwritten_outcomes(self, columns: Sequence[str], limit: int) -> list[Sequence[Any]]:
        """These columns of settled actions whose outcome is in no file yet, oldest action first; moments are text where
        the database has no other."""
        with self.reading() as connection:
            return reading.unwritten_outcomes(connection, columns, limit)

    def without_outcome(self, action_ids: Sequence[int]) -> list[int]:
        """Those of actions that are settled whose outcome is in no file yet."""
        with self.reading() as connection:
            are_open = reading.among(connection, OPEN, action_ids)
            if connection.scalar(sa.select(sa.func.count()).select_from(OPEN).where(are_open)) == len(action_ids):
                return list(action_ids)
            return list(connection.scalars(sa.select(OPEN.c.action_id).where(are_open)))

    def outcomes_written(self, action_ids: Sequence[int]) -> None:
        """Note that the outcomes of these are in a file."""
        self._note({"kind": "outcomes", "rows": list(action_ids)})
        self._record(
            [],
            lambda connection: connection.execute(sa.delete(OPEN).where(reading.among(connection, OPEN, action_ids))),
        )

    def finished_files(self) -> dict[str, tuple[str, int]]:
        """Outbox files in which every action is settled: by name, the fingerprint and the number of actions."""
        with self.reading() as connection:
            return reading.finished_files(connection)

    def file_finished(self, file: OutboxFile, actions: int) -> None:
        """Note that every action of a file is settled, so that it need not be read again."""
        row = {"fingerprint": file.fingerprint, "actions": actions}
        with self.transaction() as connection:
            connection.execute(
                insert_into(connection, FINISHED)
                .values(name=file.name, **row)
                .on_conflict_do_update(index_elements=[FINISHED.c.name], set_=row)
            )

    def _ours_of(self, action_ids: Collection[int]) -> sa.ColumnElement[bool]:
        return sa.and_(
            JOURNAL.c.status == CLAIMED,
            JOURNAL.c.claimed_by == self.deliverer,
            JOURNAL.c.action_id.in_(action_ids),
        )

    def _come_forward(self) -> None:
        """Be alive to others before anything is claimed; raises HourbellError where they take us for dead by now."""
        with self._explained():
            self._presence.enter()
            self._presence.prove()

    def _dead(self, rows: Sequence[JournalRow]) -> set[str]:
        return {by for by in {row.claimed_by for row in rows} if not self._presence.is_alive(by)}

    def _take_over(self, connection: sa.Connection, rows: Sequence[JournalRow]) -> list[JournalRow]:
        """Make claims of dead deliverers ours, and return those that nobody else took first."""
        dead = self._dead(rows)
        wanted = [row.action_id for row in rows if row.claimed_by in dead]
        if not wanted:
            return []
        taken = set(
            connection.scalars(
                sa.update(JOURNAL)
                .where(
                    JOURNAL.c.status == CLAIMED,
                    JOURNAL.c.claimed_by.in_(dead),
                    JOURNAL.c.action_id.in_(wanted),
                )
                .values(claimed_by=self.deliverer, attempts=JOURNAL.c.attempts + 1)
                .returning(JOURNAL.c.action_id)
            )
        )
        return [row for row in rows if row.action_id in taken]


def _receipt(kind: str, columns: Sequence[str], rows: Sequence[Row]) -> Receipt:
    return {"kind": kind, "columns": columns, "rows": rows}
