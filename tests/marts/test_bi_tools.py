"""The published copy as BI tools read it: through SQLAlchemy, as Superset does, and as Parquet, as a notebook does."""

from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from dagster_project.publish import FILE, PARQUET, publish

TICKS = 5


def uri(file: Path) -> str:
    """What a person writes into Superset."""
    return f"duckdb:///{file}?access_mode=read_only"


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema marts")
    connection.execute(
        "create table marts.workflow_roi as "
        "select 1::bigint as messages, date '2026-03-01' as month, 'birthday' as workflow, "
        "12.50::decimal(18, 2) as revenue"
    )
    return connection


def test_superset_finds_tables_columns_and_rows_of_each_tick(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for tick in range(1, TICKS + 1):
        warehouse.execute("update marts.workflow_roi set messages = ?", [tick])
        publish(warehouse, tmp_path, ["workflow_roi"])
        engine = sa.create_engine(uri(tmp_path / FILE), poolclass=sa.NullPool)
        with engine.connect() as reader:
            found = sa.inspect(engine)
            assert "workflow_roi" in found.get_table_names(schema="marts")
            columns = {column["name"] for column in found.get_columns("workflow_roi", schema="marts")}
            assert columns == {"messages", "month", "workflow", "revenue"}
            table = sa.table("workflow_roi", sa.column("workflow"), sa.column("messages"), schema="marts")
            asked = sa.select(table.c.workflow, sa.func.sum(table.c.messages)).group_by(table.c.workflow)
            assert [tuple(row) for row in reader.execute(asked)] == [("birthday", tick)]
            # a tick is published while the tool has its connection open
            publish(warehouse, tmp_path, ["workflow_roi"])
            assert reader.execute(asked).scalar_one() == "birthday"
        engine.dispose()


def test_a_bi_tool_changes_nothing(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    publish(warehouse, tmp_path, ["workflow_roi"])
    engine = sa.create_engine(uri(tmp_path / FILE), poolclass=sa.NullPool)
    with engine.connect() as reader, pytest.raises(SQLAlchemyError, match="read-only"):
        reader.execute(sa.text("delete from marts.workflow_roi"))
    engine.dispose()


def test_a_notebook_reads_parquet(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    publish(warehouse, tmp_path, ["workflow_roi"])
    found = pl.read_parquet(tmp_path / PARQUET / "workflow_roi.parquet")
    assert found.row(0, named=True)["revenue"] == Decimal("12.50")
    assert found["month"].dtype == pl.Date
