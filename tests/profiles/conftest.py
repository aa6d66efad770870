"""The models of profiles, segments and eligibility, run in process over tables that are filled by hand."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from profile_history import History

from dagster_project.home import Home
from dagster_project.replay import Statement, compile_tick, replay_tick
from dagster_project.tick import prepare_warehouse
from dagster_project.transform import run_models
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import Window

UPSTREAM = ["path:models/staging", "path:models/contacts/identity", "path:models/contacts/activity"]
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


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Statement]]:
    """A warehouse whose tables are all there and empty, and what a tick does to it."""
    home = Home(tmp_path_factory.mktemp("profiles"))
    prepare_warehouse(home)
    run_models(home, UPSTREAM, None, empty=True)
    statements = compile_tick(home, MODELS)
    return home.warehouse, statements


@pytest.fixture(scope="session")
def make_profiles(
    compiled: tuple[Path, list[Statement]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Profiles]:
    """Makes a warehouse of one's own."""

    def make() -> Profiles:
        home = Home(tmp_path_factory.mktemp("warehouse")).prepare()
        home.warehouse.write_bytes(compiled[0].read_bytes())
        return Profiles(home, compiled[1])

    return make
