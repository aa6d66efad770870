"""Rows of actions that are alike but for one text: SQLite takes them in one statement, in half the time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

ENOUGH = 20
"""Fewer are not worth a statement of their own."""
_LISTED = "texts_by_action"
_NUL = rb"\u0000"
"""At which SQLite ends a text that it reads from JSON."""

Row = tuple[Any, ...]


def texts_by_action() -> tuple[sa.TableValuedAlias, sa.ColumnElement[int], sa.ColumnElement[str | None]]:
    """What a statement for such rows reads from: a table of them, and its columns, the action and its text."""
    each = sa.func.json_each(sa.bindparam(_LISTED)).table_valued("key", "value")
    return each, sa.cast(each.c.key, sa.BigInteger), each.c.value


def alike(
    columns: Sequence[str], text: str, rows: Sequence[Row]
) -> Iterator[tuple[dict[str, Any] | None, Sequence[Row]]]:
    """Rows whose first column is the action, in groups that differ in nothing else but `text`.

    Each comes with the parameters of a statement for the whole group; None where it has too few rows for that, or a
    text that would come out of it shorter.
    """
    place = columns.index(text)
    names = [name for name in columns[1:] if name != text]
    for common, group in _groups(rows, place):
        if len(group) < ENOUGH:
            yield None, group
            continue
        texts = orjson.dumps({str(row[0]): row[place] for row in group})
        if _NUL in texts:
            yield None, group
        else:
            yield {**dict(zip(names, common, strict=True)), _LISTED: texts.decode()}, group


def _groups(rows: Sequence[Row], place: int) -> Iterable[tuple[Row, Sequence[Row]]]:
    """Rows by what they have beside their first column and the one at a place."""
    if not rows:
        return ()
    first = (*rows[0][1:place], *rows[0][place + 1 :])
    _, *columns = zip(*rows, strict=True)
    del columns[place - 1]
    # most batches are of one step, and end in one way
    if all(column.count(value) == len(rows) for column, value in zip(columns, first, strict=True)):
        return [(first, rows)]
    groups: dict[Row, list[Row]] = {}
    for row in rows:
        groups.setdefault((*row[1:place], *row[place + 1 :]), []).append(row)
    return groups.items()
