"""The statements of a tick, and which of them have something to do in it."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import duckdb

from dagster_project.ticks.emptiness import NEVER_EMPTY, Bounds, Rows, Ways
from dagster_project.ticks.windows import Window

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
    stays: bool = False
    """Whether what it has once written is never taken away, though a window runs again."""

    def saying(self, sql: Sequence[str]) -> "Statement":
        """The same model with other SQL, of which it is not known when it brings no row."""
        return self if tuple(sql) == self.sql else replace(self, sql=tuple(sql), empty_when=NEVER_EMPTY)


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
    columns: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, statements: Iterable[Statement]) -> "Memory":
        """What is there already."""
        memory = cls()
        for statement in statements:
            if not statement.table:
                continue
            memory.columns[statement.table] = statement.written_at
            memory.spans[statement.table] = [_ALWAYS]
            if statement.written_at:
                latest = f"select cast(max({statement.written_at}) as timestamp) from {statement.table}"
                row = connection.execute(latest).fetchone()
                memory.spans[statement.table] = [Span(datetime.min, row[0] + _MOMENT)] if row and row[0] else []
        return memory

    def may_hold(self, table: str, span: Span) -> bool:
        """Whether rows of a table may have come to be in a span."""
        return any(known.overlaps(span) for known in reversed(self.spans.get(table, [_ALWAYS])))

    def note(self, statement: Statement, window: Window, count: int) -> None:
        """A window wrote so many rows, after what it had written before was taken away."""
        if statement.written_at is None:
            self.spans[statement.table] = [_ALWAYS] if count else []
        elif count and statement.table in self.spans:
            spans, new = self.spans[statement.table], _written(statement.written_at, window)
            if spans and new.start <= spans[-1].end:
                # in one step: another thread may be looking
                spans[-1] = Span(min(new.start, spans[-1].start), max(new.end, spans[-1].end))
            else:
                spans.append(new)

    def rules_out(self, rows: Rows, window: Window) -> bool:
        """Whether there can be no such rows."""
        return any(
            self.columns.get(rows.table) == bounds.column and not self.may_hold(rows.table, _asked_for(bounds, window))
            for bounds in rows.bounds
        )


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

    def run(self, statement: Statement) -> None:
        """Let a model write its rows, where it can have any."""
        started = time.monotonic()
        brings_rows = not any(not any(self._are_there(rows) for rows in way) for way in statement.empty_when)
        takes_away, *writes = statement.sql
        if not statement.stays and self.memory.may_hold(statement.table, _written(statement.written_at, self.window)):
            self.connection.execute(takes_away)
        count = 0
        if brings_rows:
            for sql in writes:
                count = sum(row[0] for row in self.connection.execute(sql).fetchall())
        self.memory.note(statement, self.window, count)
        if statement.table:
            self.written[statement.table] = count
            if not statement.stays:
                self.own_rows[statement.table] = statement.own_rows
        self.seconds[statement.model] = time.monotonic() - started

    def _are_there(self, rows: Rows) -> bool:
        key = rows, rows.table in self.written
        if key not in self.answers:
            self.answers[key] = self._look_for(rows)
        return self.answers[key]

    def _look_for(self, rows: Rows) -> bool:
        if rows.table in self.own_rows:
            own = self.own_rows[rows.table].conditions
            if own <= rows.conditions or _OF_THIS_TICK in rows.conditions:
                if not self.written[rows.table]:
                    return False
                if rows.conditions in (own, {_OF_THIS_TICK}):
                    return True
        if self.memory.rules_out(rows, self.window):
            return False
        condition = " and ".join(sorted(rows.conditions)) or "true"
        return bool(self.connection.execute(f"select 1 from {rows.table} where {condition} limit 1").fetchall())
