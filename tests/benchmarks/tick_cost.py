"""What a tick costs: the same new hour on one and on ten million events, and what is not its SQL.

Run it as `python tests/benchmarks/tick_cost.py [--small 1000000] [--large 10000000]`. It prints ratios taken in
one run; single times depend on the machine.
"""

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb
from dbt.cli.main import dbtRunner

from activations.holds.approvals import approve
from dagster_project.command.show import console, table
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.tick import decide, publish_marts, send_off
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

HOUR = Window(datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 10))
EVENTS_A_DAY = 33_000
REPEATS = 5

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def fill(connection: duckdb.DuckDBPyConnection, events: int) -> datetime:
    """Write a history of that many events and one new hour; returns its beginning. More is older, not denser."""
    start = HOUR.start - timedelta(days=events / EVENTS_A_DAY)
    seconds = (HOUR.end - start).total_seconds()
    people = 50_000
    connection.execute(
        f"""
        insert into raw.contacts by name
        select concat('u', person) as user_id, 'shop' as source, concat('u', person, '@shop.example') as email,
            'GB' as country, 'Europe/London' as timezone, timestamp '{start}' as occurred_at,
            timestamp '{start}' as loaded_at, timestamp '{start}' as effective_at
        from range({people}) as people(person)
        """
    )
    connection.execute(
        f"""
        insert into raw.consents by name
        select concat('u', person) as user_id, 'email' as channel, 'all' as topic, 'granted' as status,
            'shop' as source,
            timestamp '{start}' as occurred_at, timestamp '{start}' as loaded_at, timestamp '{start}' as effective_at
        from range({people}) as people(person)
        where person % 3 > 0
        """
    )
    connection.execute(
        f"""
        insert into raw.events by name
        with moments as (
            select number, timestamp '{start}' + to_seconds(number * {seconds} / {events}) as moment,
                hash(number) % {people} as person
            from range({events}) as numbers(number)
        )
        select concat('m', number) as message_id, 'track' as type,
            case number % 10 when 0 then 'Product Added' else 'Product Viewed' end as event,
            concat('u', person) as user_id,
            json_object('cart_id', concat('c', number), 'price', 10 + number % 90, 'quantity', 1) as properties,
            'web' as source, moment as occurred_at, moment as loaded_at, moment as effective_at
        from moments
        order by number
        """
    )
    connection.execute(
        f"""
        insert into raw.orders by name
        select concat('o', number) as order_id, 'placed' as status, concat('u', hash(number, 1) % {people}) as user_id,
            'GBP' as currency, 20 + number % 80 as total, 'shop' as source, moment as occurred_at,
            moment as loaded_at, moment as effective_at
        from (
            select number, timestamp '{start}' + to_seconds(number * {seconds} / {events // 50}) as moment
            from range({events // 50}) as numbers(number)
        )
        order by number
        """
    )
    return start


def sql_seconds(home: Home, statements: Sequence[Statement]) -> float:
    """Median time of the new hour's SQL, over repeats of the same hour."""
    times = []
    with open_warehouse(home) as connection:
        for _ in range(REPEATS):
            started = time.perf_counter()
            replay_tick(connection, statements, HOUR)
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def prepared(root: Path, events: int) -> tuple[Home, list[Statement]]:
    home = Home(root).prepare()
    prepare_warehouse(home)
    with open_warehouse(home) as connection:
        start = fill(connection, events)
    statements = compile_tick(home)
    knowledge = [statement for statement in statements if statement.scope == "contacts"]
    console.print(f"Learning {events:,} events …")
    with open_warehouse(home) as connection:
        replay_tick(connection, knowledge, Window(start, HOUR.start))
        replay_tick(connection, statements, HOUR)
    return home, statements


def seconds_of(work: Callable[[], Result]) -> tuple[float, Result]:
    """How long something takes, and what it gives."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def trivial_seconds(root: Path, models: int) -> float:
    """What dbt takes for as many models that do nothing, in process, with its manifest kept."""
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text("name: trivial\nprofile: trivial\n")
    (root / "profiles.yml").write_text(
        "trivial: {target: duckdb, outputs: {duckdb: {type: duckdb, path: '" + str(root / "trivial.duckdb") + "'}}}\n"
    )
    for number in range(models):
        (root / "models" / f"model_{number}.sql").write_text(
            "{{ config(materialized='incremental') }} select 1 as number"
        )
    arguments = ["--project-dir", str(root), "--profiles-dir", str(root), "--log-level", "none"]
    kept = dbtRunner().invoke(["parse", *arguments]).result
    times = []
    for _ in range(3):
        started = time.perf_counter()
        outcome = dbtRunner(manifest=kept).invoke(["run", "--no-write-json", *arguments])
        assert outcome.success, outcome.exception
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="hourbell-tick-cost-") as folder:
        small, statements = prepared(Path(folder) / "small", options.small)
        large, _ = prepared(Path(folder) / "large", options.large)
        seconds = {
            events: sql_seconds(home, statements) for events, home in ((options.small, small), (options.large, large))
        }
        ratio = seconds[options.large] / seconds[options.small]
        console.print(f"SQL, large to small: {ratio:.2f} (goal: at most 1.5)")
        for workflow in registered_workflows():
            approve(small.outbox, workflow, by="tick_cost", at=HOUR.start)
        # the first finds nothing in memory, as little as the first of the trivial ones
        decided = [seconds_of(lambda: decide(small, HOUR)) for _ in range(3)]
        ordinary, runs = statistics.median(seconds for seconds, _ in decided[1:]), decided[0][1]
        # what Great Expectations takes to be imported is paid once a process
        send_off(small, HOUR)
        gate_out, _ = seconds_of(lambda: send_off(small, HOUR))
        publishing, _ = seconds_of(lambda: publish_marts(small, HOUR))
        trivial = trivial_seconds(Path(folder) / "trivial", len(runs))
    table(
        "One new hour",
        ["what", "seconds"],
        [
            [f"SQL on {options.small:,} events", seconds[options.small]],
            [f"SQL on {options.large:,} events", seconds[options.large]],
            [f"the whole tick, {len(runs)} models", ordinary],
            ["of it: what is not SQL", ordinary - seconds[options.small]],
            [f"{len(runs)} trivial models through dbt, as a yardstick", trivial],
            ["gate out and outbox", gate_out],
            ["published copy", publishing],
        ],
    )
    console.print(
        f"Overhead to trivial models: {(ordinary - seconds[options.small]) / trivial:.2f} (goal: at most 1.3)"
    )


if __name__ == "__main__":
    main()
