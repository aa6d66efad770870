"""What the gate costs: a million candidates at once, with a month of decisions behind them.

Run it as `python tests/benchmarks/gate_cost.py [--contacts 200000] [--people 2000000] [--past 5000000]`: so many
contacts are due for five messages each, out of so many people who got so many messages in the last month. It prints
seconds and memory by model; the goal is 60 seconds within 4 GB.
"""

import argparse
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from dagster_project.command.show import console, table
from dagster_project.home import Home
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

HOUR = Window(datetime(2026, 3, 2, 10), datetime(2026, 3, 2, 11))
MONTH = timedelta(days=30)
STEPS = (
    "abandoned_cart__reminder",
    "abandoned_cart__reassurance",
    "post_purchase__thanks",
    "reengagement__offer",
    "welcome_series__hello",
)
ZONES = ("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
SECONDS, GIGABYTES = 60, 4


def fill(connection: duckdb.DuckDBPyConnection, contacts: int, people: int, past: int) -> None:
    """Everything that the gate reads; times rise as they would have in life."""
    run = connection.execute
    zones = "['" + "', '".join(ZONES) + "']"
    run(
        f"""
        insert into eligibility.eligibility_changes by name
        select person as contact_id, channel, topic, timestamp '{HOUR.start - MONTH}' as tick_end,
            concat('u', person, '@shop.example') as address, hash(person, channel) % 10 > 0 as is_reachable,
            case when hash(person, channel) % 10 = 0 then 'no address' end as unreachable_reason,
            hash(person, topic) % 10 > 1 as is_consented,
            case when hash(person) % 20 = 0 then timestamp '{HOUR.end + timedelta(hours=5)}' end as suppressed_until,
            'recent purchase' as suppression_reason, {zones}[1 + person % {len(ZONES)}] as timezone,
            'en' as locale, false as is_erased, timestamp '{HOUR.start - MONTH}' as stated_at
        from range({people}) as numbers(person), (values ('email'), ('sms')) as channels(channel),
            (values ('newsletter'), ('offers'), ('service')) as topics(topic)
        """
    )
    run(
        f"""
        insert into contacts.consent_statements by name
        select person as contact_id, 'email' as channel, 'all' as topic,
            case when person % 40 = 0 then 'withdrawn' else 'granted' end as status,
            concat('u', person, '@shop.example') as email, timestamp '{HOUR.start - MONTH}' as occurred_at,
            timestamp '{HOUR.start - MONTH}' as effective_at
        from range({people}) as numbers(person)
        """
    )
    run(
        f"""
        insert into contacts.contact_profile_versions by name
        select person as contact_id, timestamp '{HOUR.start - MONTH}' as valid_from,
            timestamp '{HOUR.start - MONTH}' as tick_end, concat('u', person, '@shop.example') as email,
            'Ann' as first_name, 'en' as locale, 'UTC' as timezone
        from range({people}) as numbers(person)
        """
    )
    run(
        f"""
        insert into contacts.global_assignments by name
        select person as contact_id, 0.02 as holdout_share,
            case when person % 50 = 7 then 'holdout' else 'treated' end as assignment,
            timestamp '{HOUR.start - MONTH}' as tick_end
        from range({people}) as numbers(person)
        """
    )
    run(
        f"""
        insert into contacts.contact_merges by name
        select -person as contact_id, person as into_contact_id, timestamp '{HOUR.start - MONTH / 2}' as merged_at,
            timestamp '{HOUR.start - MONTH / 2}' as tick_end
        from range(0, {people}, 50) as numbers(person)
        """
    )
    run(
        f"""
        insert into decisions.decisions by name
        select number as action_id, time_bucket(interval '1 hour', sent_at) + interval '1 hour' as tick_end,
            'reengagement' as workflow, 'offer' as step, number as enrollment_id,
            case when number % 97 = 0 then -(number % {people}) else number % {people} end as contact_id,
            'send' as kind, 'offer' as template, 'offers' as topic, 'promotional' as topic_kind,
            ['email', 'sms'] as channels, 'defer' as if_held,
            '{{"cart_id":"C1","cart_value":120,"item_count":3}}' as context, 40 as priority, sent_at as reached_at,
            sent_at as due_at, sent_at + interval '1 day' as expires_at, 0 as times_deferred,
            case when number % 5 < 4 then 'email' end as channel,
            case number % 5 when 4 then 'deferred' else 'send' end as outcome,
            case number % 5 when 4 then 'quiet hours' end as gate,
            case number % 5 when 4 then sent_at + interval '10 hours' end as held_until,
            case when number % 5 < 4 then sent_at end as send_after
        from (
            select number,
                timestamp '{HOUR.start - MONTH}' + to_seconds(number * {MONTH.total_seconds()} / {past}) as sent_at
            from range({past}) as numbers(number)
        )
        order by number
        """
    )
    run(
        """
        insert into staging.stg_outcomes by name
        select action_id, channel, case when action_id % 50 = 0 then 'failed' else 'accepted' end as status,
            send_after as occurred_at, send_after as loaded_at, send_after as effective_at
        from decisions.decisions
        where outcome = 'send' and send_after < ?
        order by send_after
        """,
        [HOUR.start],
    )
    for number, step in enumerate(STEPS):
        run(
            f"""
            insert into workflows.{step} by name
            select {number} * 100000000 + person as enrollment_id, person as contact_id, reached_at,
                timestamp '{HOUR.end}' as tick_end,
                struct_pack(
                    kind := 'send', channels := ['email', 'sms'],
                    topic := ['offers', 'newsletter', 'service'][1 + {number} % 3],
                    template := 'offer', variant := cast(null as varchar),
                    if_held := ['skip', 'defer', 'next channel'][1 + person % 3],
                    expires_at := reached_at + interval '2 days', details := cast(null as varchar)
                ) as action
            from (
                select person, timestamp '{HOUR.start}' + to_milliseconds(person * 3600000 // {contacts}) as reached_at
                from range({contacts}) as numbers(person)
            )
            """
        )
    run("checkpoint")


def measure(connection: duckdb.DuckDBPyConnection, statements: list[Statement]) -> list[list[Any]]:
    """Seconds by the clock and of CPU, peak of memory in GB, and rows by model."""
    connection.execute(f"set memory_limit = '{GIGABYTES}GB'")
    connection.execute(f"set variable tick_start = timestamp '{HOUR.start}'")
    connection.execute(f"set variable tick_end = timestamp '{HOUR.end}'")
    connection.execute("pragma enable_profiling = 'no_output'")
    connection.execute('set custom_profiling_settings = \'{"SYSTEM_PEAK_BUFFER_MEMORY": "true"}\'')
    rows = []
    for statement in statements:
        started, worked, peak = time.perf_counter(), time.process_time(), 0
        for sql in statement.sql:
            connection.execute(sql)
            peak = max(peak, peak_of(connection))
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        ((count,),) = connection.execute(f"select count(*) from decisions.{statement.model}").fetchall()
        rows.append([statement.model, round(seconds, 2), round(cpu_seconds, 2), round(peak / 2**30, 2), count])
    return rows


def peak_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Most memory that the last statement held, in bytes."""
    return int(json.loads(connection.get_profiling_information())["system_peak_buffer_memory"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=2_000_000)
    parser.add_argument("--past", type=int, default=5_000_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="hourbell-gate-cost-") as folder:
        home = Home(Path(folder)).prepare()
        statements = [one for one in compile_tick(home, ["+path:models/decisions"]) if one.scope == "decisions"]
        with open_warehouse(home) as connection:
            console.print(f"Inventing {options.past:,} decisions about {options.people:,} people …")
            fill(connection, options.contacts, options.people, options.past)
            rows = measure(connection, statements)
            outcomes = connection.execute(
                "select outcome, coalesce(gate, ''), count(*) from decisions.decisions where tick_end = ? "
                "group by all order by all",
                [HOUR.end],
            ).fetchall()
    table("One tick of the gate", ["model", "seconds", "of CPU", "GB", "rows"], rows)
    table("What was decided", ["outcome", "gate", "actions"], [list(row) for row in outcomes])
    seconds, cpu_seconds = sum(row[1] for row in rows), sum(row[2] for row in rows)
    console.print(
        f"In all {seconds:.1f} seconds ({cpu_seconds:.1f} of CPU), at most {max(row[3] for row in rows):.2f} GB "
        f"(goal: {SECONDS} seconds, {GIGABYTES} GB)"
    )


if __name__ == "__main__":
    main()
