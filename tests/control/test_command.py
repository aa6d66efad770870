"""The command line: what it says when something is wrong, and that nothing is lost."""

import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick import land
from dagster_project.ticks.windows import Window, next_window, parse_size, record_completed, split
from dagster_project.warehouse import open_warehouse


@pytest.fixture
def hourbell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_command):
    """Run a command on a data directory of its own."""
    monkeypatch.setenv("HOURBELL_HOME", str(tmp_path / "home"))
    return run_command


def test_a_missing_file_is_named(hourbell) -> None:
    code, said = hourbell("load", "no/such/file.csv")
    assert code == 1
    assert "no/such/file.csv" in said


def test_a_missing_column_is_named_with_its_file(hourbell, tmp_path: Path) -> None:
    wrong = tmp_path / "orders.csv"
    wrong.write_text("order_id,total\n1,9.99\n")
    code, said = hourbell("load", str(wrong))
    assert code == 1
    assert "orders.csv" in said
    assert "occurred_at" in said or "currency" in said
    assert not list((tmp_path / "home" / "landing").rglob("*.parquet"))


def test_the_contract_says_what_may_land(hourbell) -> None:
    code, said = hourbell("contract")
    assert code == 0
    assert "order_lines" in said
    code, said = hourbell("contract", "consents")
    assert code == 0
    assert "channel is not known" in said
    assert "a withdrawal that names somebody is taken as a withdrawal from everything" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("tick", "--from", "2026-03-02", "--to", "2026-03-01"), "2026-03-02"),
        (("tick", "--from", "yesterday"), "yesterday"),
        (("tick", "--from", "2026-03-01", "--to", "2026-03-02", "--size", "1 fortnight"), "1 fortnight"),
        (("tick", "--to", "2026-03-02"), "--from"),
        (("inbox", "12"), "12"),
        (("contract", "invoices"), "invoices"),
    ],
)
def test_impossible_wishes_are_refused_by_name(hourbell, arguments: tuple[str, ...], named: str) -> None:
    code, said = hourbell(*arguments)
    assert code == 1
    assert named in said


def test_a_gap_between_ticks_is_refused(hourbell, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    completed = Window(datetime(2026, 3, 2), datetime(2026, 3, 2, 6))
    with open_warehouse(home) as warehouse:
        warehouse.execute(
            "create table engine.windows (scope varchar, tick_start timestamp, tick_end timestamp, succeeded boolean)"
        )
        record_completed(warehouse, ("contacts", "decisions"), [completed])
    code, said = hourbell("tick", "--from", "2026-03-02T12:00", "--to", "2026-03-02T18:00", "--size", "6h")
    assert code == 1
    assert "does not fit" in said
    with open_warehouse(home) as warehouse:
        assert warehouse.execute("select max(tick_end) from engine.windows").fetchall() == [(completed.end,)]


def test_only_one_tick_at_a_time(hourbell, tmp_path: Path) -> None:
    with tick_lock(Home(tmp_path / "home")):
        code, said = hourbell("tick", "--from", "2026-03-01", "--to", "2026-03-02", "--size", "1d")
    assert code == 1
    assert "Another tick is at work" in said


def test_a_directory_without_rights_is_named(hourbell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURBELL_HOME", "/proc/hourbell")
    code, said = hourbell("status")
    assert code == 1
    assert "/proc/hourbell" in said


TICK_IN_LITTLE_ROOM = """
import resource, signal, sys
from dagster_project.command import app
from dagster_project.ticks.transform import manifest
manifest()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
app(sys.argv[2:])
"""


def test_a_full_disk_stops_the_tick_and_loses_nothing(hourbell, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    tick = ("tick", "--from", "2026-03-02", "--to", "2026-03-02T06:00", "--size", "6h", "--no-deliver")
    stopped = subprocess.run(
        [sys.executable, "-c", TICK_IN_LITTLE_ROOM, "300000", *tick], capture_output=True, text=True, check=False
    )
    assert stopped.returncode == 1, stopped.stdout
    assert "Error:" in stopped.stdout
    assert "disk" in stopped.stdout
    assert stopped.stderr == ""
    assert "Nothing is lost" in stopped.stdout or "nothing of it was taken in" in stopped.stdout.lower()
    assert list(home.outbox.rglob("*.parquet")) == []
    land(home, Window(datetime(2026, 3, 2), datetime(2026, 3, 2, 6)))
    with open_warehouse(home) as warehouse:
        (rows,) = warehouse.execute("select count(*) from raw.events").fetchall()[0]
    assert rows > 1_000


FILLS_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.warehouse import open_warehouse
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000,) * 2)
try:
    with open_warehouse(Home(Path(sys.argv[1])).prepare()) as warehouse:
        warehouse.execute("create table numbers as select random() as number from range(1_000_000)")
except HourbellError as error:
    sys.exit(f"told: {error}")
"""


def test_wherever_the_warehouse_finds_no_room_that_is_said_in_words(tmp_path: Path) -> None:
    stopped = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert stopped.stderr.startswith("told: The disk has no room left for the warehouse"), stopped.stderr
    assert "make room" in stopped.stderr


def test_after_an_outage_one_wider_window_catches_up() -> None:
    now = datetime(2026, 3, 2, 9, 17)
    assert next_window(datetime(2026, 3, 2, 9), now) is None
    assert next_window(datetime(2026, 3, 1, 7), now) == Window(datetime(2026, 3, 1, 7), datetime(2026, 3, 2, 9))
    assert next_window(None, now) == Window(datetime(2026, 3, 2, 8), datetime(2026, 3, 2, 9))


def test_windows_split_without_a_gap() -> None:
    span = Window(datetime(2026, 3, 1), datetime(2026, 3, 2))
    windows = list(split(span, parse_size("7h")))
    assert [window.end - window.start for window in windows] == [timedelta(hours=7)] * 3 + [timedelta(hours=3)]
    assert all(earlier.end == later.start for earlier, later in pairwise(windows))
