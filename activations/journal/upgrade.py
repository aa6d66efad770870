"""Bring the tables of a journal that an earlier version made up to date."""

import sqlalchemy as sa

from activations.journal.tables import JOURNAL, OPEN
from activations.journal.writing import insert_into

_BEFORE = "outcome_written"
"""A column that said of each row whether its outcome was in a file; the open actions have a table now."""


def open_before(connection: sa.Connection) -> sa.Select[tuple[int]]:
    """What asks for the open actions of a journal, whichever version made it."""
    inspector = sa.inspect(connection)
    if _has_column(inspector):
        return sa.select(JOURNAL.c.action_id).where(sa.not_(sa.literal_column(_BEFORE, sa.Boolean)))
    return sa.select(OPEN.c.action_id)


def upgrade(connection: sa.Connection) -> None:
    """Within a transaction, and once all tables are there."""
    if not _has_column(sa.inspect(connection)):
        return
    opened = open_before(connection)
    connection.execute(insert_into(connection, OPEN).from_select(["action_id"], opened).on_conflict_do_nothing())
    for index in ("journal_claimed", "journal_unwritten"):
        connection.exec_driver_sql(f"drop index if exists {index}")
    connection.exec_driver_sql(f"alter table {JOURNAL.name} drop column {_BEFORE}")


def _has_column(inspector: sa.Inspector) -> bool:
    return any(column["name"] == _BEFORE for column in inspector.get_columns(JOURNAL.name))
