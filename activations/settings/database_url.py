"""Addresses of databases, as the environment states them."""

import sqlalchemy as sa

from activations.errors import HourbellError


def database_url(stated: str, variable: str) -> sa.URL:
    """Read one; raises HourbellError, which does not quote it, because it may hold a password."""
    try:
        return sa.make_url(stated.strip())
    except (sa.exc.ArgumentError, ValueError) as error:
        raise HourbellError(
            f"{variable} is no address of a database. Write it as postgresql+psycopg://user:password@host:5432/name."
        ) from error
