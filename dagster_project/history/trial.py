"""A workflow tried out: run over history in a copy of the warehouse, as if it had been switched on then."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from activations.errors import HourbellError
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import DECISIONS, MARTS, Window, last_completed, split
from dagster_project.warehouse import open_warehouse

# what says which workflows are live
_STATUS = "workflows"

Progress = Callable[[int, int], object]


@contextmanager
def copied(home: Home) -> Iterator[Home]:
    """A copy of the warehouse in a data directory of its own, which is gone afterwards.

    Raises HourbellError where there is no history, or a tick is at work.
    """
    with tempfile.TemporaryDirectory(prefix="hourbell-trial-") as folder:
        copy = Home(Path(folder)).prepare()
        with tick_lock(home):
            with open_warehouse(home) as connection:
                if last_completed(connection) is None:
                    raise HourbellError(
                        "No tick has been completed yet: there is no history to go by. Run hourbell tick."
                    )
                connection.execute("checkpoint")
            shutil.copyfile(home.warehouse, copy.warehouse)
        yield copy


@contextmanager
def copied_again(copy: Home) -> Iterator[Home]:
    """Another copy of the same; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hourbell-trial-") as folder:
        other = Home(Path(folder)).prepare()
        shutil.copyfile(copy.warehouse, other.warehouse)
        yield other


def try_out(
    copy: Home, workflow: str, over: timedelta, size: timedelta, progress: Progress = lambda done, total: None
) -> Window:
    """Run everything over the last so long, in ticks of a size, with a workflow switched on from there; returns when
    that was.

    The gate decides as it would: consent, caps, quiet hours, and the other workflows beside it.
    """
    statements = [one for one in compile_tick(copy) if one.scope not in (MARTS, _STATUS)]
    with open_warehouse(copy) as connection:
        window = _span(connection, over)
        _switch_on(connection, workflow, statements, window.start)
    ticks = list(split(window, size))
    replay(copy, watched(ticks, progress), statements=statements, with_outbox=False)
    return window


def watched(ticks: Sequence[Window], progress: Progress) -> Iterator[Window]:
    """The ticks one by one, telling how far they are."""
    for done, tick in enumerate(ticks):
        progress(done, len(ticks))
        yield tick
    progress(len(ticks), len(ticks))


def _span(connection: duckdb.DuckDBPyConnection, over: timedelta) -> Window:
    """The last so long."""
    end = last_completed(connection)
    assert end is not None
    return Window(end - over, end)


def _switch_on(
    connection: duckdb.DuckDBPyConnection, workflow: str, statements: Sequence[Statement], at: datetime
) -> None:
    """Forget what the workflow did, and let it be live from then on."""
    ((first,),) = connection.execute(
        "select min(tick_start) from engine.windows where scope = ?", [DECISIONS]
    ).fetchall()
    if at < first:
        # what landed before the first tick was learnt in one go, and has to be learnt tick by tick
        for statement in statements:
            if not statement.stays:
                connection.execute(f"delete from {statement.table}")
        connection.execute("delete from engine.windows")
        connection.execute("update workflows.workflow_status_changes set changed_at = ?", [at])
    for statement in statements:
        if statement.scope == workflow:
            connection.execute(f"delete from {statement.table}")
    for table in ("decisions.decisions", "decisions.arrivals", "decisions.candidates"):
        connection.execute(f"delete from {table} where workflow = ?", [workflow])
    connection.execute("delete from workflows.workflow_status_changes where workflow = ?", [workflow])
    connection.execute(
        "insert into workflows.workflow_status_changes by name select ? as workflow, true as is_live, ? as changed_at",
        [workflow, at],
    )
