"""A tick with a hundred workflows of six steps at a million contacts: how long it takes, and where the time goes.

    python tests/benchmarks/many_workflows.py
    python tests/benchmarks/many_workflows.py --contacts 10000 --workflows 10

The workflows are copies of one of ours, in a checkout of their own, all live, beside those that ship. A tenth of the
contacts has bought; all of the workflows want everybody who has not bought for 90 days. Some days are lived through
first, a tick a day, so that there are people at many steps. What dbt takes to compile so many models is paid once for
each change of them, and told apart.
"""

import argparse
import resource
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from checkouts import change_settings, copy_project, run_within

from activations.holds.approvals import approve
from dagster_project.command.show import console, progress, table
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.scaffold import begin_workflow
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Memory, Statement, replay_tick
from dagster_project.ticks.tick import publish_marts, send_off
from dagster_project.ticks.windows import CONTACTS, HOUR, MARTS, Window, split
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

NOW = datetime(2026, 3, 2, 9)
DAY = timedelta(days=1)
GOAL = 60
# the pace at which customers lapse: all of them within so many days
BOUGHT_WITHIN = 180


def crowd(folder: Path, workflows: int, like: str) -> None:
    """A copy of what runs, with so many more workflows, live."""
    copy_project(folder)
    for number in range(workflows):
        begin_workflow(folder / "dbt", folder / "activations" / "templates", f"crowd_{number:03}", like)

    def live(settings: dict[str, Any]) -> None:
        for workflow in settings["workflows"].values():
            workflow["status"] = "live"

    change_settings(folder, live)


def fill(connection: duckdb.DuckDBPyConnection, contacts: int, since: datetime, until: datetime) -> None:
    """People who came before `since`, of whom a tenth bought once, and an event a person within a month of `until`."""
    connection.execute(
        """
        insert into raw.contacts by name
        select concat('u', person) as user_id, 'shop' as source, concat('u', person, '@shop.example') as email,
            'GB' as country, 'Europe/London' as timezone, $moment as occurred_at, $moment as loaded_at,
            $moment as effective_at
        from range($contacts) as people (person)
        """,
        {"contacts": contacts, "moment": since - BOUGHT_WITHIN * DAY},
    )
    connection.execute(
        """
        insert into raw.consents by name
        select user_id, 'email' as channel, 'all' as topic, 'granted' as status, 'shop' as source,
            occurred_at, loaded_at, effective_at
        from raw.contacts
        """
    )
    connection.execute(
        f"""
        insert into raw.orders by name
        with moments as (
            select person, $until - interval '90 days' - to_seconds(hash(person) % {BOUGHT_WITHIN * 86_400}) as moment
            from range(0, $contacts, 10) as people (person)
        )
        select concat('o', person) as order_id, 'placed' as status, concat('u', person) as user_id,
            'GBP' as currency, 20 + person % 80 as total, 'shop' as source, moment as occurred_at,
            moment as loaded_at, moment as effective_at
        from moments
        order by moment
        """,
        {"contacts": contacts, "until": until},
    )
    connection.execute(
        """
        insert into raw.events by name
        with moments as (
            select person, $until - to_seconds(hash(person, 1) % (30 * 86400)) as moment
            from range($contacts) as people (person)
        )
        select concat('m', person) as message_id, 'track' as type, 'Product Viewed' as event,
            concat('u', person) as user_id, json_object('product_id', concat('p', person % 100)) as properties,
            'web' as source, moment as occurred_at, moment as loaded_at, moment as effective_at
        from moments
        order by moment
        """,
        {"contacts": contacts, "until": until},
    )


def kind_of(statement: Statement) -> str:
    """What a model is for, as far as it matters where the time goes."""
    if statement.scope in (CONTACTS, MARTS):
        return "knowledge of contacts" if statement.scope == CONTACTS else "marts"
    if statement.scope not in registered_workflows():
        return "candidates and decisions"
    part = statement.model.partition("__")[2]
    return {"entered": "entries", "exited": "exits"}.get(part, "steps")


def live_through(contacts: int, days: int, ticks: int) -> None:
    """Fill a warehouse, live through some days, and tell what hourly ticks take."""
    with TemporaryDirectory(prefix="hourbell-crowd-home-") as folder:
        home = Home(Path(folder)).prepare()
        prepare_warehouse(home)
        started = time.perf_counter()
        statements = compile_tick(home)
        compiling = time.perf_counter() - started
        kinds = {statement.model: kind_of(statement) for statement in statements}
        begins, ends = NOW - days * DAY, NOW + ticks * HOUR
        windows = [
            Window(begins - 2 * BOUGHT_WITHIN * DAY, begins),
            *split(Window(begins, NOW), DAY),
            *split(Window(NOW, ends), HOUR),
        ]
        knowledge = [statement for statement in statements if statement.scope == CONTACTS]
        with open_warehouse(home) as connection:
            fill(connection, contacts, begins - BOUGHT_WITHIN * DAY, ends)
        for workflow in registered_workflows():
            approve(home.outbox, workflow, by="many_workflows", at=begins)
        seconds: list[float] = []
        where: Counter[str] = Counter()
        slowest: Counter[str] = Counter()
        with open_warehouse(home) as connection, progress() as bar:
            task = bar.add_task("Ticks", total=len(windows))
            memory = Memory.of(connection, statements)
            for number, window in enumerate(windows):
                started = time.perf_counter()
                tick = replay_tick(connection, statements if number else knowledge, window, memory)
                if window.end - window.start == HOUR:
                    seconds.append(time.perf_counter() - started)
                    for model, taken in tick.seconds.items():
                        where[kinds[model]] += taken
                        slowest[model] += taken
                bar.advance(task)
            enrolled, decided, sent = connection.execute(
                "select count(distinct enrollment_id), count(*), count(*) filter (outcome = 'send') "
                "from decisions.decisions"
            ).fetchall()[0]
            last = connection.execute(
                "select count(*) from decisions.decisions where tick_end = ?", [windows[-1].end]
            ).fetchall()[0][0]
        started = time.perf_counter()
        send_off(home, windows[-1])
        leaving = time.perf_counter() - started
        started = time.perf_counter()
        publish_marts(home, windows[-1])
        publishing = time.perf_counter() - started
    beside = leaving + publishing
    console.print(
        f"{contacts:,} contacts, {len(registered_workflows())} workflows, {len(statements)} models: "
        f"{sum(seconds) / len(seconds) + beside:.1f} s a tick, {max(seconds) + beside:.1f} s the slowest of "
        f"{len(seconds)} (goal {GOAL}); compiled in {compiling:.0f} s, once. Memory at most "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB."
    )
    console.print(
        f"By then {enrolled:,} enrollments had had {decided:,} decisions and {sent:,} messages; {last:,} decisions in "
        "the last tick."
    )
    table(
        "Where the time of a tick goes",
        ["part", "seconds"],
        [
            *((name, taken / len(seconds)) for name, taken in where.most_common()),
            ("gate out and outbox", leaving),
            ("published copy", publishing),
        ],
    )
    table("The slowest models", ["model", "seconds"], [(name, s / len(seconds)) for name, s in slowest.most_common(12)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--workflows", type=int, default=100)
    parser.add_argument("--like", default="reengagement", help="the workflow of which they are copies")
    parser.add_argument("--days", type=int, default=14, help="days that are lived through first")
    parser.add_argument("--ticks", type=int, default=24, help="hours that are measured")
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.within:
        live_through(options.contacts, options.days, options.ticks)
        return
    with TemporaryDirectory(prefix="hourbell-crowd-") as name:
        console.print(f"{options.workflows} copies of {options.like} are written …")
        crowd(Path(name), options.workflows, options.like)
        run_within(Path(name))


if __name__ == "__main__":
    main()
