"""What contacts were written to lately allow, for the page on which they choose.

A row is found by all that a fresh link says of its contact, and read with the key that seals links: who has the
database and not the key learns nothing from it. Each function raises HourbellError where the database fails.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from sqlalchemy.dialects import sqlite

from activations.errors import HourbellError
from activations.journal.writing import execute_rows, insert_into
from activations.keys.seals import sealed, unsealed
from activations.links import Known
from activations.surfaces.hashes import HASHES, SIZE, each_of
from activations.surfaces.tables import STANDINGS

SHOWN_FOR = timedelta(days=7)
"""How long after a message its link shows anything: it may be somebody else's by then, who was forwarded it."""
_PURPOSE = "standing"
_COLUMNS = tuple(STANDINGS.c.keys())
_MANY = 500
"""Of so many at once a database is asked; so many that are alike are written in one statement."""


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
    # few choose differently from all others, or are shown it for longer
    alike: dict[tuple[str, datetime], list[bytes]] = defaultdict(list)
    for contact_id, user_id, email, phone, allowed, shown_until in standings:
        hashes = _contact(key, contact_id) + _known_by(key, user_id, email, phone)
        alike[_said(allowed, key), shown_until].append(hashes)
    with _explained(), engine.begin() as connection:
        connection.execute(sa.delete(STANDINGS).where(STANDINGS.c.removed_after <= as_of))
        few = []
        for (said, shown_until), group in alike.items():
            # in the order of an index, a page of it is gone to once
            group.sort()
            if connection.dialect.name == "sqlite" and len(group) >= _MANY:
                common = {"said": said, "as_of": as_of, "removed_after": shown_until}
                connection.execute(_PUT_MANY, {HASHES: b"".join(group), **common})
            else:
                few += [(hashes[:SIZE], hashes[SIZE:], said, as_of, shown_until) for hashes in group]
        put_each = insert_into(connection, STANDINGS).values({name: sa.bindparam(name) for name in _COLUMNS})
        execute_rows(connection, _in_place_of(put_each), _COLUMNS, few)


def _in_place_of(insert: Any) -> Any:
    """What replaces what was noted of the same contact."""
    changed = {name: insert.excluded[name] for name in ("known_by", "said", "as_of")}
    # a message that is sent later is shown for longer
    later = sa.case(
        (insert.excluded.removed_after > STANDINGS.c.removed_after, insert.excluded.removed_after),
        else_=STANDINGS.c.removed_after,
    )
    return insert.on_conflict_do_update(index_elements=["contact"], set_={**changed, "removed_after": later})


_CONTACT_AND_KNOWN_BY = each_of(2)
_PUT_MANY = _in_place_of(
    sqlite.insert(STANDINGS).from_select(
        _COLUMNS,
        sa.select(
            *_CONTACT_AND_KNOWN_BY,
            *(sa.bindparam(name, type_=STANDINGS.c[name].type) for name in ("said", "as_of", "removed_after")),
        ).where(sa.true()),
    )
)
(_EACH_CONTACT,) = each_of(1)
_AMONG_MANY = sa.select(_EACH_CONTACT).where(_EACH_CONTACT.in_(sa.select(STANDINGS.c.contact)))


def among(engine: sa.Engine, key: bytes, contact_ids: Collection[int]) -> list[int]:
    """Those of whom something is noted."""
    by_hash = {_contact(key, contact_id): contact_id for contact_id in contact_ids}
    hashes = list(by_hash)
    with _explained(), engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            return [by_hash[found] for found in connection.scalars(_AMONG_MANY, {HASHES: b"".join(hashes)})]
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
    return _hash(key, b"contact %d" % contact_id)


def _known_by(key: bytes, *identifiers: str | None) -> bytes:
    return _hash(key, b"known by " + orjson.dumps(identifiers))


def _hash(key: bytes, message: bytes) -> bytes:
    keyed = _keyed(key).copy()
    keyed.update(message)
    return keyed.finalize()


# to begin with a key takes longer than the hash of a few words
@lru_cache(maxsize=8)
def _keyed(key: bytes) -> HMAC:
    return HMAC(key, SHA256())


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
