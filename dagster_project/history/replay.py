"""Many ticks in a row, quickly: dbt compiles the models once, only the window changes from tick to tick, and what can
bring no row in a tick does not run in it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain, islice

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.outbox import write_outbox
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Memory, RunningTick, Statement
from dagster_project.ticks.windows import CONTACTS, MARTS, Window, history_before, record_completed
from dagster_project.warehouse import open_warehouse, spare_threads

# ticks by which knowledge may run ahead of decisions, on other cores
KNOWN_AHEAD = 24
# what contacts are like; segments and eligibility judge it, and need not keep up with it
PROFILES = "contact_profile_versions"


def replay_tick(
    connection: duckdb.DuckDBPyConnection,
    statements: Iterable[Statement],
    window: Window,
    memory: Memory | None = None,
    before: RunningTick | None = None,
    *,
    completes: bool = True,
) -> RunningTick:
    """Run one tick, or a part of it, in one transaction.

    `memory` is that of the replay which it belongs to, `before` the part of the tick that has run already, and
    `completes` whether the scopes of these statements are done with them.
    """
    tick = RunningTick(connection, window, memory or Memory())
    if before is not None:
        tick.written.update(before.written)
        tick.own_rows.update(before.own_rows)
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    connection.execute("begin")
    try:
        scopes: dict[str, None] = {}
        for statement in statements:
            scopes[statement.scope] = None
            try:
                tick.run(statement)
            except duckdb.Error as error:
                raise HourbellError(f"{statement.model} failed in the tick {window}: {error}") from error
        if completes:
            record_completed(connection, scopes, window)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return tick


Stage = Callable[..., RunningTick]
"""Runs a part of a tick: called with the window, and with what has run of that tick before as `before`."""


def _stages(
    connections: Sequence[duckdb.DuckDBPyConnection], knowledge: Sequence[Statement], memory: Memory
) -> list[Stage]:
    """The parts of knowledge that can work on different ticks at once, as no part looks beyond its own."""
    models = [statement.model for statement in knowledge]
    cut = models.index(PROFILES) + 1 if PROFILES in models else 0
    parts = [part for part in (knowledge[:cut], knowledge[cut:]) if part]
    return [
        partial(replay_tick, connection, part, memory=memory, completes=part is parts[-1])
        for connection, part in zip(connections, parts, strict=False)
    ]


def _known_ahead(
    windows: Iterable[Window], stages: Sequence[Stage], ahead: int
) -> Iterator[tuple[Window, RunningTick | None]]:
    """Windows whose knowledge is there, while that of some later ones is worked out beside, stage by stage."""
    upcoming = iter(windows)
    learning: deque[tuple[Window, Future[RunningTick] | None]] = deque()

    def after(stage: Stage, window: Window, before: Future[RunningTick] | None) -> RunningTick:
        return stage(window, before=None if before is None else before.result())

    with ExitStack() as stack:
        workers = [ThreadPoolExecutor(1) for _ in stages]
        for worker in workers:
            stack.callback(worker.shutdown, cancel_futures=True)
        while True:
            for window in islice(upcoming, max(ahead, 1) - len(learning)):
                known: Future[RunningTick] | None = None
                for stage, worker in zip(stages, workers, strict=True):
                    known = worker.submit(after, stage, window, known)
                learning.append((window, known))
            if not learning:
                return
            window, known = learning.popleft()
            yield window, None if known is None else known.result()


def _report(
    connection: duckdb.DuckDBPyConnection, marts: Sequence[Statement], windows: list[Window], memory: Memory
) -> None:
    """Write the marts of some ticks at once, which then have been reported."""
    if windows and marts:
        replay_tick(connection, marts, Window(windows[0].start, windows[-1].end), memory)
        for window in windows:
            record_completed(connection, [MARTS], window)
    windows.clear()


def replay(
    home: Home,
    windows: Iterable[Window],
    *,
    statements: Sequence[Statement] | None = None,
    after_tick: Callable[[duckdb.DuckDBPyConnection, Window], None] | None = None,
    with_outbox: bool = True,
) -> int:
    """Run ticks over what has landed, and return how many there were. The rows are the same as those of ordinary ticks.

    `statements` come from compile_tick; `after_tick` is called behind each tick, with its outbox written. Without it
    nobody looks at the marts in between, and they are written once a day.
    """
    statements = statements or compile_tick(home)
    knowledge = [statement for statement in statements if statement.scope == CONTACTS]
    decisions = [statement for statement in statements if statement.scope not in (CONTACTS, MARTS)]
    marts = [statement for statement in statements if statement.scope == MARTS]
    upcoming = iter(windows)
    first = next(upcoming, None)
    if first is None:
        return 0
    with open_warehouse(home) as connection, connection.cursor() as beside, connection.cursor() as further:
        spare_threads(connection, home)
        memory = Memory.of(connection, statements, lands=after_tick is not None)
        history = history_before(connection, first)
        if history is not None:
            replay_tick(connection, knowledge, history, memory)
        count = 0
        # what comes back from a tick may be knowledge in the next
        ahead = KNOWN_AHEAD if after_tick is None else 0
        stages = _stages((beside, further), knowledge, memory)
        unreported: list[Window] = []
        try:
            for window, known in _known_ahead(chain([first], upcoming), stages, ahead):
                replay_tick(connection, decisions, window, memory, known)
                unreported.append(window)
                if after_tick is not None or window.start.date() < window.end.date():
                    _report(connection, marts, unreported, memory)
                if with_outbox:
                    write_outbox(connection, home.outbox, window.end)
                if after_tick is not None:
                    after_tick(connection, window)
                count += 1
        finally:
            _report(connection, marts, unreported, memory)
    return count
