"""Many ticks in a row, quickly: dbt compiles the models once, only the window changes from tick to tick, and what can
bring no row in a tick does not run in it. What no decision has a say in runs ahead of the decisions, on other cores.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain

import duckdb

from dagster_project.history.beforehand import beforehand
from dagster_project.history.groundwork import Groundwork, laid, lay, undecided_scopes
from dagster_project.home import Home
from dagster_project.outbox import write_outbox
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Memory, RunningTick, Statement, replay_tick
from dagster_project.ticks.windows import CONTACTS, MARTS, Window, history_before, record_completed
from dagster_project.warehouse import open_warehouse, spare_threads

# ticks by which groundwork may run ahead of decisions
_AHEAD = 48


def _report(
    connection: duckdb.DuckDBPyConnection, marts: Sequence[Statement], windows: list[Window], memory: Memory
) -> None:
    """Write the marts of some ticks at once, which then have been reported."""
    if windows and marts:
        replay_tick(connection, marts, Window(windows[0].start, windows[-1].end), memory, completes=())
        record_completed(connection, [MARTS], windows, are_new=memory.is_new(windows[0]))
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
    undecided = undecided_scopes(statements)
    decisions = [one for one in statements if one.scope not in (MARTS, *undecided)]
    marts = [statement for statement in statements if statement.scope == MARTS]
    upcoming = iter(windows)
    first = next(upcoming, None)
    if first is None:
        return 0
    # what comes back from a tick may be knowledge in the next
    is_all_there = after_tick is None
    with open_warehouse(home) as connection, open_warehouse(home) as beside, ExitStack() as at_work:
        spare_threads(connection, home)
        memory = Memory.of(connection, statements, lands=not is_all_there)
        groundwork = Groundwork.of(connection, statements)
        history = history_before(connection, first)
        if history is not None:
            known = [statement for statement in statements if statement.scope == CONTACTS]
            replay_tick(connection, known, history, memory)
        ticks: Iterator[RunningTick]
        if is_all_there:
            done = laid(beside, groundwork, chain([first], upcoming), memory)
            ticks = at_work.enter_context(closing(beforehand(done, _AHEAD)))
        else:
            ticks = (lay(connection, groundwork, [window], memory)[0] for window in chain([first], upcoming))
        count = 0
        unreported: list[Window] = []
        try:
            for tick in ticks:
                window = tick.window
                replay_tick(connection, decisions, window, memory, tick)
                unreported.append(window)
                if not is_all_there or window.start.date() < window.end.date():
                    _report(connection, marts, unreported, memory)
                if with_outbox:
                    write_outbox(connection, home.outbox, window.end)
                if after_tick is not None:
                    after_tick(connection, window)
                count += 1
        finally:
            _report(connection, marts, unreported, memory)
    return count
