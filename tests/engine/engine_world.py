"""What the tests of the step engine share: ticks over a warehouse, and what it holds afterwards."""

import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.home import Home
from dagster_project.ticks.statements import Memory, Statement, replay_tick
from dagster_project.ticks.transform import manifest
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

Contents = dict[str, Any]

# those into which the simulated shop leads within its span
WORKFLOWS = ("abandoned_cart", "post_purchase", "reengagement", "welcome_series")
SHOP_SPAN = Window(datetime(2026, 3, 2), datetime(2026, 3, 3, 18))


@dataclass(frozen=True)
class Engine:
    """A warehouse that has taken in a history, and what a tick does to it. Nothing is run in this one."""

    home: Home
    statements: Sequence[Statement]

    def copy(self, root: Path) -> "Engine":
        shutil.copytree(self.home.root, root)
        return Engine(Home(root), self.statements)

    def forget(self, connection: duckdb.DuckDBPyConnection, but: Collection[str] = ("configuration",)) -> None:
        """Empty every table, but for those of some schemas."""
        for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
            if schema not in but and table != "configuration":
                connection.execute(f"delete from {schema}.{table}")

    def of_workflows(self, *workflows: str) -> list[Statement]:
        """The statements of some workflows, of what triggers them, and of what says which are live."""
        scopes = {*workflows, "triggers", "workflows"}
        return [statement for statement in self.statements if statement.scope in scopes]


def run_ticks(
    connection: duckdb.DuckDBPyConnection, statements: Iterable[Statement], windows: Iterable[Window]
) -> None:
    statements = list(statements)
    # as ticks over a small warehouse have it
    connection.execute("set threads = 1")
    memory = Memory.of(connection, statements)
    for window in windows:
        replay_tick(connection, statements, window, memory)


def changed(statements: Iterable[Statement], old: str, new: str) -> list[Statement]:
    """The statements with an error put into them. Fails where there is nothing to change."""
    result = [known.saying([sql.replace(old, new) for sql in known.sql]) for known in statements]
    assert [one.sql for one in result] != [one.sql for one in statements], f"no statement says {old!r}"
    return result


def steps(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple]]:
    """The rows of every table of the workflows, without the end of the tick that wrote them."""
    tables = [
        table
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'workflows' order by table_name"
        ).fetchall()
        if table != "workflow_status_changes"
    ]
    return {
        table: connection.execute(
            f"select columns(name -> name <> 'tick_end') from workflows.{table} order by all"
        ).fetchall()
        for table in tables
    }


def contents(home: Home, *, but: Callable[[str], bool] = lambda table: False) -> Contents:
    """Rows and their checksum of every table in the warehouse, and the bytes of every file in the outbox."""
    found: Contents = {}
    with open_warehouse(home) as connection:
        for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
            name = f"{schema}.{table}"
            # how long it took is never twice the same
            if name != "engine.tick_costs" and not but(name):
                (found[name],) = connection.execute(
                    f"select count(*), sum(hash(cast(row_of as varchar))) from {name} as row_of"
                ).fetchall()
    for file in sorted(home.outbox.rglob("*.parquet")):
        found[str(file.relative_to(home.outbox))] = file.read_bytes()
    return found


def differences(one: Contents, other: Contents) -> list[str]:
    """Names of what is not the same."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def tables_of_one_tick() -> set[str]:
    """Tables that hold the tick at hand and nothing older."""
    return {
        f"{node.schema}.{node.alias}"
        for node in manifest().nodes.values()
        if node.resource_type == "model" and node.config.materialized == "table"
    }
