"""What dbt makes of the models, as statements that ask their session for the window: compiled once, run each tick."""

import hashlib
import json
import logging
import pickle
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from dbt.version import __version__ as dbt_version

from activations.durable import write_whole
from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.ticks import arms, emptiness, transform
from dagster_project.ticks import statements as written
from dagster_project.ticks.arms import Columns, arms_of
from dagster_project.ticks.emptiness import Reader
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.transform import manifest, one_at_a_time, run_dbt, run_models, scope_of, tables_read
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

START, END = "cast(getvariable('tick_start') as timestamp)", "cast(getvariable('tick_end') as timestamp)"

# projects, as they were at different times, whose compiled models are kept
_KEPT = 8
# bytes of the checksum before what is kept
_DIGEST = hashlib.sha256().digest_size

# what models read and no model writes
STATE_TABLES = frozenset({"engine.windows", "engine.backfilled"})

log = logging.getLogger(__name__)


class BrokenModelError(HourbellError):
    """A model that cannot be built, whatever the warehouse holds."""


@dataclass(frozen=True)
class View:
    """A model that is nothing but a question."""

    model: str
    scope: str
    name: str
    sql: str


@dataclass(frozen=True)
class CompiledTick:
    """The models of a tick, statements and views each in the order of the graph."""

    statements: tuple[Statement, ...]
    views: tuple[View, ...]
    order: tuple[str, ...]
    """All of them by name."""


def compile_models(home: Home, select: Iterable[str] = ()) -> CompiledTick:
    """The models that are selected, by default all. Tables that are missing are created, empty.

    Raises BrokenModelError where a model cannot be built.
    """
    prepare_warehouse(home)
    created = run_models(home, list(select), None, empty=True)
    failed = [model for model in created if not model.succeeded]
    if failed:
        raise BrokenModelError(f"The model {failed[0].name} cannot be built: {failed[0].message}")
    # tests would come along with their models, and take four times as long
    only_models = ["--select", *(select or ["resource_type:model"]), "--indirect-selection", "empty"]
    compiled = {
        result.node.unique_id: result.node
        for result in run_dbt(home, ["compile", *only_models]).results
        if result.node.resource_type == "model"
    }
    nodes = [compiled[model.unique_id] for model in created]
    views = [
        View(node.name, scope_of(node.fqn), _table(node), node.compiled_code)
        for node in nodes
        if node.config.materialized == "view"
    ]
    with open_warehouse(home) as connection:
        reader = Reader(_aggregates(connection), [_table(node) for node in nodes if _is_replaced(node)])
        for view in views:
            reader.add_view(view.name, view.sql)
        columns = partial(_columns, connection)
        statements = [_statement(node, reader, columns) for node in nodes if node.config.materialized != "view"]
    return CompiledTick(tuple(statements), tuple(views), tuple(node.name for node in nodes))


def compile_tick(home: Home, select: Sequence[str] = ()) -> list[Statement]:
    """The statements of a tick over this warehouse, of all models or of those that dbt selects; see `asking_session`.

    Raises BrokenModelError where a model cannot be built.
    """
    compiled = _prepared_for(home)
    if compiled is None:
        return asking_session(home, compile_models(home, select))
    statements = asking_session(home, compiled)
    if not select:
        return statements
    selected = set(run_dbt(home, ["ls", "--select", *select, "--resource-type", "model", "--output", "name"]))
    return [statement for statement in statements if statement.model in selected]


def create_missing_tables(home: Home) -> None:
    """Create the tables that the project as it stands has and the warehouse has not, empty."""
    _prepared_for(home)


def asking_session(home: Home, compiled: CompiledTick) -> list[Statement]:
    """The statements, and views to match: all ask their session for the window."""
    with open_warehouse(home) as connection:
        for view in compiled.views:
            connection.execute(f"create or replace view {view.name} as ({view.sql})")
    return list(compiled.statements)


def _prepared_for(home: Home) -> CompiledTick | None:
    known = prepared()
    if known is None:
        return None
    prepare_warehouse(home)
    with open_warehouse(home) as connection:
        return known.compiled if known.fits(connection) else None


def _aggregates(connection: duckdb.DuckDBPyConnection) -> list[str]:
    named = "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
    return [name for (name,) in connection.execute(named).fetchall()]


def _table(node: Any) -> str:
    return f"{node.schema}.{node.alias}"


def _is_replaced(node: Any) -> bool:
    return bool(node.config.materialized == "table")


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> Columns | None:
    try:
        return tuple((name, kind) for name, kind, *_ in connection.execute(f"describe {query}").fetchall())
    except duckdb.Error:
        # it reads what another part of its statement defines
        return None


def _statement(node: Any, reader: Reader, columns: Callable[[str], Columns | None]) -> Statement:
    table, written_at = _table(node), None if _is_replaced(node) else node.config.event_time
    written_before = _written_by_tick(written_at) if written_at else "true"
    writes = f"insert into {table} by name ({node.compiled_code})"
    return Statement(
        model=node.name,
        scope=scope_of(node.fqn),
        sql=(f"delete from {table} where {written_before}", writes),
        table=table,
        written_at=written_at,
        own_rows=reader.rows(table, written_before),
        empty_when=reader.ways(node.compiled_code),
        arms=arms_of(writes, columns, reader.ways),
        reads=tables_read(node),
        is_of_project=bool(node.config.meta.get("is_of_project")),
        looks_at_ticks=bool(node.config.meta.get("looks_at_ticks")),
        stays=node.config.incremental_strategy == "append",
    )


def _written_by_tick(event_time: str) -> str:
    """The macro of the same name, over session variables."""
    if event_time == "tick_end":
        return f"{event_time} > {START} and {event_time} <= {END}"
    if event_time == "day":
        return f"{event_time} >= date_trunc('day', {START}) and {event_time} < {END}"
    return f"{event_time} >= {START} and {event_time} < {END}"


@dataclass(frozen=True)
class Prepared:
    """A whole project, compiled once for all warehouses, and what its tables are like."""

    fingerprint: str
    """Of the project as it stands."""
    compiled: CompiledTick
    columns: Mapping[str, frozenset[tuple[str, str]]]
    """By table: names and types."""
    creation: tuple[str, ...]
    """Creates each table that is missing."""

    def fits(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether the tables of a warehouse are as the models have them. Those that are missing are created."""
        found = columns_of_tables(connection)
        if not self.columns.keys() <= found.keys():
            for sql in self.creation:
                connection.execute(sql)
            found = columns_of_tables(connection)
        return all(columns <= found[table] for table, columns in self.columns.items())


def prepared() -> Prepared | None:
    """The project as it stands, compiled; kept beside what dbt parsed. None where it does not build."""
    # in one place, whichever version of the project it is: the fingerprint tells them apart
    folder = transform.DBT / "target" / "compiled"
    folder.mkdir(parents=True, exist_ok=True)
    fingerprint = _fingerprint()
    kept = folder / f"{fingerprint}.pickle"
    with one_at_a_time(folder / "compiling.lock"):
        try:
            return _read(kept)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("What was compiled cannot be read, so it is compiled anew: %s", error)
        try:
            found = _prepare(fingerprint)
        except BrokenModelError:
            # what is wrong with it, dbt itself will say in the tick
            found = None
        except (OSError, duckdb.Error) as error:
            log.warning("The models cannot be compiled ahead of the tick, so dbt runs them: %s", error)
            return None
        _keep(found, kept)
        return found


def _keep(found: Prepared | None, kept: Path) -> None:
    """Keep it for the next tick; where there is no room, that compiles it again."""
    try:
        content = pickle.dumps(found)
        write_whole(kept, hashlib.sha256(content).digest() + content)
        for old in sorted(kept.parent.glob("*.pickle"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            old.unlink()
    except OSError as error:
        log.warning("What was compiled cannot be kept: %s", error)


def _read(kept: Path) -> Prepared | None:
    """What was kept; raises OSError, or ValueError where it is not what was written."""
    content = kept.read_bytes()
    digest, pickled = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(pickled).digest() != digest:
        raise ValueError(f"{kept} is damaged")
    found = pickle.loads(pickled)
    return found if isinstance(found, Prepared) else None


def _fingerprint() -> str:
    """Of all that has a say in what a model is compiled to, and of how it is kept."""
    known = manifest()
    parts: list[Any] = [dbt_version, duckdb.__version__]
    parts += [Path(code).read_text() for code in (__file__, arms.__file__, emptiness.__file__, written.__file__)]
    for unique_id, node in sorted(known.nodes.items()):
        if node.resource_type in ("model", "seed"):
            parts.append([unique_id, getattr(node, "raw_code", ""), node.checksum.checksum, str(node.config.to_dict())])
    macros = sorted(known.macros.items())
    parts += [[name, macro.macro_sql] for name, macro in macros if macro.package_name == known.metadata.project_name]
    parts.append((transform.project() / "dbt_project.yml").read_text())
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def _prepare(fingerprint: str) -> Prepared:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder)).prepare()
        compiled = compile_models(home)
        with open_warehouse(home) as connection:
            tables = connection.execute(
                "select schema_name, schema_name || '.' || table_name, sql from duckdb_tables() "
                "where schema_name not in ('raw', 'configuration')"
            ).fetchall()
            columns = columns_of_tables(connection)
    creation = [f"create schema if not exists {schema}" for schema in sorted({schema for schema, *_ in tables})]
    creation += [sql.replace("CREATE TABLE ", "create table if not exists ", 1) for *_, sql in tables]
    # and what the engine remembers between ticks
    kept = {statement.table for statement in compiled.statements} | {
        table for table in columns if table in STATE_TABLES
    }
    return Prepared(fingerprint, compiled, {table: columns[table] for table in kept}, tuple(creation))


def columns_of_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, frozenset[tuple[str, str]]]:
    """By table: names and types."""
    found: dict[str, set[tuple[str, str]]] = {}
    for table, column, type_name in connection.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() where not internal"
    ).fetchall():
        found.setdefault(table, set()).add((column, type_name))
    return {table: frozenset(columns) for table, columns in found.items()}
