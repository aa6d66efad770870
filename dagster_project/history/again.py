"""History decided once more: the models as they are now, over what was known then, in a copy of the warehouse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from dagster_project.history.replay import replay
from dagster_project.history.trial import Progress, copied, watched
from dagster_project.home import Home
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.windows import DECISIONS, MARTS, Window
from dagster_project.warehouse import open_warehouse


@dataclass(frozen=True)
class StepAgain:
    """What was decided at a step, then and now."""

    workflow: str
    step: str
    same: int
    only_then: int
    only_now: int
    """Rows of decisions: who, when, what, and what the gate said of it."""


@dataclass(frozen=True)
class Again:
    """A span of history, decided a second time."""

    window: Window
    ticks: int
    other_arrivals: int
    """Rows of arrivals that were there only then, or are only now."""
    steps: Sequence[StepAgain]

    @property
    def is_same(self) -> bool:
        return not self.other_arrivals and not any(step.only_then or step.only_now for step in self.steps)


def decide_again(home: Home, over: timedelta, progress: Progress = lambda done, total: None) -> Again:
    """Run the ticks of the last so long again, each with its own window, and compare what they decide with what was
    decided. Nothing of it touches the warehouse.

    Raises HourbellError where there is no history.
    """
    with copied(home) as copy:
        statements = [one for one in compile_tick(copy) if one.scope != MARTS]
        with open_warehouse(copy) as connection:
            ticks = _ticks(connection, over)
            span = Window(ticks[0].start, ticks[-1].end)
            for table in ("arrivals", "decisions"):
                connection.execute(f"create table engine.{table}_then as {_of(table)}", [span.start, span.end])
        replay(copy, watched(ticks, progress), statements=statements, with_outbox=False)
        with open_warehouse(copy) as connection:
            arrivals = _compared(connection, "arrivals", span)
            decisions = _compared(connection, "decisions", span)
    return Again(
        span, len(ticks), sum(then + now for *_, then, now in arrivals), [StepAgain(*row) for row in decisions]
    )


def _of(table: str) -> str:
    return f"select * from decisions.{table} where tick_end > $1 and tick_end <= $2"


def _compared(connection: duckdb.DuckDBPyConnection, table: str, span: Window) -> list[tuple[str, str, int, int, int]]:
    """By workflow and step: rows that are the same, that were only then, and that are only now."""
    return connection.execute(
        f"""
        with now as ({_of(table)}),

        counted as (
            select workflow, step, 1 as were, 0 as only_then, 0 as only_now from engine.{table}_then

            union all

            select workflow, step, 0, 1, 0 from (from engine.{table}_then except all from now)

            union all

            select workflow, step, 0, 0, 1 from (from now except all from engine.{table}_then)
        )

        select workflow, step, sum(were) - sum(only_then), sum(only_then), sum(only_now)
        from counted
        group by workflow, step
        order by workflow, step
        """,
        [span.start, span.end],
    ).fetchall()


def _ticks(connection: duckdb.DuckDBPyConnection, over: timedelta) -> list[Window]:
    """The ticks that were completed in the last so long."""
    rows = connection.execute(
        "select tick_start, tick_end from engine.windows where succeeded and scope = $1 and tick_end > "
        "(select max(tick_end) from engine.windows where succeeded and scope = $1) - cast($2 as interval) "
        "order by tick_end",
        [DECISIONS, over],
    ).fetchall()
    return [Window(*row) for row in rows]
