"""What is written to the journal for each action, at as little cost an action as the database allows."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from activations.journal_tables import JOURNAL
from activations.recovery import insert_into

_INSERT = sa.insert(JOURNAL).values({column.name: sa.bindparam(column.name) for column in JOURNAL.columns})


def insert_new(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Insert rows whose action the journal does not know, and return their actions."""
    if not rows:
        return set()
    if connection.dialect.name != "sqlite":
        insert = insert_into(connection, JOURNAL).on_conflict_do_nothing().returning(JOURNAL.c.action_id)
        return set(connection.scalars(insert, list(rows)))
    # nobody else writes within this transaction, so that what is looked for first can be inserted without a doubt
    known = _known(connection, [row["action_id"] for row in rows])
    new = [row for row in rows if row["action_id"] not in known] if known else rows
    execute_many(connection, _INSERT, new)
    return {row["action_id"] for row in new}


def execute_many(connection: sa.Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute a statement for each row by the driver itself, and return how many rows of the table it changed.

    Each parameter of the statement must be in each row. SQLAlchemy would look at every value of every row.
    """
    if not rows:
        return 0
    compiled = statement.compile(dialect=connection.dialect)
    if not compiled.positional:
        return connection.exec_driver_sql(str(compiled), [dict(row) for row in rows]).rowcount
    order = compiled.positiontup
    as_text = _moment_as_text(connection.dialect)
    values = [
        tuple([as_text(value) if type(value) is datetime else value for value in map(row.__getitem__, order)])
        for row in rows
    ]
    return connection.exec_driver_sql(str(compiled), values).rowcount


def _known(connection: sa.Connection, action_ids: Sequence[int]) -> set[int]:
    wanted = sa.func.json_each(json.dumps(action_ids)).table_valued("value")
    return set(connection.scalars(sa.select(JOURNAL.c.action_id).where(JOURNAL.c.action_id.in_(sa.select(wanted)))))


@lru_cache(maxsize=1)
def _moment_as_text(dialect: sa.Dialect) -> Any:
    """How a database without timestamps keeps them; a batch has few different ones."""
    process = sa.DateTime().dialect_impl(dialect).bind_processor(dialect)
    assert process is not None
    return lru_cache(maxsize=1_000)(process)
