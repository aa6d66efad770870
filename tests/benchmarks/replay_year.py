"""A year of real orders, decided hour by hour: how long a replay takes, and what it costs a tick.

    python tests/benchmarks/replay_year.py online_retail.parquet
    python tests/benchmarks/replay_year.py online_retail.parquet --days 30 --workflows abandoned_cart post_purchase

The file is the public UCI Online Retail data set. The project is a copy of ours that has no other workflows. Beside the
wall clock stands the time of the processors, which says more where other programs run at the same time.
"""

import argparse
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from checkouts import copy_project, keep_workflows, run_within

from dagster_project.command.show import console, progress, table
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.landing.ingest import land_all
from dagster_project.landing.load import load
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.windows import HOUR, Window, split
from dagster_project.warehouse import open_warehouse
from data.importers.online_retail import import_online_retail

YEAR = Window(datetime(2010, 12, 1), datetime(2011, 12, 10))
SIX = ("welcome_series", "abandoned_cart", "post_purchase", "reengagement", "lead_nurturing", "cross_sell")
GOAL = timedelta(minutes=15) / 8_900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("orders", type=Path, help="online_retail.parquet")
    parser.add_argument("--days", type=int, default=(YEAR.end - YEAR.start).days)
    parser.add_argument("--workflows", nargs="+", default=SIX)
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.within:
        replay_orders(options.orders, options.days)
        return
    with TemporaryDirectory(prefix="hourbell-six-") as name:
        copy_project(Path(name))
        keep_workflows(Path(name), options.workflows)
        run_within(Path(name))


def replay_orders(orders: Path, days: int) -> None:
    """Decide the hours of so many days, and tell how long they took."""
    window = Window(YEAR.start, YEAR.start + timedelta(days=days))
    ticks = list(split(window, HOUR))
    with TemporaryDirectory(prefix="hourbell-replay-") as folder:
        home = Home(Path(folder) / "home").prepare()
        import_online_retail(orders, Path(folder) / "files")
        load(Path(folder) / "files", home.landing, YEAR.end)
        statements = compile_tick(home)
        with open_warehouse(home) as connection:
            land_all(connection, home.landing, known_from=None, tick_start=YEAR.start)
        with progress() as bar:
            task = bar.add_task("ticks", total=len(ticks))

            def told() -> Iterator[Window]:
                for tick in ticks:
                    yield tick
                    bar.advance(task)

            wall, processors = time.perf_counter(), time.process_time()
            replay(home, told(), statements=statements, with_outbox=False)
            wall, processors = time.perf_counter() - wall, time.process_time() - processors
        with open_warehouse(home) as connection:
            decided = connection.execute(
                "select workflow, count(*) from decisions.decisions group by workflow order by workflow"
            ).fetchall()
    console.print(
        f"{len(ticks):,} ticks in {wall / 60:.1f} minutes: {1_000 * wall / len(ticks):.0f} ms a tick "
        f"(goal {1_000 * GOAL.total_seconds():.0f}), {1_000 * processors / len(ticks):.0f} ms of processors"
    )
    table("Decisions", ["workflow", "rows"], decided)


if __name__ == "__main__":
    main()
