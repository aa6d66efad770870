"""What the assets of one Dagster run share: its window."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import dagster as dg

from dagster_project.home import Home
from dagster_project.ticks.interrupted import interrupted
from dagster_project.ticks.windows import CONTACTS, HOUR, Window, last_completed, next_window, parse_time
from dagster_project.warehouse import open_warehouse

START_TAG, END_TAG = "hourbell/tick_start", "hourbell/tick_end"
DUE_EVERY_HOUR = 3600.0


def window_tags(window: Window) -> dict[str, str]:
    return {START_TAG: window.start.isoformat(), END_TAG: window.end.isoformat()}


def due_window(home: Home, now: datetime | None = None, size: timedelta = HOUR) -> Window | None:
    """The window that comes next, by the last completed tick, up to the last full hour (or other size); first of all
    one that was interrupted."""
    home.prepare()
    with open_warehouse(home) as connection:
        again = interrupted(connection)
        # before the first tick, history may have been learnt up to where it was to begin
        last_end = last_completed(connection) or last_completed(connection, CONTACTS)
    return again.window if again else next_window(last_end, now or datetime.now(UTC).replace(tzinfo=None), size)


def window_of(context: dg.AssetExecutionContext) -> Window:
    """The window of this run: its tags say so, or, where it was started by hand, whatever is due."""
    tags = context.run.tags
    if START_TAG in tags and END_TAG in tags:
        return Window(parse_time(tags[START_TAG]), parse_time(tags[END_TAG]))
    return _window_of_run(context.run_id)


# all steps of a run must see one window, also after the decisions have moved the mark
@lru_cache(maxsize=16)
def _window_of_run(run_id: str) -> Window:
    window = due_window(Home.from_environment())
    if window is None:
        raise dg.Failure(f"Nothing is due yet (run {run_id}): the last full hour has been decided. Wait for the next.")
    return window
