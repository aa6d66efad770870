"""What is written to the journal for each action, at as little cost an action as the database allows."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from activations.journal.alike import Row, alike, texts_by_action
from activations.journal.reading import among
from activations.journal.tables import AIM_COLUMNS, AIMS, CLAIM_COLUMNS, CLAIMED, JOURNAL, OPEN, READ, SETTLED_COLUMNS

_POSITION_COLUMNS = ("segment", "position")

_CLAIMED: sa.ColumnElement[str] = sa.literal_column(f"'{CLAIMED}'")
_CLAIM: dict[str, sa.ColumnElement[Any]] = {
    name: sa.bindparam(name, type_=JOURNAL.c[name].type) for name in (*CLAIM_COLUMNS, "claimed_by")
} | {"status": _CLAIMED}


def _settling(action_id: sa.ColumnElement[int], known_as: sa.ColumnElement[Any]) -> Any:
    # a claim is open already, and stays so until its outcome is in a file
    return (
        sa.update(JOURNAL)
        .where(
            JOURNAL.c.action_id == action_id,
            JOURNAL.c.status == _CLAIMED,
            JOURNAL.c.claimed_by == sa.bindparam("held_by"),
        )
        .values({name: sa.bindparam(name) for name in SETTLED_COLUMNS[1:]} | {"provider_message_id": known_as})
    )


_TEXTS, _ACTION_OF, _TEXT_OF = texts_by_action()
_CLAIM_OF_MANY = _CLAIM | {"action_id": _ACTION_OF, "message_id": _TEXT_OF}
_INSERT = sa.insert(JOURNAL).values(_CLAIM)
_INSERT_MANY = sa.insert(JOURNAL).from_select(
    [*_CLAIM_OF_MANY], sa.select(*_CLAIM_OF_MANY.values()).select_from(_TEXTS)
)
_SETTLE = _settling(sa.bindparam("action_id"), sa.bindparam("provider_message_id"))
_SETTLE_MANY = _settling(_ACTION_OF, _TEXT_OF)

_LISTED = sa.select(sa.func.json_each(sa.bindparam("listed")).table_valued("value"))
_THERE = sa.select(JOURNAL.c.action_id).where(JOURNAL.c.action_id.in_(_LISTED))
_OPEN_LISTED = sqlite.insert(OPEN).from_select(["action_id"], _LISTED.where(sa.true())).on_conflict_do_nothing()


def insert_into(connection: sa.Connection, table: sa.Table) -> Any:
    """An insert that knows `on_conflict_…`, of the dialect that the connection speaks."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: sa.Table) -> Any:
    if dialect == "sqlite":
        return sqlite.insert(table)
    # imported for a journal on a server only
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


# made once, and so read once: SQLAlchemy takes longer to read a statement than a small batch takes
@lru_cache
def _insert_aim(dialect: str) -> Any:
    return _insert(dialect, AIMS).values({name: sa.bindparam(name) for name in AIM_COLUMNS}).on_conflict_do_nothing()


@lru_cache
def _insert_position(dialect: str) -> Any:
    insert = _insert(dialect, READ).values({name: sa.bindparam(name) for name in _POSITION_COLUMNS})
    return insert.on_conflict_do_update(index_elements=[READ.c.segment], set_={"position": insert.excluded.position})


def insert_new(connection: sa.Connection, rows: Sequence[Row], deliverer: str) -> set[int]:
    """Insert claims of a deliverer, rows of CLAIM_COLUMNS, whose action the journal does not know; returns these."""
    if not rows:
        return set()
    if connection.dialect.name != "sqlite":
        known = {"status": CLAIMED, "claimed_by": deliverer}
        return insert_claims(connection, [dict(zip(CLAIM_COLUMNS, row, strict=True), **known) for row in rows])
    # nobody else writes within this transaction, so that what is looked for first can be inserted without a doubt
    there = set(connection.scalars(_THERE, {"listed": orjson.dumps([row[0] for row in rows]).decode()}))
    new = [row for row in rows if row[0] not in there] if there else rows
    for common, group in alike(CLAIM_COLUMNS, "message_id", new):
        if common is None:
            execute_rows(connection, _INSERT, CLAIM_COLUMNS, group, claimed_by=deliverer)
        else:
            connection.execute(_INSERT_MANY, {**common, "claimed_by": deliverer})
    # in the order of the outbox, which is that of the action
    inserted = [row[0] for row in new]
    note_open(connection, inserted)
    return set(inserted)


def insert_claims(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Insert rows whose action the journal does not know, as open ones; returns these."""
    insert = insert_into(connection, JOURNAL).on_conflict_do_nothing().returning(JOURNAL.c.action_id)
    inserted = set(connection.scalars(insert, rows))
    note_open(connection, inserted)
    return inserted


def note_open(connection: sa.Connection, action_ids: Collection[int]) -> None:
    """Note that actions are open; some may be already."""
    if not action_ids:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(_OPEN_LISTED, {"listed": orjson.dumps([*action_ids]).decode()})
    else:
        connection.execute(
            insert_into(connection, OPEN).on_conflict_do_nothing(), [{"action_id": number} for number in action_ids]
        )


def give_back(connection: sa.Connection, claims: sa.ColumnElement[bool]) -> None:
    """Take claims out of the journal, as if they had never been made."""
    gone = connection.scalars(sa.delete(JOURNAL).where(claims).returning(JOURNAL.c.action_id)).all()
    connection.execute(sa.delete(OPEN).where(among(connection, OPEN, gone)))


def settle_claims(connection: sa.Connection, rows: Sequence[Row], deliverer: str) -> int:
    """Note how claims of a deliverer ended, rows of SETTLED_COLUMNS; returns how many of them were its own."""
    if connection.dialect.name != "sqlite":
        return execute_rows(connection, _SETTLE, SETTLED_COLUMNS, rows, held_by=deliverer)
    settled = 0
    for common, group in alike(SETTLED_COLUMNS, "provider_message_id", rows):
        if common is None:
            settled += execute_rows(connection, _SETTLE, SETTLED_COLUMNS, group, held_by=deliverer)
        else:
            settled += connection.execute(_SETTLE_MANY, {**common, "held_by": deliverer}).rowcount
    return settled


def insert_aims(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Remember what actions set, rows of AIM_COLUMNS; one that is known stays as it is."""
    execute_rows(connection, _insert_aim(connection.dialect.name), AIM_COLUMNS, rows)


def note_position(connection: sa.Connection, segment: str, position: int) -> None:
    """Note how far the journal knows what a file of receipts says."""
    execute_rows(connection, _insert_position(connection.dialect.name), _POSITION_COLUMNS, [(segment, position)])


def execute_rows(
    connection: sa.Connection, statement: Any, names: Sequence[str], rows: Sequence[Row], **same: object
) -> int:
    """Execute a statement for each row by the driver itself, and return how many rows of the table it changed.

    Its parameters are the names of the columns, and those that are the `same` for all rows. SQLAlchemy would look at
    every value of every row.
    """
    if not rows:
        return 0
    compiled = _compiled(statement, connection.dialect)
    if not compiled.positional:
        return connection.exec_driver_sql(
            str(compiled), [dict(zip(names, row, strict=True), **same) for row in rows]
        ).rowcount
    as_text = _moment_as_text(connection.dialect)
    columns: Mapping[str, Iterable[Any]] = {
        name: map(as_text, values) if type(values[0]) is datetime else values
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    values = zip(*(columns[name] if name in columns else repeat(same[name]) for name in compiled.positiontup))  # noqa: B905
    return connection.exec_driver_sql(str(compiled), list(values)).rowcount


@lru_cache(maxsize=16)
def _compiled(statement: Any, dialect: sa.Dialect) -> Any:
    return statement.compile(dialect=dialect)


@lru_cache(maxsize=1)
def _moment_as_text(dialect: sa.Dialect) -> Callable[[datetime], Any]:
    """How a database without timestamps keeps them; a batch has few different ones."""
    process = sa.DateTime().dialect_impl(dialect).bind_processor(dialect)
    assert process is not None
    return lru_cache(maxsize=1_000)(process)
