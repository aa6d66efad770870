"""Many ticks in a row, quickly: dbt compiles the models once, and only the window changes from tick to tick."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.outbox import write_outbox
from dagster_project.tick import KNOWLEDGE, OUTCOME, WORKFLOWS, history_before, prepare_warehouse
from dagster_project.transform import run_dbt, run_models, scope_of
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window, record_completed

# bytes of a warehouse whose ticks take less time than threads take to start
SMALL = 256 * 2**20


@dataclass(frozen=True)
class Statement:
    """What one model does in a tick."""

    model: str
    scope: str
    sql: tuple[str, ...]


def _written_by_tick(event_time: str) -> str:
    """The macro of the same name, over session variables."""
    start, end = "cast(getvariable('tick_start') as timestamp)", "cast(getvariable('tick_end') as timestamp)"
    if event_time == "tick_end":
        return f"{event_time} > {start} and {event_time} <= {end}"
    if event_time == "day":
        return f"{event_time} >= date_trunc('day', {start}) and {event_time} < {end}"
    return f"{event_time} >= {start} and {event_time} < {end}"


def compile_tick(home: Home, select: Iterable[str] = (*KNOWLEDGE, WORKFLOWS, *OUTCOME)) -> list[Statement]:
    """The statements of a tick, in the order of the graph. Tables that are missing are created, empty."""
    prepare_warehouse(home)
    created = run_models(home, list(select), None, empty=True)
    failed = [model for model in created if not model.succeeded]
    if failed:
        raise HourbellError(f"The model {failed[0].name} cannot be built: {failed[0].message}")
    compiled = {
        result.node.unique_id: result.node
        for result in run_dbt(home, ["compile", "--select", *select]).results
        if result.node.resource_type == "model"
    }
    statements = []
    views = []
    for model in created:
        node = compiled[model.unique_id]
        table = f"{node.schema}.{node.alias}"
        if node.config.materialized == "view":
            views.append(f"create or replace view {table} as ({node.compiled_code})")
            continue
        written_before = "true" if node.config.materialized == "table" else _written_by_tick(node.config.event_time)
        sql = (
            f"delete from {table} where {written_before}",
            f"insert into {table} by name ({node.compiled_code})",
        )
        statements.append(Statement(node.name, scope_of(node.fqn), sql))
    with open_warehouse(home) as connection:
        # those that were just created empty say so for good; these ask the session for their window
        for view in views:
            connection.execute(view)
    return statements


def replay_tick(connection: duckdb.DuckDBPyConnection, statements: Iterable[Statement], window: Window) -> None:
    """Run one tick in one transaction."""
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    connection.execute("begin")
    try:
        scopes = {}
        for statement in statements:
            scopes[statement.scope] = True
            for sql in statement.sql:
                try:
                    connection.execute(sql)
                except duckdb.Error as error:
                    raise HourbellError(f"{statement.model} failed in the tick {window}: {error}") from error
        for scope in scopes:
            record_completed(connection, scope, window)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def replay(
    home: Home,
    windows: Iterable[Window],
    *,
    statements: Sequence[Statement] | None = None,
    after_tick: Callable[[duckdb.DuckDBPyConnection, Window], None] | None = None,
    with_outbox: bool = True,
) -> int:
    """Run ticks over what has landed, and return how many there were. The rows are the same as those of ordinary ticks.

    `statements` come from compile_tick; `after_tick` is called behind each tick, with its outbox written.
    """
    statements = statements or compile_tick(home)
    knowledge = [statement for statement in statements if statement.scope == "contacts"]
    count = 0
    with open_warehouse(home) as connection:
        if home.warehouse.stat().st_size < SMALL:
            connection.execute("set threads = 1")
        for window in windows:
            history = history_before(connection, window) if count == 0 else None
            if history is not None:
                replay_tick(connection, knowledge, history)
            replay_tick(connection, statements, window)
            if with_outbox:
                write_outbox(connection, home.outbox, window.end)
            if after_tick is not None:
                after_tick(connection, window)
            count += 1
    return count
