"""Whole runs of `hourbell`, killed anywhere, several at once, restored or out of room: they end as if nothing had been.

In one file, so that what they share is made once.
"""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import Disk
from endings import FIRST_END, NOW, differences, inbox
from ticking import POINTS, Ticking

from dagster_project.gate_out.leave import leave
from dagster_project.home import Home
from dagster_project.ticks.interrupted import OpenTick, interrupted
from dagster_project.ticks.tick_run import due_window
from dagster_project.ticks.transform import run_dbt
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

Copied = Callable[[Home], Home]
SECOND = Window(FIRST_END, NOW.replace(minute=0))


def test_killed_at_one_point_after_the_other(
    killed: Home, undisturbed: Home, hourbell: Ticking, copied: Copied
) -> None:
    """Each run dies further on than the one before; nobody does anything but begin the next."""
    home = copied(killed)
    with open_warehouse(home) as warehouse:
        assert interrupted(warehouse) == OpenTick(Window(FIRST_END, NOW.replace(minute=0)), is_decided=True)
    for point in POINTS[POINTS.index("staged") :]:
        assert hourbell.run(home.root, "tick", now=NOW, point=point) == -signal.SIGKILL, point
    assert hourbell.run(home.root, "tick", now=NOW) == 0
    assert differences(home, undisturbed) == []


def test_the_mutant_that_forgets_what_was_not_finished_is_caught(
    killed: Home, undisturbed: Home, hourbell: Ticking, copied: Copied
) -> None:
    home = copied(killed)
    assert hourbell.run(home.root, "tick", now=NOW, mutant="what was not finished is forgotten") == 0
    assert {"engine.open_ticks", "inbox", "tick=20260303T180000Z/email.parquet"} <= set(differences(home, undisturbed))


def test_the_mutant_whose_lock_outlives_its_holder_is_caught(
    begun: Home, hourbell: Ticking, copied: Copied, said: Path
) -> None:
    home = copied(begun)
    home.lock.unlink()
    mutant = "the lock outlives its holder"
    assert hourbell.run(home.root, "tick", now=NOW, point="landed", mutant=mutant) == -signal.SIGKILL
    assert hourbell.run(home.root, "tick", now=NOW, mutant=mutant, said=str(said)) == 1
    assert "Another tick is at work" in said.read_text()


def test_ticks_and_deliveries_at_once_do_what_one_does(
    killed: Home, undisturbed: Home, hourbell: Ticking, copied: Copied, said: Path
) -> None:
    home = copied(killed)
    ticks = [hourbell.start(home.root, "tick", "--no-deliver", now=NOW, said=str(said)) for _ in range(3)]
    codes = sorted(hourbell.wait(process) for process in ticks)
    assert codes[0] == 0
    assert sum(codes) == said.read_text().count("Another tick is at work"), "who does not tick is refused"
    assert sum(inbox(home).values()) < sum(inbox(undisturbed).values())
    deliveries = [hourbell.start(home.root, "deliver", now=NOW) for _ in range(4)]
    assert [hourbell.wait(process) for process in deliveries] == [0] * 4
    assert differences(home, undisturbed) == []


def test_what_completed_nothing_is_taken_over_by_a_wider_window(begun: Home, copied: Copied) -> None:
    home = copied(begun)
    with open_warehouse(home) as warehouse:
        warehouse.execute("insert into engine.open_ticks values (?, ?, false)", [FIRST_END, NOW])
        assert interrupted(warehouse) is None


@pytest.mark.parametrize("is_decided", [False, True])
def test_what_completed_something_is_brought_to_its_end(begun: Home, copied: Copied, is_decided: bool) -> None:
    home = copied(begun)
    with open_warehouse(home) as warehouse:
        warehouse.execute(
            "insert into engine.open_ticks select tick_start, tick_end, ? from engine.windows "
            "where scope = 'decisions'",
            [is_decided],
        )
        found = interrupted(warehouse)
    assert found is not None
    assert (found.window.end, found.is_decided) == (FIRST_END, is_decided)


def test_killed_when_only_history_was_learnt_the_first_tick_begins_where_that_ended(
    landed_shop: Home, copied: Copied
) -> None:
    home = copied(landed_shop)
    with open_warehouse(home) as warehouse:
        warehouse.execute(
            "create table engine.windows (scope varchar, tick_start timestamp, tick_end timestamp, succeeded boolean)"
        )
        warehouse.execute("insert into engine.windows values ('contacts', '2026-01-01', ?, true)", [FIRST_END])
    assert due_window(home, NOW) == Window(FIRST_END, NOW.replace(minute=0))


# a rebuild is not a resend


def restore(home: Home, backup: Home, *names: str) -> None:
    """Put files and folders back as they were in a backup."""
    for name in names:
        for old in home.root.glob(f"{name}*" if name.endswith("sqlite") else name):
            if not old.name.endswith(".receipts"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        there = backup.root / name
        if there.is_dir():
            shutil.copytree(there, home.root / name)
        else:
            shutil.copy(there, home.root / name)


def test_a_backup_of_an_hour_ago_is_caught_up_with_and_nothing_goes_twice(
    begun: Home, undisturbed: Home, hourbell: Ticking, copied: Copied
) -> None:
    home = copied(undisturbed)
    restore(home, begun, "warehouse", "outbox")
    assert hourbell.run(home.root, "tick", now=NOW) == 0
    assert inbox(home) == inbox(undisturbed)
    # the journal is of an hour ago too, and only its receipts know
    restore(home, begun, "journal/journal.sqlite")
    assert hourbell.run(home.root, "deliver", now=NOW) == 0
    assert inbox(home) == inbox(undisturbed)


def test_dropped_tables_and_a_full_refresh_send_nothing_twice(
    undisturbed: Home, hourbell: Ticking, copied: Copied
) -> None:
    home = copied(undisturbed)
    with open_warehouse(home) as warehouse:
        for table in ("decisions", "candidates", "outbox"):
            warehouse.execute(f"drop table decisions.{table}")
    refreshed = run_dbt(home, ["run", "--full-refresh", "--select", "path:models/decisions"], SECOND)
    assert {str(result.status) for result in refreshed.results} == {"success"}
    with open_warehouse(home) as warehouse:
        assert sum(leave(warehouse, home, SECOND).values()) > 0
    assert hourbell.run(home.root, "deliver", now=NOW) == 0
    assert max(inbox(home).values()) == 1
    assert inbox(home) >= inbox(undisturbed)


def test_the_mutant_that_has_no_journal_is_caught(undisturbed: Home, hourbell: Ticking, copied: Copied) -> None:
    home = copied(undisturbed)
    shutil.rmtree(home.root / "journal")
    assert hourbell.run(home.root, "deliver", now=NOW) == 0
    assert max(inbox(home).values()) > 1


def test_a_tick_that_cannot_leave_says_so_once_and_leaves_when_there_is_room(
    killed: Home, undisturbed: Home, hourbell: Ticking, disk: Disk, said: Path
) -> None:
    home = Home(disk.path / "home")
    shutil.copytree(killed.root, home.root)
    disk.leave_room(0)
    assert hourbell.run(home.root, "tick", now=NOW, said=str(said)) == 1
    assert [line.partition(":")[0] for line in said.read_text().splitlines()].count("Error") == 1
    disk.resize()
    assert hourbell.run(home.root, "tick", now=NOW) == 0
    assert differences(home, undisturbed) == []
