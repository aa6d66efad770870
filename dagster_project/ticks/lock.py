"""One tick at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from activations.errors import HourbellError
from dagster_project.home import Home


@contextmanager
def tick_lock(home: Home) -> Iterator[None]:
    """Hold the data directory for one tick; raises HourbellError where another process holds it.

    The operating system lets go of the lock when its holder dies, however it dies, and keeps it for a slow one.
    """
    home.prepare()
    with home.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise HourbellError(
                f"Another tick is at work on {home.root} ({file.read().strip()}). Wait for it to end, or end it."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        file.flush()
        yield
        file.truncate(0)
