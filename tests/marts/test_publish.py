"""The published copy: whole at every moment, whoever reads it and whenever its writer dies."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from activations.errors import HourbellError
from dagster_project import publish as publishing
from dagster_project import publish_ahead
from dagster_project.home import Home
from dagster_project.publish import FILE, PARQUET, STORAGE_VERSION, publish, published_marts, settled_marts
from dagster_project.ticks import tick as ticks
from dagster_project.ticks.tick import bring_to_its_end, run_tick
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

SECONDS = 60


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.numbers as select 1 as version")
        connection.execute("create view marts.doubled as select version * 2 as version from marts.numbers")
        yield connection


MARTS = ("numbers", "doubled", "never_built")


def set_version(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    connection.execute("update marts.numbers set version = ?", [version])


def read(folder: Path) -> tuple[int, int, int, int]:
    """What a process of its own finds: both marts in the file, and both as Parquet."""
    file, parquet = folder / FILE, folder / PARQUET
    asks = (
        f"import duckdb; c = duckdb.connect('{file}', read_only=True)\n"
        "for name in ('marts.numbers', 'marts.doubled', "
        f"\"'{parquet}/numbers.parquet'\", \"'{parquet}/doubled.parquet'\"):\n"
        "    print(*c.execute(f'select version from {name}').fetchone())\n"
    )
    said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=SECONDS, check=True)
    return tuple(int(line) for line in said.stdout.split())  # type: ignore[return-value]


def test_views_are_published_as_tables_and_what_was_never_built_is_left_out(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert publish(warehouse, tmp_path, MARTS) == ["numbers", "doubled"]
    assert read(tmp_path) == (1, 2, 1, 2)
    with duckdb.connect(str(tmp_path / FILE), read_only=True) as published:
        tables = published.execute("select table_type from information_schema.tables").fetchall()
    assert tables == [("BASE TABLE",), ("BASE TABLE",)]
    assert {path.name for path in tmp_path.iterdir()} == {FILE, PARQUET, ".parquet-1"}


def test_older_clients_can_read_the_file(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    publish(warehouse, tmp_path, MARTS)
    # the header: eight bytes of checksum, "DUCK", and the number of the format; 64 is that of 0.9 to 1.1
    header = (tmp_path / FILE).read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64
    assert STORAGE_VERSION == "v1.0.0"


def test_who_holds_the_old_copy_goes_on_reading_it(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    publish(warehouse, tmp_path, MARTS)
    with duckdb.connect(str(tmp_path / FILE), read_only=True) as reader:
        for version in range(2, 6):
            set_version(warehouse, version)
            publish(warehouse, tmp_path, MARTS)
            assert reader.execute("select version from marts.numbers").fetchall() == [(1,)]
            assert reader.execute("select version from marts.doubled").fetchall() == [(2,)]
            assert read(tmp_path) == (version, 2 * version, version, 2 * version)
    assert len(list(tmp_path.glob(".parquet-*"))) == 2


@pytest.mark.parametrize("at", ["_write_parquet", "point_to", "remove_older", "replace"])
def test_a_kill_at_any_point_leaves_whole_copies_and_the_next_run_mends_it(tmp_path: Path, at: str) -> None:
    dies = (
        "import os, sys, duckdb\n"
        "from pathlib import Path\n"
        "from dagster_project import publish as publishing\n"
        "connection = duckdb.connect()\n"
        "connection.execute('create schema marts')\n"
        "connection.execute('create table marts.numbers as select 1 as version')\n"
        "connection.execute('create view marts.doubled as select version * 2 as version from marts.numbers')\n"
        "folder, marts = Path(sys.argv[1]), ('numbers', 'doubled')\n"
        "publishing.publish(connection, folder, marts)\n"
        "connection.execute('update marts.numbers set version = 2')\n"
        "def die(*arguments, **named): os.kill(os.getpid(), 9)\n"
        "setattr(Path if sys.argv[2] == 'replace' else publishing, sys.argv[2], die)\n"
        "publishing.publish(connection, folder, marts)\n"
    )
    killed = subprocess.run([sys.executable, "-c", dies, str(tmp_path), at], timeout=SECONDS, check=False)
    assert killed.returncode == -9
    found = read(tmp_path)
    swapped = {"_write_parquet": (1, 1), "replace": (1, 1), "point_to": (2, 1), "remove_older": (2, 2)}
    in_file, in_parquet = swapped[at]
    assert found == (in_file, 2 * in_file, in_parquet, 2 * in_parquet)

    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.numbers as select 3 as version")
        connection.execute("create view marts.doubled as select version * 2 as version from marts.numbers")
        publish(connection, tmp_path, MARTS)
    assert read(tmp_path) == (3, 6, 3, 6)
    assert not list(tmp_path.glob("*.unfinished*"))
    assert not list(tmp_path.glob(".*.unfinished*"))


def test_a_copy_that_is_overwritten_in_place_is_caught_by_its_reader(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: bytes are written into the file that is there, instead of a file beside it being renamed."""

    rename = Path.replace

    def overwrite(source: Path, target: Path) -> Path:
        if source.is_symlink():
            return rename(source, target)
        target.write_bytes(source.read_bytes())
        return target

    # more than a reader takes in when it opens the file
    warehouse.execute("create table marts.many as select hash(range) % 1000000007 as number from range(500000)")
    total = "select sum(number) from marts.many"
    expected = warehouse.execute(total).fetchall()
    publish(warehouse, tmp_path, ("many",))
    with duckdb.connect(str(tmp_path / FILE), read_only=True) as reader:
        warehouse.execute("update marts.many set number = number * 7 % 1000003")
        monkeypatch.setattr(Path, "replace", overwrite)
        publish(warehouse, tmp_path, ("many",))
        try:
            torn = reader.execute(total).fetchall() != expected
        except duckdb.Error:
            torn = True
    assert torn


def test_what_cannot_be_written_says_so_and_the_old_copy_stays(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(warehouse, tmp_path, MARTS)
    set_version(warehouse, 2)

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_write_parquet", full)
        with pytest.raises(HourbellError, match="Readers keep the copy that is there"):
            publish(warehouse, tmp_path, MARTS)
    assert read(tmp_path) == (1, 2, 1, 2)


def test_a_tick_that_cannot_publish_goes_on_and_one_that_can_publishes_what_it_worked_out(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.published.write_text("in the way")
    tick = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    assert run_tick(home, tick).window == tick
    assert "cannot be published" in caplog.text

    home.published.unlink()
    bring_to_its_end(home, tick)
    with open_warehouse(home) as warehouse:
        worked_out = {
            mart: warehouse.execute(f"select count(*), sum(hash(columns(*)::varchar)) from marts.{mart}").fetchall()
            for mart in ("workflow_performance",)
        }
    with duckdb.connect(str(home.published / FILE), read_only=True) as published:
        found = {name for (name,) in published.execute("select table_name from duckdb_tables()").fetchall()}
        assert found == set(published_marts())
        for mart, rows in worked_out.items():
            read = published.execute(f"select count(*), sum(hash(columns(*)::varchar)) from marts.{mart}").fetchall()
            assert read == rows
            assert read[0][0] > 0
    assert {path.stem for path in (home.published / PARQUET).iterdir()} == found


def published_rows(home: Home, query: str) -> list[tuple]:
    with duckdb.connect(str(home.published / FILE), read_only=True) as published:
        return published.execute(query).fetchall()


def as_counted(rows: list[tuple]) -> Counter[tuple[str, ...]]:
    """Rows in no order, their numbers but for the last digits, which depend on the order in which they are added up."""
    return Counter(tuple(f"{value:.11g}" if isinstance(value, float) else str(value) for value in row) for row in rows)


def test_what_is_copied_while_actions_leave_is_what_leaving_does_not_change(home: Home) -> None:
    ahead = set(settled_marts())
    assert ahead < set(published_marts())
    assert {"workflow_positions", "workflow_performance", "holdout_lift"} <= ahead
    assert not ahead & {"held_messages", "held_contacts", "tick_costs"}

    tick = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    run_tick(home, tick)
    with open_warehouse(home) as warehouse:
        for mart in published_marts():
            own = warehouse.execute(f"from marts.{mart}").fetchall()
            copied = published_rows(home, f"from marts.{mart}")
            # the cost of publishing is known when it is over
            assert as_counted(copied) == as_counted(own) or mart == "tick_costs", mart
    leaving = "select count(*) from marts.tick_costs where tick_end = timestamp '2026-03-03' and leaving_seconds > 0"
    assert published_rows(home, leaving) == [(1,)]


def test_where_actions_cannot_leave_beside_the_copy_they_leave_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[bool] = []

    def full(*_: object) -> dict[str, int]:
        if not found:
            # as long as it takes until there is a copy to take the room
            deadline = time.monotonic() + SECONDS
            while not (home.published / f"{FILE}.unfinished").exists():
                assert time.monotonic() < deadline
            found.append(True)
            raise HourbellError("No space left on device")
        found.append((home.published / f"{FILE}.unfinished").exists())
        return {}

    monkeypatch.setattr(ticks, "leave", full)
    tick = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    run_tick(home, tick)
    assert found == [True, False]
    assert "Once more, and nothing beside it" in caplog.text
    assert published_rows(home, "select count(distinct table_name) from duckdb_tables()") == [(len(published_marts()),)]


def test_a_copy_that_fails_beside_what_leaves_is_made_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise HourbellError("The marts cannot be published")

    monkeypatch.setattr(publish_ahead, "begin_copy", broken)
    run_tick(home, Window(datetime(2026, 3, 2), datetime(2026, 3, 3)))
    assert published_rows(home, "select count(distinct table_name) from duckdb_tables()") == [(len(published_marts()),)]
