"""Many ticks in a row, quickly: dbt compiles the models once, only the window changes from tick to tick, and what can
bring no row in a tick does not run in it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Any

import duckdb

from activations.errors import HourbellError
from dagster_project.emptiness import Reader
from dagster_project.home import Home
from dagster_project.outbox import write_outbox
from dagster_project.statements import Memory, RunningTick, Statement
from dagster_project.tick import CONTACTS, KNOWLEDGE, OUTCOME, WORKFLOWS, history_before, prepare_warehouse
from dagster_project.transform import run_dbt, run_models, scope_of
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window, record_completed

# bytes of a warehouse whose ticks take less time than threads take to start
SMALL = 256 * 2**20
# ticks by which knowledge may run ahead of decisions, on another core
KNOWN_AHEAD = 24


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
    nodes = [compiled[model.unique_id] for model in created]
    with open_warehouse(home) as connection:
        reader = Reader(_aggregates(connection), [_table(node) for node in nodes if _is_replaced(node)])
        for node in nodes:
            if node.config.materialized == "view":
                # one that was just created over empty tables says so for good; this one asks the session for its window
                connection.execute(f"create or replace view {_table(node)} as ({node.compiled_code})")
                reader.add_view(_table(node), node.compiled_code)
    return [_statement(node, reader) for node in nodes if node.config.materialized != "view"]


def _aggregates(connection: duckdb.DuckDBPyConnection) -> list[str]:
    named = "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
    return [name for (name,) in connection.execute(named).fetchall()]


def _table(node: Any) -> str:
    return f"{node.schema}.{node.alias}"


def _is_replaced(node: Any) -> bool:
    return bool(node.config.materialized == "table")


def _statement(node: Any, reader: Reader) -> Statement:
    table, written_at = _table(node), None if _is_replaced(node) else node.config.event_time
    written_before = _written_by_tick(written_at) if written_at else "true"
    return Statement(
        model=node.name,
        scope=scope_of(node.fqn),
        sql=(f"delete from {table} where {written_before}", f"insert into {table} by name ({node.compiled_code})"),
        table=table,
        written_at=written_at,
        own_rows=reader.rows(table, written_before),
        empty_when=reader.ways(node.compiled_code),
    )


def replay_tick(
    connection: duckdb.DuckDBPyConnection,
    statements: Iterable[Statement],
    window: Window,
    memory: Memory | None = None,
    before: RunningTick | None = None,
) -> RunningTick:
    """Run one tick, or a part of it, in one transaction.

    `memory` is that of the replay which it belongs to, `before` the part of the tick that has run already.
    """
    tick = RunningTick(connection, window, memory or Memory())
    if before is not None:
        tick.written.update(before.written)
        tick.own_rows.update(before.own_rows)
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    connection.execute("begin")
    try:
        scopes = {}
        for statement in statements:
            scopes[statement.scope] = True
            try:
                tick.run(statement)
            except duckdb.Error as error:
                raise HourbellError(f"{statement.model} failed in the tick {window}: {error}") from error
        for scope in scopes:
            record_completed(connection, scope, window)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return tick


def _known_ahead(
    windows: Iterable[Window], learn: Callable[[Window], RunningTick], ahead: int
) -> Iterator[tuple[Window, RunningTick]]:
    """Windows whose knowledge is there, while that of some later ones is worked out beside."""
    upcoming = iter(windows)
    learning: deque[tuple[Window, Future[RunningTick]]] = deque()
    worker = ThreadPoolExecutor(1)
    try:
        while True:
            for window in islice(upcoming, max(ahead, 1) - len(learning)):
                learning.append((window, worker.submit(learn, window)))
            if not learning:
                return
            window, known = learning.popleft()
            yield window, known.result()
    finally:
        worker.shutdown(cancel_futures=True)


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
    knowledge = [statement for statement in statements if statement.scope == CONTACTS]
    the_rest = [statement for statement in statements if statement.scope != CONTACTS]
    upcoming = iter(windows)
    first = next(upcoming, None)
    if first is None:
        return 0
    with open_warehouse(home) as connection, connection.cursor() as beside:
        if home.warehouse.stat().st_size < SMALL:
            connection.execute("set threads = 1")
        memory = Memory.of(connection, statements)
        history = history_before(connection, first)
        if history is not None:
            replay_tick(connection, knowledge, history, memory)
        count = 0
        # what comes back from a tick may be knowledge in the next
        ahead = KNOWN_AHEAD if after_tick is None else 0
        learn = partial(replay_tick, beside, knowledge, memory=memory)
        for window, known in _known_ahead(chain([first], upcoming), learn, ahead):
            replay_tick(connection, the_rest, window, memory, known)
            if with_outbox:
                write_outbox(connection, home.outbox, window.end)
            if after_tick is not None:
                after_tick(connection, window)
            count += 1
    return count
