"""What is asked of the journal's tables, within a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

import orjson
import sqlalchemy as sa

from activations.journal.rows import JournalRow
from activations.journal.tables import CLAIMED, FINISHED, JOURNAL, OPEN

_COLUMNS = [JOURNAL.c[column.name] for column in fields(JournalRow)]


def among(connection: sa.Connection, table: sa.Table, action_ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Whether a row of a table is of one of these actions, at little cost for thousands."""
    return table.c.action_id.in_(listed(connection, action_ids))


def listed(connection: sa.Connection, values: Collection[Any]) -> Any:
    """Values for `in`, at little cost for thousands."""
    if connection.dialect.name != "sqlite":
        return [*values]
    return sa.select(sa.func.json_each(orjson.dumps([*values]).decode()).table_valued("value"))


def known(connection: sa.Connection, action_ids: Collection[int]) -> list[JournalRow]:
    """Those of the actions that the journal knows."""
    if not action_ids:
        return []
    return _rows(connection, sa.select(*_COLUMNS).where(among(connection, JOURNAL, action_ids)))


def claimed(connection: sa.Connection, channel: str | None = None) -> list[JournalRow]:
    """Actions that somebody has claimed and not settled; those of one channel, where it is given."""
    # not joined: SQLite would begin with the journal, as it takes a state for something rare in it
    is_open = JOURNAL.c.action_id.in_(sa.select(OPEN.c.action_id))
    open_claims = sa.select(*_COLUMNS).where(is_open, JOURNAL.c.status == CLAIMED)
    return _rows(connection, open_claims if channel is None else open_claims.where(JOURNAL.c.channel == channel))


def newest(connection: sa.Connection, statuses: Collection[str], limit: int | None) -> list[JournalRow]:
    """Actions in one of these states, the newest first."""
    found = sa.select(*_COLUMNS).where(JOURNAL.c.status.in_(statuses))
    return _rows(connection, found.order_by(JOURNAL.c.claimed_at.desc(), JOURNAL.c.action_id).limit(limit))


def reasons(connection: sa.Connection, statuses: Collection[str]) -> list[tuple[str, str, str, str | None, int]]:
    """Why actions are in one of these states: channel, workflow, state, reason and their number."""
    by = (JOURNAL.c.channel, JOURNAL.c.workflow, JOURNAL.c.status, JOURNAL.c.reason)
    counted = sa.select(*by, sa.func.count()).where(JOURNAL.c.status.in_(statuses)).group_by(*by)
    found = connection.execute(counted.order_by(sa.func.count().desc(), *by))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in found]


def counts(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """The number of actions by channel and status."""
    by = (JOURNAL.c.channel, JOURNAL.c.status)
    found = connection.execute(sa.select(*by, sa.func.count()).group_by(*by))
    return {(channel, status): number for channel, status, number in found}


def unwritten_outcomes(connection: sa.Connection, columns: Sequence[str], limit: int) -> list[Sequence[Any]]:
    """These columns of settled actions whose outcome is in no file yet, oldest action first; moments as the database
    keeps them, in SQLite as text."""
    # as text, nothing is made of a value but what the driver makes of it
    found = connection.execute(
        sa.select(*(sa.type_coerce(JOURNAL.c[name], sa.Text) for name in columns))
        .join_from(OPEN, JOURNAL, OPEN.c.action_id == JOURNAL.c.action_id)
        .where(JOURNAL.c.status != CLAIMED)
        .order_by(OPEN.c.action_id)
        .limit(limit)
    )
    return list(found.tuples().all())


def finished_files(connection: sa.Connection) -> dict[str, tuple[str, int]]:
    """Outbox files in which every action is settled: by name, the fingerprint and the number of actions."""
    return {name: (fingerprint, actions) for name, fingerprint, actions in connection.execute(sa.select(FINISHED))}


def _rows(connection: sa.Connection, statement: sa.Select[Any]) -> list[JournalRow]:
    return [JournalRow(**row) for row in connection.execute(statement).mappings()]
