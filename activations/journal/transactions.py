"""Reading and writing the journal's database, each time whole or not at all."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.journal.place import READS

T = TypeVar("T")
log = logging.getLogger(__name__)


class Transactions:
    """Those of one database; what it refuses is said in words."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Write all of it, or nothing; raises HourbellError where it cannot be written."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Read without waiting for others who write; raises HourbellError where that cannot be done."""
        with self._explained(), self._engine.connect().execution_options(**READS) as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            where = self._engine.url.render_as_string(hide_password=True)
            raise HourbellError(
                f"The journal {where} cannot be read or written: {error.orig}. Make room or give rights, then deliver "
                "again: what was under way is found out, and nothing is sent twice."
            ) from error

    def _write(self, work: Callable[[sa.Connection], T], is_there: Callable[[sa.Connection, T], bool]) -> T:
        """Do work in a transaction. Where its commit reports an error, what is there is read back."""
        with self._explained(), self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                done = work(connection)
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except sa.exc.DBAPIError as error:
                connection.invalidate()
                with self._engine.begin() as another:
                    if not is_there(another, done):
                        raise
                log.warning("A commit reported an error, and what it wrote is there: %s", error.orig)
            return done
