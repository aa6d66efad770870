"""What identity costs in a tick: the same new rows on a short and a long history, and a whole history at once.

python tests/benchmarks/identity_cost.py
"""

import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from dagster_project.home import Home
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

MODELS = (
    *(f"stg_{table}" for table in ("contacts", "events", "orders", "consents")),
    "path:models/contacts/identity",
    "path:models/contacts/activity",
)
NOW = datetime(2026, 3, 1)
HASH = "cast('0x' || left(md5({}), 15) as bigint)"
REPETITIONS = 7


def remember(connection: duckdb.DuckDBPyConnection, identifiers: int) -> None:
    """A year in which so many identifiers came up: a third each of accounts, addresses and devices, all linked."""
    people = identifiers // 3
    connection.execute(
        f"""
        create or replace temp table past as
        select
            {HASH.format("'user_id|u' || range")} as user_id,
            {HASH.format("'email|p' || range || '@shop.example'")} as email_id,
            {HASH.format("'anonymous_id|d' || range")} as device_id,
            range as person,
            timestamp '2025-03-01' + to_microseconds(range * cast(364 * 86400e6 / {people} as bigint)) as seen_at
        from range({people})
        """
    )
    kinds = {"user_id": ("user_id", "'u' || person"), "email": ("email_id", "'p' || person || '@shop.example'")}
    kinds["anonymous_id"] = ("device_id", "'d' || person")
    for kind, (column, value) in kinds.items():
        connection.execute(f"insert into contacts.identifiers select {column}, '{kind}', {value}, seen_at from past")
        connection.execute(
            f"""
            insert into contacts.identity_map by name
            select
                {column} as identifier_id,
                least(user_id, email_id, device_id) as contact_id,
                seen_at as contact_born_at,
                {column} = least(user_id, email_id, device_id) as is_founder,
                seen_at as valid_from,
                seen_at as tick_end
            from past
            """
        )
        if kind != "user_id":
            connection.execute(
                f"""
                insert into contacts.identity_links by name
                select
                    {HASH.format(f"user_id || '|' || {column}")} as link_id,
                    user_id as stronger_id,
                    {column} as weaker_id,
                    'user_id' as stronger_type,
                    '{kind}' as weaker_type,
                    1 as nth_of_stronger,
                    1 as nth_of_weaker,
                    seen_at as linked_at,
                    true as is_accepted
                from past
                """
            )
    connection.execute("drop table past")


def new_hour(connection: duckdb.DuckDBPyConnection, people: int, rows: int) -> None:
    """Events: most by known devices, some with an account, some of new devices, a few that merge two contacts."""
    connection.execute(
        f"""
        insert into raw.events by name
        select
            'm' || range as message_id,
            'track' as type,
            'Product Viewed' as event,
            case when range % 4 = 0 then 'u' || (range * 7919 % {people}) end as user_id,
            case
                when range % 5 = 0 then 'new' || range
                when range % 97 = 0 then 'd' || (range * 104729 % {people})
                else 'd' || (range * 7919 % {people})
            end as anonymous_id,
            'web' as source,
            timestamp '{NOW}' + to_seconds(range * 3600 // {rows}) as occurred_at,
            occurred_at as loaded_at,
            occurred_at as effective_at
        from range({rows})
        """
    )


def whole_history(connection: duckdb.DuckDBPyConnection, contacts: int) -> None:
    """Accounts with an address, and ten events each on two devices, one of which the household shares."""
    connection.execute(
        f"""
        insert into raw.contacts by name
        select
            'u' || range as user_id,
            'shop' as source,
            'p' || range || '@shop.example' as email,
            timestamp '2025-03-01' + to_seconds(range * 31000000 // {contacts}) as occurred_at,
            occurred_at as loaded_at,
            occurred_at as effective_at
        from range({contacts})
        """
    )
    connection.execute(
        f"""
        insert into raw.events by name
        select
            'm' || range as message_id,
            'track' as type,
            'web' as source,
            case when range % 3 = 0 then 'u' || (range // 10) end as user_id,
            case when range % 2 = 0 then 'd' || (range // 10) else 'shared' || (range // 25) end as anonymous_id,
            timestamp '2025-03-01' + to_seconds(hash(range) % 31000000) as occurred_at,
            occurred_at as loaded_at,
            occurred_at as effective_at
        from range({contacts} * 10)
        order by occurred_at
        """
    )


def seconds_of(connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], window: Window) -> float:
    """How long a tick takes."""
    started = time.perf_counter()
    replay_tick(connection, statements, window)
    return time.perf_counter() - started


def main() -> None:
    """Measure and show."""
    hour = Window(NOW, NOW + timedelta(hours=1))
    table = Table("history", "new rows", "seconds, least", "seconds, median")
    for identifiers in (1_000_000, 10_000_000):
        with tempfile.TemporaryDirectory() as directory:
            home = Home(Path(directory))
            statements = compile_tick(home, MODELS)
            with open_warehouse(home) as connection:
                remember(connection, identifiers)
                # the same people, so that the work is the same and only what surrounds it grows
                new_hour(connection, 300_000, 5_000)
                taken = sorted(seconds_of(connection, statements, hour) for _ in range(REPETITIONS))
        table.add_row(f"{identifiers:,} identifiers", "5,000", f"{taken[0]:.3f}", f"{taken[REPETITIONS // 2]:.3f}")
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory))
        statements = compile_tick(home, MODELS)
        with open_warehouse(home) as connection:
            whole_history(connection, 200_000)
            taken = [seconds_of(connection, statements, Window(NOW - timedelta(days=365), NOW))]
        table.add_row("none", "200,000 contacts and 2,000,000 events", f"{taken[0]:.1f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
