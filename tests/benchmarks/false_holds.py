"""How often the gate out holds a shop on which nothing goes wrong.

Run it as `python tests/benchmarks/false_holds.py [--days 90] [--contacts 1000] [--size 6h]`. It takes the simulated
shop through the whole engine, tick by tick, each examined as it leaves, and prints what was held and why.
"""

import argparse
import logging
import time
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from activations.delivery.delivery import TEMPLATES
from activations.holds.approvals import approve
from activations.holds.hold import standing_holds
from dagster_project.command.show import console, progress, table
from dagster_project.gate_out.leave import leave
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.shop import land_shop
from dagster_project.ticks.tick import land
from dagster_project.ticks.windows import Window, parse_size, split
from dagster_project.warehouse_setup import prepare_warehouse
from data.simulator import Shop

START = datetime(2026, 1, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--contacts", type=int, default=1_000)
    parser.add_argument("--size", type=parse_size, default=parse_size("6h"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    shop = Shop(seed=options.seed, contacts=options.contacts, start=START, days=options.days)
    windows = list(split(Window(START, START + timedelta(days=options.days)), options.size))
    started = time.monotonic()
    with TemporaryDirectory(prefix="hourbell-false-holds-") as folder, progress() as bar:
        home = Home(Path(folder) / "home").prepare()
        land_shop(shop, home, Path(folder) / "shop")
        prepare_warehouse(home)
        for workflow in registered_workflows():
            approve(home.outbox, workflow, by="false_holds", at=START)
        land(home, windows[0])
        task = bar.add_task("Ticks", total=len(windows))

        def let_leave(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
            leave(connection, home, window)
            bar.advance(task)

        replay(home, windows, after_tick=let_leave, with_outbox=False)
        holds = standing_holds(home.outbox, TEMPLATES)
        table(
            "Held",
            ["workflow", "tick", "actions", "why"],
            [
                (hold.about.workflow, f"{hold.about.tick_end:%Y-%m-%d %H:%M}", hold.about.actions, reason)
                for hold in holds
                for reason in hold.reasons
            ],
        )
    console.print(
        f"{len(holds)} false holds in {options.days} days, {len(windows)} ticks of {len(registered_workflows())} "
        f"workflows (goal: at most 1); {time.monotonic() - started:.0f} seconds"
    )


if __name__ == "__main__":
    main()
