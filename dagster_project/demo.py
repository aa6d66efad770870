"""The main job on a simulated shop: land, tick, deliver, and read the mart."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from activations.errors import HourbellError
from activations.holds.approvals import approve
from activations.profile import open_profile
from dagster_project.deliver import deliver_outbox
from dagster_project.home import Home
from dagster_project.landing.ingest import land_all
from dagster_project.landing.load import load
from dagster_project.lock import tick_lock
from dagster_project.registry import registered_workflows
from dagster_project.replay import replay
from dagster_project.shop import land_shop
from dagster_project.tick import prepare_warehouse
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window, split
from data.simulator import Shop
from data.simulator.answers import Answers
from data.simulator.mailboxes import Mailboxes

START = datetime(2026, 3, 2)
# a tick is decided and delivered a little after its window has closed
DELIVERED_AFTER = timedelta(minutes=5)
# what people did comes back in a few lots: the gate takes a second for each, and would for each tick
REPORTED_EVERY = timedelta(days=2)

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Demo:
    """How large the shop is, and how it is run."""

    contacts: int = 2_000
    days: int = 14
    size: timedelta = timedelta(hours=4)
    seed: int = 1


def demo_home(home: Home) -> Home:
    """A data directory of the demo's own, so that it never touches anybody's data."""
    return Home(home.root / "demo")


def run_demo(home: Home, demo: Demo, progress: Progress) -> None:
    """Start the demo's data directory anew, and run everything in it. `progress` is told stage, done and total."""
    _empty(home)
    shop = Shop(seed=demo.seed, contacts=demo.contacts, start=START, days=demo.days)
    land_shop(shop, home, home.root / "shop", lambda done, total: progress("The shop lives", done, total))
    windows = list(split(Window(START, START + timedelta(days=demo.days)), demo.size))
    mailboxes = Mailboxes(Answers(shop), home.sandbox, home.root / "answers")
    now = START
    with tick_lock(home), open_profile(home.sandbox, {}, now=lambda: now) as profile:
        progress("What landed passes the gate", 0, 1)
        prepare_warehouse(home)
        for workflow in registered_workflows():
            approve(home.outbox, workflow, by="hourbell demo", at=START)
        with open_warehouse(home) as connection:
            land_all(connection, home.landing, known_from=None, tick_start=START)
        done = 0

        def deliver_and_land(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
            nonlocal done, now
            now = window.end + DELIVERED_AFTER
            delivered = deliver_outbox(home, profile, now)
            reported = (window.end - START) // REPORTED_EVERY > (window.start - START) // REPORTED_EVERY
            answers = mailboxes.answer_new() if reported else None
            if answers is not None:
                load(answers, home.landing, now)
            if delivered.outcomes_written or answers is not None:
                land_all(connection, home.landing, known_from=window.end, tick_start=window.end)
            done += 1
            progress("Ticks", done, len(windows))

        progress("The models are compiled", 0, 1)
        replay(home, windows, after_tick=deliver_and_land)
        mailboxes.write_truth()


def _empty(home: Home) -> None:
    try:
        shutil.rmtree(home.root, ignore_errors=not home.root.exists())
    except OSError as error:
        raise HourbellError(
            f"Cannot clear {home.root} for the demo: {error.strerror}. Remove it, or set HOURBELL_HOME elsewhere."
        ) from error
