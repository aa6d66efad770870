"""Several open a new file at once, and each of them can."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from activations.write_ahead import write_ahead


def test_several_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Without patience one in thirty is refused."""
    modes: list[str] = []

    def open_it(path: Path, together: threading.Barrier) -> None:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            together.wait()
            write_ahead(connection)
            modes.append(connection.execute("pragma journal_mode").fetchone()[0])

    for number in range(50):
        together = threading.Barrier(6)
        threads = [threading.Thread(target=open_it, args=(tmp_path / str(number), together)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert modes == ["wal"] * 300


def test_what_is_no_matter_of_time_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "no.sqlite").write_bytes(b"this is no database" * 100)
    with closing(sqlite3.connect(tmp_path / "no.sqlite")) as connection, pytest.raises(sqlite3.DatabaseError):
        write_ahead(connection)
