"""The inbox of an app: what a contact is shown there, each message once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from activations.journal.writing import insert_into
from activations.surfaces.tables import IN_APP
from activations.surfaces.tokens import Viewer

MARKS = {"read": "read_at", "clicked": "clicked_at", "dismissed": "dismissed_at"}
"""What may become of a message, and the column that says when."""
KEPT_FOR = timedelta(days=30)
_SHOWN_AT_ONCE = 100


def put(engine: sa.Engine, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Put messages into the inboxes, those that are there already left as they are, and take out what is long over."""
    with engine.begin() as connection:
        connection.execute(insert_into(connection, IN_APP).on_conflict_do_nothing(), [dict(row) for row in rows])
        connection.execute(sa.delete(IN_APP).where(IN_APP.c.removed_after <= now))


def shown(engine: sa.Engine, viewer: Viewer, now: datetime) -> list[dict[str, Any]]:
    """What somebody is shown, the newest first."""
    query = (
        sa.select(IN_APP)
        .where(_of(viewer), _is_shown(now))
        .order_by(IN_APP.c.sent_at.desc(), IN_APP.c.action_id.desc())
        .limit(_SHOWN_AT_ONCE)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def find(engine: sa.Engine, viewer: Viewer, action_id: int, now: datetime) -> dict[str, Any] | None:
    """One of the messages that somebody is shown; None of anybody else's."""
    query = sa.select(IN_APP).where(_of(viewer), _is_shown(now), IN_APP.c.action_id == action_id)
    with engine.connect() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def mark(engine: sa.Engine, action_id: int, what: str, now: datetime) -> None:
    """Note what became of a message, the first time; who clicks has read."""
    columns = [MARKS[what], *([MARKS["read"]] if what == "clicked" else [])]
    with engine.begin() as connection:
        for column in columns:
            connection.execute(
                sa.update(IN_APP)
                .where(IN_APP.c.action_id == action_id, IN_APP.c[column].is_(None))
                .values({column: now})
            )


def forget(engine: sa.Engine, contact_ids: Collection[int], user_ids: Collection[str] = ()) -> int:
    """Take out all that contacts were shown, and return how many messages that were."""
    theirs = sa.or_(IN_APP.c.contact_id.in_(contact_ids), IN_APP.c.user_id.in_(user_ids))
    with engine.begin() as connection:
        return connection.execute(sa.delete(IN_APP).where(theirs)).rowcount


def _of(viewer: Viewer) -> sa.ColumnElement[bool]:
    if viewer.user_id is not None:
        return IN_APP.c.user_id == viewer.user_id
    return IN_APP.c.contact_id == viewer.contact_id


def _is_shown(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(IN_APP.c.dismissed_at.is_(None), IN_APP.c.sent_at <= now, IN_APP.c.expires_at > now)
