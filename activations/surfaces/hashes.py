"""Hashes laid one after another in one value: SQLite takes many so at half the cost of a row for each."""

import sqlalchemy as sa

SIZE = 32
HASHES = "hashes"
"""The parameter of a statement that has them."""


def each_of(width: int) -> list[sa.ColumnElement[bytes]]:
    """The columns of a table in which so many hashes are a row. Without any hash it has a row all the same."""
    hashes = sa.bindparam(HASHES, type_=sa.LargeBinary)
    places = sa.select(sa.literal_column("1", sa.Integer).label("place")).cte("places", recursive=True)
    following = places.c.place + sa.literal_column(str(width * SIZE), sa.Integer)
    places = places.union_all(sa.select(following).where(following < sa.func.length(hashes)))
    return [
        sa.func.substr(hashes, places.c.place + sa.literal_column(str(column * SIZE)), SIZE, type_=sa.LargeBinary)
        for column in range(width)
    ]
