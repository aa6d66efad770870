"""What a tick comes to, so that two homes can be compared."""

from collections import Counter
from datetime import datetime
from typing import Any

from activations.sandbox.store import messages
from dagster_project.home import Home
from dagster_project.warehouse import open_warehouse

FIRST_END = datetime(2026, 3, 3)
NOW = datetime(2026, 3, 3, 18, 5)
"""When the second tick begins; the first ended with the first day."""


def ends(home: Home) -> dict[str, Any]:
    """Rows of workflows, decisions and the engine's memory, files of the outbox, and what people received."""
    found: dict[str, Any] = {}
    with open_warehouse(home, read_only=True) as warehouse:
        tables = warehouse.execute(
            "select concat(schema_name, '.', table_name) from duckdb_tables() "
            "where schema_name in ('workflows', 'decisions', 'engine') and table_name <> 'tick_costs'"
        ).fetchall()
        for (table,) in tables:
            found[table] = warehouse.execute(
                f"select count(*), sum(hash(cast(row_of as varchar))) from {table} as row_of"
            ).fetchall()
    for path in home.outbox.rglob("*.parquet"):
        found[str(path.relative_to(home.outbox))] = path.read_bytes()
    found["inbox"] = sorted((one.recipient, one.message_id, one.content) for one in messages(home.sandbox))
    return found


def differences(home: Home, other: Home) -> list[str]:
    """Names of what is not the same."""
    one, two = ends(home), ends(other)
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def inbox(home: Home) -> Counter[str]:
    """How often each message came."""
    return Counter(one.message_id for one in messages(home.sandbox))
