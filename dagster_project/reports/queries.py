"""What the pages ask of the published marts, and nothing else: read-only, without any file or host in reach."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from activations.errors import HourbellError
from dagster_project.landing.sources import quoted_text

SCHEMAS = ("marts", "operations")
# beyond it JavaScript takes two integers for one
_EXACT = 2**53


class MissingMartError(HourbellError):
    """A query asks a mart that is not published (yet)."""


@dataclass(frozen=True)
class Answer:
    """The rows of a query, column by column."""

    columns: Mapping[str, str]
    """What each holds: date, moment, number or text."""
    rows: Sequence[tuple[Any, ...]]

    def as_data(self) -> dict[str, Any]:
        """As a page carries it: texts once each, and then by their places."""
        return {
            name: _packed(kind, [row[place] for row in self.rows])
            for place, (name, kind) in enumerate(self.columns.items())
        }


@contextmanager
def open_published(
    file: Path, operations: Mapping[str, tuple[str, Sequence[tuple[Any, ...]]]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published marts as `marts.<name>`, beside tables of `operations`, each told by its columns and rows.

    Raises HourbellError where nothing has been published.
    """
    if not file.exists():
        raise HourbellError(
            f"There are no published marts at {file}. `hourbell tick` publishes them; then build again."
        )
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach {quoted_text(file)} as published (read_only)")
        except duckdb.Error as error:
            raise HourbellError(
                f"The published marts {file} cannot be read: {error}. The next tick publishes anew."
            ) from error
        connection.execute("create schema marts")
        connection.execute("create schema operations")
        found = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'published' and schema_name = 'marts'"
        ).fetchall()
        for (name,) in found:
            connection.execute(f'create view marts."{name}" as select * from published.marts."{name}"')
        for name, (columns, rows) in operations.items():
            connection.execute(f"create table operations.{name} ({columns})")
            if rows:
                places = ", ".join("?" for _ in rows[0])
                connection.executemany(f"insert into operations.{name} values ({places})", [list(row) for row in rows])
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, sql: str, subject: str | None) -> Answer:
    """Ask the marts; `$workflow` in the SQL is the subject of the page. Raises HourbellError saying what is wrong."""
    _only_reads_marts(connection, sql)
    try:
        found = connection.execute(sql, {"workflow": subject} if "$workflow" in sql else None)
        columns = {column[0]: _kind(str(column[1])) for column in found.description or []}
        return Answer(columns, found.fetchall())
    except duckdb.Error as error:
        raise HourbellError(f"{error}".partition("\n")[0]) from error


def marts_of(sql: str) -> set[str]:
    """The tables that a query reads, as schema.name. Raises HourbellError where it is no query."""
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        raise HourbellError(f"it is no SQL: {str(error).partition(chr(10))[0]}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise HourbellError("it is not one select; a page only reads.")
    own = {cte.alias for cte in statements[0].find_all(exp.CTE)}
    tables = statements[0].find_all(exp.Table)
    return {f"{table.db}.{table.name}".lstrip(".") for table in tables if table.db or table.name not in own} - {""}


def _only_reads_marts(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    named = marts_of(sql)
    foreign = sorted(name for name in named if name.partition(".")[0] not in SCHEMAS)
    if foreign:
        raise HourbellError(
            f"it reads {', '.join(foreign)}; pages read published marts, as marts.workflow_performance."
        )
    known = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    }
    missing = sorted(named - known)
    if missing:
        raise MissingMartError(f"the mart {', '.join(missing)} is not published.")


def _kind(type_name: str) -> str:
    if type_name == "DATE":
        return "date"
    if type_name.startswith(("TIMESTAMP", "DATETIME")):
        return "moment"
    numbers = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "NUMBER", "BIGINT", "UBIGINT")
    return "number" if any(part in type_name.upper() for part in numbers) else "text"


def _packed(kind: str, values: Sequence[Any]) -> dict[str, Any]:
    plain = [_plain(value) for value in values]
    if kind == "number" and all(not isinstance(value, str) for value in plain):
        return {"kind": kind, "values": plain}
    known: dict[Any, int] = {}
    places = [None if value is None else known.setdefault(value, len(known)) for value in plain]
    return {"kind": "text" if kind == "number" else kind, "known": list(known), "places": places}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        # more digits than anybody reads, and fewer than are stored
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: None}[value]
    if isinstance(value, int):
        return value if abs(value) < _EXACT else str(value)
    return str(value)
