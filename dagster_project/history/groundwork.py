"""What no decision has a say in: what contacts are like, and how far they have come in most workflows.

Facts have their own times, and it does not matter in which ticks they became known: what a day's ticks would have
written, one statement over the day writes. So it is there ahead of the decisions, and costs little. What says of each
tick what changed in it still looks at each tick.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from dagster_project.ticks.statements import Memory, RunningTick, Statement, replay_tick
from dagster_project.ticks.windows import CONTACTS, DECISIONS, MARTS, Window

# how much one statement looks at
_AT_ONCE = timedelta(days=1)

_TICKS = "(select unnest($starts) as starts_at, unnest($ends) as ends_at) as ticks"


def undecided_scopes(statements: Sequence[Statement]) -> set[str]:
    """Contacts, and the workflows that read nothing which decisions write, or which says what changed in a tick; nor
    anything of other workflows that do."""
    by_scope: dict[str, list[Statement]] = {}
    for statement in statements:
        by_scope.setdefault(statement.scope, []).append(statement)
    decided = {DECISIONS, MARTS} | {statement.scope for statement in statements if statement.looks_at_ticks}
    of_each_tick = {statement.table for statement in _of_each_tick(by_scope.get(CONTACTS, []))}
    while True:
        written = of_each_tick.union(one.table for scope in decided for one in by_scope.get(scope, ()))
        more = {
            scope
            for scope, ones in by_scope.items()
            if scope not in (*decided, CONTACTS) and any(one.reads & written for one in ones)
        }
        if not more:
            return by_scope.keys() - decided
        decided |= more


def _of_each_tick(statements: Iterable[Statement]) -> list[Statement]:
    """Those that write what changed in a tick, or read that."""
    kept: list[Statement] = []
    for statement in statements:
        if statement.written_at == "tick_end" or any(earlier.table in statement.reads for earlier in kept):
            kept.append(statement)
    return kept


@dataclass(frozen=True)
class Groundwork:
    """The statements that write what no decision has a say in."""

    statements: Sequence[Statement]
    has_tick_end: frozenset[str]
    """The tables that tell in which tick a row came to be."""

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement]) -> "Groundwork":
        """Those of a project, over a warehouse."""
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_columns() where column_name = 'tick_end'"
        ).fetchall()
        scopes = undecided_scopes(statements)
        return cls([one for one in statements if one.scope in scopes], frozenset(table for (table,) in tables))

    @property
    def scopes(self) -> set[str]:
        return {statement.scope for statement in self.statements}

    @property
    def of_any_span(self) -> list[Statement]:
        """Those that write the same whether they look at ticks one by one or at all of them at once."""
        apart = {statement.model for statement in _of_each_tick(self.statements)}
        return [statement for statement in self.statements if statement.model not in apart]

    @property
    def of_each_tick(self) -> list[Statement]:
        """The others, and what they read that is written anew in each tick."""
        kept = {statement.model: statement for statement in _of_each_tick(self.statements)}
        for statement in reversed(self.statements):
            if statement.written_at is None and any(statement.table in later.reads for later in kept.values()):
                kept[statement.model] = statement
        return [statement for statement in self.statements if statement.model in kept]

    @property
    def of_last_tick(self) -> list[Statement]:
        """The same, and all else that is written anew in each tick."""
        each = {statement.model for statement in self.of_each_tick}
        return [one for one in self.statements if one.written_at is None or one.model in each]


def laid(
    connection: duckdb.DuckDBPyConnection, groundwork: Groundwork, windows: Iterable[Window], memory: Memory
) -> Iterator[RunningTick]:
    """The ticks of windows with their groundwork done, for as many as possible in one go."""
    for span in _spans(windows):
        yield from lay(connection, groundwork, span, memory)


def lay(
    connection: duckdb.DuckDBPyConnection, groundwork: Groundwork, windows: Sequence[Window], memory: Memory
) -> list[RunningTick]:
    """Do the groundwork of ticks that follow each other."""
    if len(windows) == 1:
        return [replay_tick(connection, groundwork.statements, windows[0], memory)]
    span = Window(windows[0].start, windows[-1].end)
    whole = replay_tick(connection, groundwork.of_any_span, span, memory.apart(), completes=())
    ticks = [RunningTick(connection, window, memory) for window in windows]
    for statement in groundwork.of_any_span:
        if statement.written_at is None:
            memory.note(statement, span, whole.written[statement.table])
            continue
        counts = _told_apart(connection, groundwork, statement, windows) if whole.written[statement.table] else {}
        for tick in ticks:
            tick.has_written(statement, counts.get(tick.window.end, 0))
    each, scopes = groundwork.of_each_tick, groundwork.scopes
    return [
        replay_tick(
            connection,
            groundwork.of_last_tick if tick is ticks[-1] else each,
            tick.window,
            memory,
            tick,
            completes=scopes,
        )
        for tick in ticks
    ]


def _told_apart(
    connection: duckdb.DuckDBPyConnection, groundwork: Groundwork, statement: Statement, windows: Sequence[Window]
) -> dict[datetime, int]:
    """Let rows tell the tick that they belong to; returns how many each tick has, by its end."""
    column = f"written.{statement.written_at}"
    of_tick = f"{column} >= $start and {column} < $end and {column} >= ticks.starts_at and {column} < ticks.ends_at"
    given = {
        "start": windows[0].start,
        "end": windows[-1].end,
        "starts": [window.start for window in windows],
        "ends": [window.end for window in windows],
    }
    if statement.table in groundwork.has_tick_end:
        connection.execute(
            f"update {statement.table} as written set tick_end = ticks.ends_at from {_TICKS} where {of_tick}", given
        )
    counted = f"select ticks.ends_at, count(*) from {statement.table} as written cross join {_TICKS} where {of_tick}"
    return dict(connection.execute(f"{counted} group by ticks.ends_at", given).fetchall())


def _spans(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Windows that follow each other, as many as are looked at in one go. The first stands alone: in it the project may
    have changed, which counts from the tick on that learns of it."""
    span: list[Window] = []
    is_first = True
    for window in windows:
        if span and (is_first or window.start != span[-1].end or window.end - span[0].start > _AT_ONCE):
            yield span
            span, is_first = [], False
        span.append(window)
    if span:
        yield span
