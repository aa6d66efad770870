"""The same history gives the same rows on Spark as on DuckDB: entries, arrivals, exits, candidates and decisions."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from engine_world import SHOP_SPAN, Engine

from dagster_project.replay import replay_tick
from dagster_project.statements import Memory
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import CONTACTS, HOUR, MARTS, history_before, split

pytestmark = pytest.mark.spark
pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'hourbell[spark]'")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

from spark_engine import SparkEngine, local_session  # noqa: E402

WORKFLOW = "abandoned_cart"
# what the workflow reads in its tick, the workflow itself, and what is decided of its actions
SCOPES = {"workflows", "triggers", WORKFLOW, "decisions"}
# the outbox hands to the channels what was decided
LEFT_OUT = {"outbox"}

Rows = Counter[str]


@pytest.fixture(scope="module")
def both(
    shop: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SparkEngine, duckdb.DuckDBPyConnection]]:
    """A workflow that has run on Spark, tick by tick over the same inputs, and all that has run on DuckDB."""
    engine = shop.copy(tmp_path_factory.mktemp("spark") / "home")
    knowledge = [statement for statement in engine.statements if statement.scope == CONTACTS]
    rest = [statement for statement in engine.statements if statement.scope not in (CONTACTS, MARTS)]
    chosen = [statement for statement in rest if statement.scope in SCOPES and statement.model not in LEFT_OUT]
    session = local_session()
    with open_warehouse(engine.home) as connection:
        spark = SparkEngine(session, connection, chosen)
        spark.start()
        memory = Memory.of(connection, engine.statements)
        windows = list(split(SHOP_SPAN, 21 * HOUR))
        history = history_before(connection, windows[0])
        if history is not None:
            replay_tick(connection, knowledge, history, memory)
        for window in windows:
            replay_tick(connection, rest, window, memory, replay_tick(connection, knowledge, window, memory))
            spark.give(spark.inputs)
            spark.run_tick(window)
        yield spark, connection
    session.stop()


def _comparable(value: Any) -> Any:
    """Objects that are held as text, whatever the order of their fields and the zeros behind a number."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def _rows(table: pa.Table) -> Rows:
    return Counter(
        json.dumps({name: _comparable(value) for name, value in row.items()}, sort_keys=True, default=str)
        for row in table.to_pylist()
    )


def test_spark_gives_the_rows_of_duckdb(both: tuple[SparkEngine, duckdb.DuckDBPyConnection]) -> None:
    spark, connection = both
    expected = {
        model.table: _rows(connection.execute(f"from {model.table}").to_arrow_table()) for model in spark.models
    }
    found = {model.table: _rows(spark.tables[model.table]) for model in spark.models}
    different = {
        table: {
            "only DuckDB": list((rows - found[table]).keys())[:2],
            "only Spark": list((found[table] - rows).keys())[:2],
        }
        for table, rows in expected.items()
        if rows != found[table]
    }
    assert not different
    for table in (
        "workflows.abandoned_cart__entered",
        "workflows.abandoned_cart__reminder",
        "workflows.abandoned_cart__reassurance",
        "workflows.abandoned_cart__exited",
        "decisions.arrivals",
        "decisions.candidates",
        "decisions.cap_walk",
        "decisions.decisions",
    ):
        assert expected[table], f"the history leads nobody into {table}"
