"""The main job on a simulated shop that answers: land, tick, deliver, hear what people did, and publish the marts."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from activations.errors import HourbellError
from activations.holds.approvals import approve
from activations.settings.environment import open_profile
from dagster_project.deliver import deliver_outbox
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.landing.ingest import land_all
from dagster_project.outbox import write_outbox
from dagster_project.publish import publish
from dagster_project.registry import registered_workflows
from dagster_project.reports import Built, build
from dagster_project.shop import AnsweringShop
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.tick_costs import Spent, note_cost, noting
from dagster_project.ticks.windows import Window, split
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse
from data.simulator import Shop

START = datetime(2026, 3, 2)
# a tick is decided and delivered a little after its window has closed
DELIVERED_AFTER = timedelta(minutes=5)

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Demo:
    """How large the shop is, and how it is run."""

    contacts: int = 2_000
    days: int = 14
    size: timedelta = timedelta(hours=6)
    seed: int = 1


def demo_home(home: Home) -> Home:
    """A data directory of the demo's own, so that it never touches anybody's data."""
    return Home(home.root / "demo")


def truth_folder(home: Home) -> Path:
    """Where the truth of the demo's shop is, which the engine never sees."""
    return home.root / "shop" / "truth"


def run_demo(home: Home, demo: Demo, progress: Progress) -> Built:
    """Start the demo's data directory anew, and run everything in it; returns its pages. `progress` is told stage, done
    and total."""
    _empty(home)
    shop = Shop(seed=demo.seed, contacts=demo.contacts, start=START, days=demo.days)
    progress("The shop comes to be", 0, 1)
    people = AnsweringShop(shop, home, home.root / "shop")
    run_ticks(home, people, list(split(Window(START, shop.end), demo.size)), progress=progress)
    people.close()
    with open_warehouse(home) as connection:
        publish(connection, home.published)
    progress("The pages are built", 0, 1)
    return build(home)


def run_ticks(
    home: Home,
    people: AnsweringShop,
    windows: Sequence[Window],
    *,
    statements: Sequence[Statement] | None = None,
    after_tick: Callable[[duckdb.DuckDBPyConnection, Window], None] | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> None:
    """Tick by tick, decide, deliver to the sandbox, and land what people do; `statements` and `after_tick` as `replay`
    has them."""
    now = windows[0].start
    done = 0
    begun = time.monotonic()

    def deliver_and_land(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
        nonlocal done, now, begun
        # what is not in the file itself yet is in the log beside it
        size = sum(file.stat().st_size for file in home.warehouse.parent.glob(f"{home.warehouse.name}*"))
        note_cost(connection, window, "deciding", time.monotonic() - begun, Spent(bytes=size))
        with noting(connection, window, "leaving") as spent:
            spent.rows = sum(write_outbox(connection, home.outbox, window.end).values())
        now = window.end + DELIVERED_AFTER
        done += 1
        delivered = deliver_outbox(home, profile, now)
        has_landed = people.answer(now)
        if done < len(windows):
            has_landed |= people.live_until(windows[done].end)
        if delivered.outcomes_written or has_landed:
            # what lands is a cost of the tick that learns of it
            following = noting(connection, windows[done], "landing") if done < len(windows) else nullcontext(Spent())
            with following as spent:
                landed = land_all(connection, home.landing, known_from=window.end, tick_start=window.end)
                spent.rows = sum(table.rows for table in landed)
        if after_tick is not None:
            after_tick(connection, window)
        progress("Ticks", done, len(windows))
        begun = time.monotonic()

    with tick_lock(home), open_profile(home.sandbox, {}, now=lambda: now) as profile:
        people.live_until(windows[0].end)
        progress("What landed passes the gate", 0, 1)
        prepare_warehouse(home)
        for workflow in registered_workflows():
            approve(home.outbox, workflow, by="hourbell demo", at=START)
        with open_warehouse(home) as connection:
            land_all(connection, home.landing, known_from=None, tick_start=windows[0].start)
        progress("The models are compiled", 0, 1)
        begun = time.monotonic()
        replay(home, windows, statements=statements, after_tick=deliver_and_land, with_outbox=False)


def _empty(home: Home) -> None:
    try:
        shutil.rmtree(home.root, ignore_errors=not home.root.exists())
    except OSError as error:
        raise HourbellError(
            f"Cannot clear {home.root} for the demo: {error.strerror}. Remove it, or set HOURBELL_HOME elsewhere."
        ) from error
