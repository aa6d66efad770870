"""The files in which a sandbox keeps what it received."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activations.errors import HourbellError
from activations.write_ahead import write_ahead


def open_database(path: Path, create: str, *, keeps: str) -> sqlite3.Connection:
    """Open a file that several may write to at once, with its tables; `keeps` is what an error says is lost."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
        write_ahead(connection)
        # outlives the process, though not the machine: a rehearsal needs no more
        connection.execute("pragma synchronous = normal")
        connection.executescript(create)
    except (OSError, sqlite3.Error) as error:
        raise HourbellError(
            f"The sandbox cannot keep {keeps} in {path.parent}: {error}. Make room, or give yourself rights to it."
        ) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of it, or nothing."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
