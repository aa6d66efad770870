"""SQLite's log beside a file, with which several may read it while one writes."""

import sqlite3
import time

_LONGEST_WAIT = 60.0
_LOOK_EVERY = 0.005


def write_ahead(connection: sqlite3.Connection) -> None:
    """Let a file have such a log from now on; raises sqlite3.Error.

    Of several that open a new file at once SQLite refuses all but one, without the wait that it has for all else.
    """
    until = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(_LOOK_EVERY)
