"""Which of several actions on one target counts: the newest, in whichever order they are done.

An older one is given up once a newer one was taken, as its value is of the past. While one is under way no other on its
target is begun: nobody could say which of two calls at once comes last. What was refused, has failed or was given back
has set nothing, and stands in nobody's way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from activations.journal.reading import listed
from activations.journal.rows import Aim
from activations.journal.tables import AIMS, CLAIMED, JOURNAL
from activations.journal.writing import insert_aims

_ORDERING = 0x486F7574
_TAKEN = frozenset({"accepted", "unknown"})
"""Of what is unknown it may be so, and what may be there must not be undone."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a batch stands to what else has been done, or is under way, on its targets."""

    overtaken: frozenset[int] = frozenset()
    behind: Mapping[int, int] = field(default_factory=dict)
    """Which one each has to wait for."""
    past: Sequence[int] = ()
    """Actions that have no say any more."""


def order_of(connection: sa.Connection, aims: Mapping[int, Aim]) -> Order:
    """How the actions of a batch stand; they do not wait for each other."""
    if connection.dialect.name == "postgresql":
        # two that look at the same time would not see each other
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ORDERING)))
    targets = {aim.target for aim in aims.values()}
    asked = (
        sa.select(AIMS.c.target, AIMS.c.as_of, AIMS.c.action_id, JOURNAL.c.status)
        .join_from(AIMS, JOURNAL, AIMS.c.action_id == JOURNAL.c.action_id, isouter=True)
        .where(AIMS.c.target.in_(listed(connection, targets)))
    )
    newest: dict[str, tuple[object, int]] = {}
    under_way: dict[str, int] = {}
    ended: list[tuple[str, int]] = []
    for target, as_of, number, status in connection.execute(asked):
        if status in _TAKEN:
            newest[target] = max(newest.get(target, (as_of, number)), (as_of, number))
        if status != CLAIMED:
            ended.append((target, number))
        elif number not in aims:
            under_way[target] = number
    return Order(
        frozenset(
            number for number, aim in aims.items() if aim.target in newest and newest[aim.target] > (aim.as_of, number)
        ),
        {number: under_way[aim.target] for number, aim in aims.items() if aim.target in under_way},
        [number for target, number in ended if newest.get(target, (None, None))[1] != number],
    )


def note_aims(connection: sa.Connection, order: Order, aims: Mapping[int, Aim]) -> None:
    """Remember what claimed actions set, and forget those that have no say any more."""
    if order.past:
        connection.execute(sa.delete(AIMS).where(AIMS.c.action_id.in_(listed(connection, order.past))))
    insert_aims(connection, [(number, *aim) for number, aim in aims.items()])
