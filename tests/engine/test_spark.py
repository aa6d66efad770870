"""The same history gives the same rows on Spark as on DuckDB: entries, arrivals, exits, candidates and decisions."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from engine_world import SHOP_SPAN, WORKFLOWS, Engine

from dagster_project.ticks.statements import Memory, replay_tick
from dagster_project.ticks.windows import CONTACTS, HOUR, MARTS, history_before, split
from dagster_project.warehouse import open_warehouse

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]
pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'hourbell[spark]'")
from pyspark.sql import SparkSession  # noqa: E402

from dagster_project.spark.models import SparkModels  # noqa: E402
from dagster_project.spark.session import open_session  # noqa: E402

# Those that anybody is in within the span of the shop: of the others empty tables would be compared. HOURBELL_SPARK=all
# takes them in as well, which shows that Spark understands their SQL, and needs five minutes more.
CHOSEN = (
    ["path:models/workflows"]
    if os.environ.get("HOURBELL_SPARK") == "all"
    else [*(f"path:models/workflows/{name}" for name in (*WORKFLOWS, "triggers")), "path:models/workflows/*.sql"]
)
SELECTED = (*CHOSEN, "path:models/decisions")
# the outbox hands to the channels what was decided, and the second look at it is DuckDB's
LEFT_OUT = ("outbox", "outbox_evidence")
# a handful of rows is asked sooner than Java is compiled for it, or a plan made better
FOR_FEW_ROWS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.leafNodeDefaultParallelism": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}

Rows = Counter[str]


@dataclass(frozen=True)
class Both:
    """A history that the engine has gone through on Spark, tick by tick over the same inputs, and on DuckDB."""

    spark: SparkSession
    models: SparkModels
    connection: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def both(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    engine = shop.copy(tmp_path_factory.mktemp("spark") / "home")
    knowledge = [statement for statement in engine.statements if statement.scope == CONTACTS]
    rest = [statement for statement in engine.statements if statement.scope not in (CONTACTS, MARTS)]
    session = open_session(tmp_path_factory.mktemp("spark") / "warehouse", "local[2]", **FOR_FEW_ROWS)
    inputs = tmp_path_factory.mktemp("inputs")
    with open_warehouse(engine.home) as connection:
        models = SparkModels.chosen(session, inputs, SELECTED, LEFT_OUT)
        give(session, connection, models.inputs, inputs)
        models.create_tables()
        memory = Memory.of(connection, engine.statements)
        windows = list(split(SHOP_SPAN, 21 * HOUR))
        history = history_before(connection, windows[0])
        if history is not None:
            replay_tick(connection, knowledge, history, memory)
        for window in windows:
            replay_tick(connection, rest, window, memory, replay_tick(connection, knowledge, window, memory))
            give(session, connection, models.inputs, inputs)
            models.run(window)
        # what a tick has written it replaces
        models.run(windows[-1])
        yield Both(session, models, connection)
    session.stop()


def give(session: SparkSession, connection: duckdb.DuckDBPyConnection, tables: list[str], folder: Path) -> None:
    """Show tables to Spark as DuckDB holds them now."""
    for table in tables:
        file = folder / table / "rows.parquet"
        if file.exists() and not connection.execute(f"from {table} limit 1").fetchall():
            continue
        file.parent.mkdir(exist_ok=True)
        connection.execute(f"copy (from {table}) to '{file}' (format parquet)")
        session.sql(f"create schema if not exists {table.partition('.')[0]}")
        session.sql(f"create table if not exists {table} using parquet location '{file.parent}'")
        session.catalog.refreshTable(table)


def _comparable(value: Any) -> Any:
    """Objects that are held as text, whatever the order of their fields and the zeros behind a number."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def _rows(table: pa.Table) -> Rows:
    return Counter(
        json.dumps({name: _comparable(value) for name, value in row.items()}, sort_keys=True, default=str)
        for row in table.to_pylist()
    )


def test_spark_gives_the_rows_of_duckdb(both: Both) -> None:
    different, filled = {}, set()
    for table in both.models.tables:
        expected = both.connection.execute(f"from {table}").to_arrow_table()
        columns = ", ".join(expected.column_names)
        rows, found = _rows(expected), _rows(both.spark.sql(f"select {columns} from {table}").toArrow())
        if rows != found:
            different[table] = {
                "only DuckDB": list((rows - found).keys())[:2],
                "only Spark": list((found - rows).keys())[:2],
            }
        filled |= {table} if rows else set()
    assert not different
    assert filled >= {
        "workflows.workflow_status_changes",
        "workflows.abandoned_cart__entered",
        "workflows.abandoned_cart__reminder",
        "workflows.abandoned_cart__reassurance",
        "workflows.abandoned_cart__exited",
        "decisions.arrivals",
        "decisions.candidates",
        "decisions.cap_walk",
        "decisions.decisions",
        *(f"workflows.{name}__entered" for name in WORKFLOWS),
    }
