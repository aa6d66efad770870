"""A rebuild is not a resend: whatever is dropped, refreshed or restored, nothing that was sent is sent again."""

import shutil
from collections.abc import Callable

from endings import FIRST_END, NOW, inbox
from ticking import Ticking

from dagster_project.gate_out.leave import leave
from dagster_project.home import Home
from dagster_project.transform import run_dbt
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window

Copied = Callable[[Home], Home]
SECOND = Window(FIRST_END, NOW.replace(minute=0))


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
