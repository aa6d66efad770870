"""The way of one contact through a workflow: the steps' own SQL over a tick as long as the longest path. Whichever way
the contact does not go, a double of theirs goes.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb

from activations.errors import HourbellError
from activations.settings.shop import Shop
from dagster_project.preview.branches import changed_row, other_ways, read_branching
from dagster_project.preview.found import OWN
from dagster_project.preview.invented import LISTS, columns_of, example_of, example_products
from dagster_project.ticks.statements import Statement


@dataclass
class Travel:
    """A workflow while somebody goes through it."""

    connection: duckdb.DuckDBPyConnection
    workflow: str
    statements: Mapping[str, Statement]
    """By step, in the order of the graph."""
    before: Mapping[str, Collection[str]]
    """By step: the steps that it follows."""
    entered: str
    """The table of the entries."""
    shop: Shop
    reached: dict[tuple[str, int], tuple[datetime, str | None]] = field(default_factory=dict)
    """By step and enrollment: when, and which way on."""
    doubles: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By enrollment: whose double it is, and from which step on."""
    different: dict[int, tuple[Mapping[str, str], bool]] = field(default_factory=dict)

    def run(self) -> None:
        """Let all steps run, each with doubles for the ways that its arrivals do not go."""
        for step, statement in self.statements.items():
            try:
                for sql in statement.sql:
                    self.connection.execute(sql)
            except duckdb.Error as error:
                raise HourbellError(f"{statement.model} failed: {error}. Mend its SQL.") from error
            has_branch = "branch" in columns_of(self.connection, statement.table)
            for enrollment, way in self._arrived(step, statement, has_branch):
                if has_branch:
                    self._send_doubles(step, statement, enrollment, way)

    def _arrived(self, step: str, statement: Statement, has_branch: bool) -> list[tuple[int, str | None]]:
        rows = self.connection.execute(
            f"select enrollment_id, reached_at, {'branch' if has_branch else 'null'} from {statement.table} order by 1"
        ).fetchall()
        for enrollment, reached_at, way in rows:
            self.reached[step, enrollment] = (reached_at, way)
        return [(enrollment, way) for enrollment, _, way in rows]

    def _send_doubles(self, step: str, statement: Statement, enrollment: int, own: str | None) -> None:
        branching = read_branching(inserted_query(statement))
        if branching is None:
            return
        before = self.step_before(step, enrollment)
        soon = self.reached[before][0] + timedelta(hours=1) if before else self.reached[step, enrollment][0]
        for other in other_ways(self.connection, statement.table, enrollment, own, branching, soon):
            double = max(OWN, *self.doubles, 0) + 1
            values = (
                self._lacking(statement.table, enrollment, but={*branching.constants, *branching.computed})
                | other.values
            )
            if other.values:
                asked: list[Any] = [enrollment]
                row = changed_row(statement.table, values, branching)
            else:
                replaced = "".join(f", {value} as {column}" for column, value in values.items())
                row = f"select * replace (? as branch{replaced}) from {statement.table} where enrollment_id = ?"
                asked = [other.way, enrollment]
            self.connection.execute(
                f"insert into {statement.table} by name select * replace ({double} as enrollment_id) from ({row})",
                asked,
            )
            ((reached_at,),) = self.connection.execute(
                f"select reached_at from {statement.table} where enrollment_id = ?", [double]
            ).fetchall()
            self.reached[step, double] = (reached_at, other.way)
            self.doubles[double] = (enrollment, step)
            self.different[double] = (values, not other.values)

    def _lacking(self, table: str, enrollment: int, but: Collection[str]) -> dict[str, str]:
        """Texts and lists that an enrollment's row lacks, of which messages on another way may speak; as SQL."""
        found = self.connection.execute(f"select * from {table} where enrollment_id = ?", [enrollment])
        names = [column[0] for column in found.description]
        lacking = [name for name, value in zip(names, found.fetchall()[0], strict=True) if value is None]
        types = columns_of(self.connection, table)
        texts = {name: f"'{example_of(name)}'" for name in lacking if types[name] == "VARCHAR" and name not in but}
        listed = json.dumps(example_products(self.shop.url, self.shop.currency))
        lists = {name: f"try_cast(json '{listed}' as {types[name]})" for name in lacking if name in LISTS}
        return texts | lists

    def step_before(self, step: str, enrollment: int) -> tuple[str, int] | None:
        """Where an enrollment was before a step; a double was where the one was whose double it is."""
        own = [(before, enrollment) for before in self.before[step] if (before, enrollment) in self.reached]
        if own:
            return max(own, key=lambda stop: self.reached[stop][0])
        return self.step_before(step, self.doubles[enrollment][0]) if enrollment in self.doubles else None

    def acts(self, step: str) -> bool:
        """Whether a step does anything for anybody."""
        known = self.statements.get(step)
        return known is not None and "action" in columns_of(self.connection, known.table)

    def way(self, enrollment: int) -> dict[str, int]:
        """The steps on the way of an enrollment, each with the enrollment whose row says so: a double has come the way
        of the one whose double it is.
        """
        own = {step: enrollment for step, other in self.reached if other == enrollment}
        if enrollment not in self.doubles:
            return own
        before = self.step_before(self.doubles[enrollment][1], enrollment)
        came = {}
        while before is not None:
            came[before[0]] = before[1]
            before = self.step_before(*before)
        return came | own


def inserted_query(statement: Statement) -> str:
    """What a statement inserts."""
    return statement.sql[1].removeprefix(f"insert into {statement.table} by name (").removesuffix(")")
