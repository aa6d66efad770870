"""What contacts were written to lately allow, for the page on which they choose.

A row is found by all that a fresh link says of its contact, and read with the key that seals links: who has the
database and not the key learns nothing from it. Each function raises HourbellError where the database fails.
"""

import hmac
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import orjson
import sqlalchemy as sa

from activations.errors import HourbellError
from activations.journal.writing import execute_rows, insert_into
from activations.keys.seals import sealed, unsealed
from activations.links import Known
from activations.surfaces.tables import STANDINGS

SHOWN_FOR = timedelta(days=7)
"""How long after a message its link shows anything: it may be somebody else's by then, who was forwarded it."""
_PURPOSE = "standing"
_COLUMNS = tuple(STANDINGS.c.keys())
_MANY = 500


class Standing(NamedTuple):
    """What a contact allows."""

    contact_id: int
    user_id: str | None
    email: str | None
    phone: str | None
    allowed: tuple[str, ...]
    """Choices by their names, as in offers/email."""
    shown_until: datetime


class Shown(NamedTuple):
    """What a contact allowed as of a tick."""

    allowed: frozenset[str]
    as_of: datetime


def put(engine: sa.Engine, key: bytes, standings: Iterable[Standing], as_of: datetime) -> None:
    """Note how contacts stand, in place of what was noted of them, and take out what is over."""
    rows = [
        (
            _contact(key, standing.contact_id),
            _known_by(key, standing.user_id, standing.email, standing.phone),
            _said(standing.allowed, key),
            as_of,
            standing.shown_until,
        )
        for standing in standings
    ]
    with _explained(), engine.begin() as connection:
        connection.execute(sa.delete(STANDINGS).where(STANDINGS.c.removed_after <= as_of))
        insert = insert_into(connection, STANDINGS).values({name: sa.bindparam(name) for name in _COLUMNS})
        changed = {name: insert.excluded[name] for name in ("known_by", "said", "as_of")}
        # a message that is sent later is shown for longer
        later = sa.case(
            (insert.excluded.removed_after > STANDINGS.c.removed_after, insert.excluded.removed_after),
            else_=STANDINGS.c.removed_after,
        )
        replace = insert.on_conflict_do_update(index_elements=["contact"], set_={**changed, "removed_after": later})
        execute_rows(connection, replace, _COLUMNS, rows)


def among(engine: sa.Engine, key: bytes, contact_ids: Collection[int]) -> list[int]:
    """Those of whom something is noted."""
    by_hash = {_contact(key, contact_id): contact_id for contact_id in contact_ids}
    hashes = list(by_hash)
    with _explained(), engine.connect() as connection:
        return [
            by_hash[row.contact]
            for start in range(0, len(hashes), _MANY)
            for row in connection.execute(
                sa.select(STANDINGS.c.contact).where(STANDINGS.c.contact.in_(hashes[start : start + _MANY]))
            )
        ]


def is_empty(engine: sa.Engine) -> bool:
    """Whether nothing is noted of anybody."""
    with _explained(), engine.connect() as connection:
        return connection.execute(sa.select(STANDINGS.c.as_of).limit(1)).first() is None


def find(engine: sa.Engine, key: bytes, known: Known, now: datetime) -> Shown | None:
    """How the contact of a link stands; None where the link is old, or the contact is known otherwise by now."""
    if known.sent_at is None or now >= datetime.fromisoformat(known.sent_at) + SHOWN_FOR:
        return None
    theirs = STANDINGS.c.known_by == _known_by(key, known.user_id, known.email, known.phone)
    with _explained(), engine.connect() as connection:
        rows = connection.execute(sa.select(STANDINGS).where(theirs)).all()
    # two of one address and nothing else are not told apart
    words = unsealed(_PURPOSE, rows[0].said, key) if len(rows) == 1 else None
    return None if words is None else Shown(frozenset(words), rows[0].as_of)


def forget(engine: sa.Engine, key: bytes, contact_ids: Collection[int]) -> int:
    """Take out what is noted of contacts, and return of how many something was."""
    hashes = [_contact(key, contact_id) for contact_id in contact_ids]
    with _explained(), engine.begin() as connection:
        return connection.execute(sa.delete(STANDINGS).where(STANDINGS.c.contact.in_(hashes))).rowcount


def forget_all(engine: sa.Engine) -> None:
    """Take out what is noted of anybody: it is noted anew with the next message to them."""
    with _explained(), engine.begin() as connection:
        connection.execute(sa.delete(STANDINGS))


# few choose differently from all others
@lru_cache(maxsize=1_000)
def _said(allowed: tuple[str, ...], key: bytes) -> str:
    return sealed(_PURPOSE, list(allowed), key)


def _contact(key: bytes, contact_id: int) -> bytes:
    return hmac.digest(key, f"contact {contact_id}".encode(), "sha256")


def _known_by(key: bytes, *identifiers: str | None) -> bytes:
    return hmac.digest(key, b"known by " + orjson.dumps(identifiers), "sha256")


@contextmanager
def _explained() -> Iterator[None]:
    """What the database says may hold what is noted."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise HourbellError(
            f"How people stand can be neither read nor noted ({type(error).__name__}). Make room, or look after the "
            "surfaces' database."
        ) from error
