"""The statements of a tick, and which of them have something to do in it."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import duckdb

from activations.errors import HourbellError
from dagster_project.ticks.arms import Arm
from dagster_project.ticks.emptiness import NEVER_EMPTY, Bounds, Rows, Ways
from dagster_project.ticks.windows import HOUR, Window, latest_end, record_completed
from dagster_project.warehouse import ROW_GROUP, use_all_threads

# what people write between ticks, and no tick does
_FROM_PEOPLE = "engine.backfilled"
# no time is told more precisely
_MOMENT = timedelta(microseconds=1)
# by the contract of that column, a row with it was written by the tick that ends then
_OF_THIS_TICK = "(tick_end = CAST(GETVARIABLE('tick_end') AS TIMESTAMP))"


@dataclass(frozen=True)
class Statement:
    """What one model does in a tick."""

    model: str
    scope: str
    sql: tuple[str, ...]
    """Takes away what this window wrote before, and writes it."""
    table: str = ""
    written_at: str | None = None
    """The column that says in which tick a row came to be; none where each tick writes the table anew."""
    own_rows: Rows = field(default_factory=lambda: Rows(""))
    """Those that this tick writes."""
    empty_when: Ways = NEVER_EMPTY
    arms: tuple[Arm, ...] = ()
    """The parts of what is written last, where some of them need not always be there."""
    is_of_project: bool = False
    """Whether what it writes comes of the project alone, so that it is written once for each state of it."""
    reads: frozenset[str] = frozenset()
    """The tables that it asks, also through views."""
    looks_at_ticks: bool = False
    """Whether what it writes depends on where ticks end."""
    stays: bool = False
    """Whether what it has once written is never taken away, though a window runs again."""

    def saying(self, sql: Sequence[str]) -> "Statement":
        """The same model with other SQL, of which it is not known when it brings no row."""
        return self if tuple(sql) == self.sql else replace(self, sql=tuple(sql), empty_when=NEVER_EMPTY, arms=())


@dataclass(frozen=True)
class Span:
    """From a moment until before another."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


_ALWAYS = Span(datetime.min, datetime.max)


def _written(written_at: str | None, window: Window) -> Span:
    """When the rows came to be that a window writes."""
    if written_at is None:
        return _ALWAYS
    if written_at == "tick_end":
        return Span(window.start + _MOMENT, window.end + _MOMENT)
    if written_at == "day":
        return Span(window.start.replace(hour=0, minute=0, second=0, microsecond=0), window.end)
    return Span(window.start, window.end)


@dataclass(frozen=True)
class Memory:
    """What a replay knows of the tables without asking: in which spans their rows came to be."""

    spans: dict[str, list[Span]] = field(default_factory=dict)
    """By table, in order and apart from each other."""
    columns: dict[str, str | None] = field(default_factory=dict)
    of_project: set[str] = field(default_factory=set)
    """The models that come of the project alone and have run."""
    begun_at: datetime = datetime.max
    """Before it, ticks may have been completed when the replay began."""

    @classmethod
    def of(
        cls, connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], *, lands: bool = True
    ) -> "Memory":
        """What is there already; `lands` says whether more may land between the ticks."""
        memory = cls(begun_at=latest_end(connection))
        for statement in statements:
            if not statement.table:
                continue
            memory.columns[statement.table] = statement.written_at
            memory.spans[statement.table] = [_ALWAYS]
            if statement.written_at:
                latest = f"select cast(max({statement.written_at}) as timestamp) from {statement.table}"
                row = connection.execute(latest).fetchone()
                memory.spans[statement.table] = [Span(datetime.min, row[0] + _MOMENT)] if row and row[0] else []
        read = {
            (rows.table, bounds.column)
            for statement in statements
            for way in statement.empty_when
            for rows in way
            for bounds in rows.bounds
        }
        for table, column in sorted(read):
            if table == _FROM_PEOPLE or (table.startswith("raw.") and not lands):
                memory.columns[table] = column
                memory.spans[table] = _hours(connection, table, column)
        return memory

    def apart(self) -> "Memory":
        """What is known now; what is learnt from here on stays apart."""
        return Memory(dict(self.spans), self.columns, set(self.of_project), self.begun_at)

    def is_new(self, window: Window) -> bool:
        """Whether nobody can have completed it before."""
        return window.start >= self.begun_at

    def may_hold(self, table: str, span: Span) -> bool:
        """Whether rows of a table may have come to be in a span."""
        spans = self.spans.get(table, [_ALWAYS])
        before_its_end = bisect_left(spans, span.end, key=lambda known: known.start)
        return before_its_end > 0 and spans[before_its_end - 1].end > span.start

    def note(self, statement: Statement, window: Window, count: int) -> None:
        """A window wrote so many rows, after what it had written before was taken away."""
        if statement.is_of_project:
            self.of_project.add(statement.model)
        if statement.written_at is None:
            self.spans[statement.table] = [_ALWAYS] if count else []
        elif count and statement.table in self.spans:
            # in one step: another thread may be looking
            self.spans[statement.table] = _with(self.spans[statement.table], _written(statement.written_at, window))

    def rules_out(self, rows: Rows, window: Window) -> bool:
        """Whether there can be no such rows."""
        return any(
            self.columns.get(rows.table) == bounds.column and not self.may_hold(rows.table, _asked_for(bounds, window))
            for bounds in rows.bounds
        )


def _with(spans: Sequence[Span], new: Span) -> list[Span]:
    """Spans and another one, which is seldom before the last."""
    kept = list(spans)
    while kept and new.start <= kept[-1].end:
        last = kept.pop()
        new = Span(min(new.start, last.start), max(new.end, last.end))
    return [*kept, new]


def _hours(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[Span]:
    """The hours in which a table has rows."""
    hours = connection.execute(
        f"select distinct date_trunc('hour', {column}) as hour from {table} where {column} is not null order by hour"
    ).fetchall()
    spans: list[Span] = []
    for (hour,) in hours:
        spans = _with(spans, Span(hour, hour + HOUR))
    return spans


def _asked_for(bounds: Bounds, window: Window) -> Span:
    return Span(window.start - bounds.before_start, window.end - bounds.before_end + _MOMENT)


@dataclass
class RunningTick:
    """One tick while it runs: what is not known anyway is asked once."""

    connection: duckdb.DuckDBPyConnection
    window: Window
    memory: Memory
    written: dict[str, int] = field(default_factory=dict)
    """Rows by table, of what has run by now."""
    answers: dict[tuple[Rows, bool], bool] = field(default_factory=dict)
    """By what was asked, and whether the table had been written by then."""
    own_rows: dict[str, Rows] = field(default_factory=dict)
    """Of tables that hold nothing else of this tick."""
    seconds: dict[str, float] = field(default_factory=dict)
    is_spared: bool = False
    """Whether it has one thread, for as long as no model writes more than that does as well alone."""

    def run(self, statement: Statement) -> None:
        """Let a model write its rows, where it can have any."""
        started = time.monotonic()
        brings_rows = statement.model not in self.memory.of_project and not self._is_empty(statement.empty_when)
        takes_away, *writes = statement.sql
        if statement.arms:
            writes[-1] = "".join(arm.sql for arm in statement.arms if not self._is_known_empty(arm.empty_when))
        if not statement.stays and self.memory.may_hold(statement.table, _written(statement.written_at, self.window)):
            self.connection.execute(takes_away)
        count = 0
        if brings_rows:
            for sql in writes:
                count = sum(row[0] for row in self.connection.execute(sql).fetchall())
        if self.is_spared and count > ROW_GROUP:
            use_all_threads(self.connection)
            self.is_spared = False
        self.has_written(statement, count)
        self.seconds[statement.model] = time.monotonic() - started

    def has_written(self, statement: Statement, count: int) -> None:
        """Remember how many rows a model has in this tick."""
        self.memory.note(statement, self.window, count)
        if statement.table:
            self.written[statement.table] = count
            if not statement.stays:
                self.own_rows[statement.table] = statement.own_rows

    def _is_empty(self, ways: Ways) -> bool:
        """Whether there are no such rows. What is asked for one way is known for the others, so that the one which asks
        least goes first."""
        for way in sorted(ways, key=lambda way: sum(self._known(rows) is None for rows in way)):
            if not any(self._are_there(rows) for rows in sorted(way, key=lambda rows: self._known(rows) is None)):
                return True
        return False

    def _are_there(self, rows: Rows) -> bool:
        known = self._known(rows)
        if known is None:
            condition = " and ".join(sorted(rows.conditions)) or "true"
            found = self.connection.execute(f"select 1 from {rows.table} where {condition} limit 1").fetchall()
            known = self.answers[rows, rows.table in self.written] = bool(found)
        return known

    def _is_known_empty(self, ways: Ways) -> bool:
        """Whether it is known without asking that there are no such rows; asking would cost more than they do."""
        return any(all(self._known(rows) is False for rows in way) for way in ways)

    def _known(self, rows: Rows) -> bool | None:
        """Whether there are such rows, as far as this tick and the replay know."""
        if rows.table in self.own_rows:
            own = self.own_rows[rows.table].conditions
            if own <= rows.conditions or _OF_THIS_TICK in rows.conditions:
                if not self.written[rows.table]:
                    return False
                if rows.conditions in (own, {_OF_THIS_TICK}):
                    return True
        if self.memory.rules_out(rows, self.window):
            return False
        return self.answers.get((rows, rows.table in self.written))


def replay_tick(
    connection: duckdb.DuckDBPyConnection,
    statements: Iterable[Statement],
    window: Window,
    memory: Memory | None = None,
    before: RunningTick | None = None,
    *,
    completes: Iterable[str] | None = None,
    is_spared: bool = False,
) -> RunningTick:
    """Run one tick, or a part of it, in one transaction.

    `memory` is that of the replay which it belongs to, and `before` the part of the tick that has run already. Scopes
    that it `completes` are done with the tick: those of the statements, unless given. One that `is_spared` has one
    thread, and gets all as soon as they are of use to it.
    """
    tick = RunningTick(connection, window, memory or Memory(), is_spared=is_spared)
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
        completed = list(scopes if completes is None else completes)
        if completed:
            record_completed(connection, completed, [window], are_new=tick.memory.is_new(window))
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return tick
