"""The models of profiles, segments and eligibility, run in process over tables that are filled by hand."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from profile_history import History

from dagster_project.home import Home
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse, spare_threads

INPUTS = {
    "contacts": ["contact_merges", "events", "orders", "contact_details", "consent_statements"],
    "staging": ["stg_orders"],
}
MODELS = ["path:models/contacts/profiles", "path:models/segments", "path:models/eligibility"]


class Profiles:
    """A warehouse in which it is known already which contact every row belongs to: the rows are put in by hand."""

    def __init__(self, home: Home, statements: list[Statement]) -> None:
        self.home = home
        self.statements = statements

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with open_warehouse(self.home) as connection:
            yield connection

    def learn(self, history: History) -> None:
        """Put in all of a history at once; what a tick may know of it is for the models to say."""
        with self.connect() as connection:
            for schema, table in [(schema, table) for schema, tables in INPUTS.items() for table in tables]:
                rows = getattr(history, table)
                if rows:
                    columns = sorted({column for row in rows for column in row})
                    frame = pa.table({column: [row.get(column) for row in rows] for column in columns})
                    connection.register("rows_to_learn", frame)
                    connection.execute(f"insert into {schema}.{table} by name select * from rows_to_learn")
                    connection.unregister("rows_to_learn")

    def tick(self, windows: Iterable[Window]) -> None:
        with self.connect() as connection:
            spare_threads(connection, self.home)
            for window in windows:
                replay_tick(connection, self.statements, window)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query).fetchall()

    def records(self, query: str) -> list[dict[str, Any]]:
        with self.connect() as connection:
            answer = connection.execute(query)
            columns = [column[0] for column in answer.description]
            return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
