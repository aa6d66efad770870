"""DuckDB as Great Expectations needs it: results that outlive their connection, and columns found without a detour."""

from typing import Any

import sqlalchemy as sa
from duckdb_engine import Dialect
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint

DRIVER = "duckdb+gate"


class GateDialect(Dialect):
    """SQLAlchemy's dialect of DuckDB, for reading views."""

    driver = "gate"
    supports_statement_cache = False

    def initialize(self, connection: sa.Connection) -> None:
        super().initialize(connection)
        # DuckDB takes a backslash in a text for what it is; doubled, a regular expression means something else
        self._backslash_escapes = False

    def get_columns(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any
    ) -> list[ReflectedColumn]:
        # the catalogue of PostgreSQL, which DuckDB imitates, takes 60 ms to ask; nobody asks for the types
        names = connection.exec_driver_sql(
            "select column_name from duckdb_columns() where table_name = $1 order by column_index", (table_name,)
        )
        return [{"name": name, "type": sa.types.NullType(), "nullable": True, "default": None} for (name,) in names]

    def get_pk_constraint(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any
    ) -> ReflectedPrimaryKeyConstraint:
        return {"constrained_columns": [], "name": None}


def keep_results(engine: sa.Engine) -> None:
    """Fetch every result at once: DuckDB's pending rows are gone when the connection goes back to its pool, and
    Great Expectations fetches only then."""
    sa.event.listen(engine, "after_cursor_execute", _buffer)


def _buffer(
    connection: sa.Connection, cursor: Any, statement: str, parameters: object, context: Any, executemany: bool
) -> None:
    if cursor.description:
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
            cursor, alternate_description=cursor.description, initial_buffer=cursor.fetchall()
        )


registry.register(DRIVER.replace("+", "."), __name__, GateDialect.__name__)
