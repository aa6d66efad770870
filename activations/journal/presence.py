"""Tell a deliverer that is only slow from one that is dead, so that only a dead one's claims are taken over."""

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa

from activations.errors import HourbellError


class TakenForDeadError(HourbellError):
    """Others take this deliverer for dead, and its claims over."""


class Presence(Protocol):
    """This deliverer among others."""

    @property
    def deliverer(self) -> str:
        """This deliverer's id, new in each run."""

    def enter(self) -> None:
        """Be alive to others until `leave` or the end of the process, however it ends. Harmless when repeated."""

    def prove(self) -> None:
        """Look whether others still take us for alive, who have entered; raises HourbellError where they do not."""

    def is_alive(self, deliverer: str) -> bool: ...

    def leave(self) -> None: ...


class FilePresence:
    """By locked files in a folder beside the journal: for deliverers on one machine.

    The system lets go of a lock when its holder dies, and keeps it for one that is only slow.
    """

    def __init__(self, folder: Path) -> None:
        self.deliverer = uuid.uuid4().hex
        self._folder = folder
        self._file: IO[bytes] | None = None

    def enter(self) -> None:
        if self._file is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._clear()
            path = self._path(self.deliverer)
            while True:
                file = path.open("ab")
                fcntl.flock(file, fcntl.LOCK_EX)
                # another deliverer that clears up may have removed the file before we had locked it
                if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                    self._file = file
                    return
                file.close()
        except OSError as error:
            raise HourbellError(
                f"Cannot write to {self._folder}: {error.strerror}. Make room, or give yourself rights to it."
            ) from error

    def prove(self) -> None:
        path = self._path(self.deliverer)
        try:
            is_there = self._file is not None and path.stat().st_ino == os.fstat(self._file.fileno()).st_ino
        except OSError:
            is_there = False
        if not is_there:
            raise TakenForDeadError(
                f"Somebody has removed {path}, by which others know that this delivery is at work. Let nothing clear "
                f"{self._folder} meanwhile, then deliver again: what was under way is found out, and nothing is sent "
                "twice."
            )

    def is_alive(self, deliverer: str) -> bool:
        if deliverer == self.deliverer:
            return True
        with _locked(self._path(deliverer)) as is_ours:
            return not is_ours and self._path(deliverer).exists()

    def leave(self) -> None:
        if self._file is not None:
            self._path(self.deliverer).unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _path(self, deliverer: str) -> Path:
        return self._folder / f"{deliverer}.lock"

    def _clear(self) -> None:
        """Remove what dead deliverers left."""
        for path in self._folder.glob("*.lock"):
            with _locked(path) as is_ours:
                if is_ours:
                    path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Lock a file for a moment, and say whether that could be done: not where it is locked or gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


# a lock of 64 bits is listed by its halves
_HOLDS = sa.text(
    "select exists (select from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid() "
    "and objsubid = 1 and (classid::bigint << 32) | objid::bigint = :number)"
)


class PostgresPresence:
    """By advisory locks of a session: the server lets go of them when the connection ends."""

    def __init__(self, engine: sa.Engine) -> None:
        self.deliverer = uuid.uuid4().hex
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._is_lost = False

    def enter(self) -> None:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.execute(sa.select(sa.func.pg_advisory_lock(_lock_number(self.deliverer))))

    def prove(self) -> None:
        # asked in the session itself, which is used by it: one that nobody uses is closed by some servers
        self._is_lost = self._is_lost or not self._holds_lock()
        if self._is_lost:
            raise TakenForDeadError(
                "The journal's server has ended the session by which others know that this delivery is at work, or a "
                "pooler has. Set idle_session_timeout to 0 for this user, and connect to the server itself or to a "
                "pooler that keeps sessions; then deliver again: what was under way is found out, and nothing is sent "
                "twice."
            )

    def _holds_lock(self) -> bool:
        if self._connection is None:
            return False
        try:
            return bool(self._connection.execute(_HOLDS, {"number": _lock_number(self.deliverer)}).scalar_one())
        except sa.exc.DBAPIError:
            return False

    def is_alive(self, deliverer: str) -> bool:
        if deliverer == self.deliverer:
            return True
        number = _lock_number(deliverer)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            is_free = connection.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar_one()
            if is_free:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
        return not is_free

    def leave(self) -> None:
        if self._connection is not None:
            # closing for good, not back into the pool, is what lets go of the lock
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _lock_number(deliverer: str) -> int:
    return int.from_bytes(hashlib.blake2b(deliverer.encode(), digest_size=8).digest(), signed=True)
