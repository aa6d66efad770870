"""Where a journal is kept, in a file or on a server, and who may be at the file meanwhile."""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.journal.presence import FilePresence, PostgresPresence, Presence
from activations.write_ahead import write_ahead

READS = {"reads_only": True}
"""The option of a connection that writes nothing, so that it need not wait for others who do."""
_LONGEST_WAIT = 60
_LOOK_EVERY = 0.0005
_CACHE_KILOBYTES = 64_000
_PAGES_AT_ONCE = 8_000
"""32 MB wait beside the file: most of its pages are written several times before, and once into it."""


def sqlite_url(path: Path) -> str:
    """The URL of a journal in a file."""
    return f"sqlite:///{path}"


def engine_of(address: sa.URL, held: ExitStack) -> tuple[sa.Engine, Presence]:
    """Connect to where a journal is kept, and be known as a deliverer there; `held` lets go of the file again."""
    if address.get_backend_name() == "sqlite":
        path = sqlite_path(address)
        held.enter_context(_in_use(path))
        return open_sqlite(address), FilePresence(_beside(path, "deliverers"))
    if address.get_backend_name() == "postgresql":
        engine = sa.create_engine(address)
        return engine, PostgresPresence(engine)
    raise HourbellError(
        f"The journal cannot be kept in {address.get_backend_name()}. Use sqlite:///… or postgresql+psycopg://…"
    )


def sqlite_path(address: sa.URL) -> Path:
    """The file of a SQLite journal; raises HourbellError where it has none."""
    if not address.database or address.database == ":memory:":
        raise HourbellError("The journal must outlive the process. Name a file, as in sqlite:///journal.sqlite")
    path = Path(address.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HourbellError(
            f"Cannot create {path.parent} for the journal: {error.strerror}. Give yourself rights to it."
        ) from error
    return path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep everybody out of a journal's file; raises HourbellError where somebody is at it."""
    with _locked(path, fcntl.LOCK_EX, f"Somebody is at the journal {path}. Wait until deliveries are done."):
        yield


@contextmanager
def _in_use(path: Path) -> Iterator[None]:
    """Let nobody replace the file of a journal meanwhile: who still had the old one would send a second time."""
    with _locked(path, fcntl.LOCK_SH, f"The journal {path} is being rebuilt. Try again when that is done."):
        yield


@contextmanager
def _locked(path: Path, kind: int, refusal: str) -> Iterator[None]:
    with _lock_file(path) as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HourbellError(refusal) from error
        yield


@contextmanager
def _lock_file(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = _beside(path, "lock").open("ab")
    except OSError as error:
        raise HourbellError(
            f"Cannot write beside the journal {path}: {error.strerror}. Make room, or give yourself rights to it."
        ) from error
    with file:
        yield file


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def open_sqlite(address: sa.URL, *, synchronous: str = "normal") -> sa.Engine:
    """A file whose transactions may write from their beginning; `full` where nothing else could give back what a crash
    of the machine takes from it."""
    engine = sa.create_engine(address, connect_args={"timeout": _LONGEST_WAIT})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # the driver's own transactions begin too late for a claim to be one
        connection.isolation_level = None
        write_ahead(connection)
        # normal: what a crash of the machine takes from it the receipts give back, on disk before a call is made
        connection.execute(f"pragma synchronous = {synchronous}")
        connection.execute(f"pragma cache_size = -{_CACHE_KILOBYTES}")
        connection.execute(f"pragma wal_autocheckpoint = {_PAGES_AT_ONCE}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if READS.items() <= connection.get_execution_options().items():
            connection.exec_driver_sql("begin")
            return
        # SQLite itself looks again after up to a tenth of a second, in which another deliverer does much
        until = time.monotonic() + _LONGEST_WAIT
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("pragma busy_timeout = 0")
        try:
            while not _has_begun(connection, driver, is_last=time.monotonic() > until):
                time.sleep(_LOOK_EVERY)
        finally:
            driver.execute(f"pragma busy_timeout = {1_000 * _LONGEST_WAIT}")

    return engine


def _has_begun(connection: sa.Connection, driver: sqlite3.Connection, *, is_last: bool) -> bool:
    """Whether a transaction that may write has begun; raises where it was the `last` time to look, and it has not.

    The driver is asked, as the engine's errors refer to the frames that they went through: what waits would be kept
    with all that it holds, until Python looks for garbage.
    """
    try:
        driver.execute("begin immediate")
    except sqlite3.OperationalError as error:
        if not is_last and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        # the engine says what is the matter
        connection.exec_driver_sql("begin immediate")
    return True
