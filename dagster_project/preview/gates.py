"""What both gates would say of a preview's actions: the decisions' own models and the gate out, asked hour by hour
along each way, as matters stand now.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from activations.errors import HourbellError
from dagster_project.gate_out.leave import reasons_to_hold
from dagster_project.home import Home
from dagster_project.outbox import write_outbox
from dagster_project.preview.found import OWN, Verdict
from dagster_project.preview.telling import moment
from dagster_project.preview.travel import Travel
from dagster_project.ticks.statements import Memory, RunningTick, Statement
from dagster_project.ticks.windows import DECISIONS, HOUR, Window, record_completed

# nothing is put off so often; what is would go on for ever
_TICKS = 100


@dataclass(frozen=True)
class Gates:
    """Both gates of a copy of the warehouse, for one contact from a time on."""

    connection: duckdb.DuckDBPyConnection
    home: Home
    """Whose releases count."""
    copy: Home
    templates: Path
    contact: int
    at: datetime

    def ask(self, statements: Sequence[Statement], travel: Travel) -> dict[tuple[str, int], list[Verdict]]:
        """By step and enrollment what the gates would say. Each way is asked about as if there were no other; the rows
        of the steps stay as they are.
        """
        deciding = [one for one in statements if one.scope == DECISIONS]
        tables = {step: statement.table for step, statement in travel.statements.items()}
        tables["entered"] = travel.entered
        self.connection.execute(
            "delete from decisions.decisions where outcome = 'deferred' and (workflow = ? or contact_id <> ?)",
            [travel.workflow, self.contact],
        )
        found: dict[tuple[str, int], list[Verdict]] = {}
        for enrollment in [OWN, *travel.doubles]:
            way = travel.way(enrollment)
            times = [travel.reached[stop][0] for stop in way.items()]
            known = {step for step, other in way.items() if (step, other) in found}
            with self._only(way, tables):
                told = self._asked(deciding, travel.workflow, times, but=known)
            found |= {(step, way[step]): verdicts for step, verdicts in told.items()}
        return found

    @contextmanager
    def _only(self, way: Mapping[str, int], tables: Mapping[str, str]) -> Iterator[None]:
        """One way, as if it were somebody's own, each step in the tick of its hour; nothing of it is kept."""
        self.connection.execute("begin")
        try:
            for step, table in tables.items():
                self.connection.execute(f"delete from {table} where enrollment_id <> ?", [way.get(step, 0)])
                self.connection.execute(
                    f"update {table} set enrollment_id = {OWN}, tick_end = $at + to_hours(cast(1 + "
                    "floor((epoch(reached_at) - epoch($at::timestamp)) / 3600) as bigint))",
                    {"at": self.at},
                )
            yield
        finally:
            self.connection.execute("rollback")

    def _asked(
        self, deciding: Sequence[Statement], workflow: str, times: Sequence[datetime], but: Collection[str]
    ) -> dict[str, list[Verdict]]:
        """By step, but for those that have been told."""
        told: dict[str, list[Verdict]] = defaultdict(list)
        due = sorted({self._tick_of(time) for time in times})
        for _ in range(_TICKS):
            if not due:
                break
            start = heapq.heappop(due)
            window = Window(start, start + HOUR)
            self._decide(deciding, workflow, window)
            decisions = self._decisions(workflow, window)
            held = self._held(workflow, window) if any(step not in but for step, *_ in decisions) else []
            for step, outcome, channel, gate, reason, held_until in decisions:
                if outcome == "deferred" and (again := self._tick_of(held_until)) not in due:
                    heapq.heappush(due, max(again, window.end))
                if step not in but:
                    told[step] += _verdicts(outcome, channel, gate, reason, held_until, window, held)
        return dict(told)

    def _tick_of(self, time: datetime) -> datetime:
        return self.at + (time - self.at) // HOUR * HOUR

    def _decide(self, deciding: Sequence[Statement], workflow: str, window: Window) -> None:
        self.connection.execute(f"set variable tick_start = timestamp '{window.start}'")
        self.connection.execute(f"set variable tick_end = timestamp '{window.end}'")
        record_completed(self.connection, [workflow, DECISIONS], [window])
        tick = RunningTick(self.connection, window, Memory())
        for statement in deciding:
            try:
                tick.run(statement)
            except duckdb.Error as error:
                raise HourbellError(f"{statement.model} failed: {error}. Mend its SQL.") from error

    def _decisions(self, workflow: str, window: Window) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "select step, outcome, channel, gate, reason, held_until from decisions.decisions "
            "where tick_end = ? and workflow = ? and enrollment_id = ? order by step",
            [window.end, workflow, OWN],
        ).fetchall()

    def _held(self, workflow: str, window: Window) -> list[str]:
        """Why the gate out would hold what the workflow sends in a tick."""
        held: list[str] = []

        def examined(staged: Sequence[Path]) -> Collection[str]:
            _, reasons = reasons_to_hold(self.connection, self.home, window, staged, self.templates)
            held.extend(reasons.get(workflow, ()))
            return ()

        write_outbox(self.connection, self.copy.outbox, window.end, examined)
        return held


def _verdicts(
    outcome: str,
    channel: str | None,
    gate: str | None,
    reason: str | None,
    held_until: datetime | None,
    window: Window,
    held: Sequence[str],
) -> Iterator[Verdict]:
    at = moment(window.end)
    if outcome == "deferred":
        assert held_until is not None
        yield Verdict(outcome, f"the gate puts it off at {at} until {moment(held_until)} ({gate}: {reason})")
    elif outcome == "send":
        yield Verdict(outcome, f"{'the gate lets' if held else 'both gates let'} it go at {at} by {channel}")
        for why in held:
            yield Verdict("held", f"the gate out holds it: {why}")
    else:
        yield Verdict(outcome, f"the gate stops it at {at} ({gate}: {reason})")
