"""The gate against the simulator's truth: every broken row is dealt with, and no other."""

from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.landing.ingest import land_all
from dagster_project.landing.load import load
from data.contract import tables
from data.simulator import Shop, simulate

START = datetime(2026, 3, 2)
BLANKED = {"email", "phone", "timezone", "country", "birth_date"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("shop")
    simulate(Shop(seed=3, contacts=400, start=START, days=4, broken_share=0.05), folder / "shop")
    names: dict[str, str] = {}
    for table in tables():
        if (folder / "shop" / table.name).is_dir():
            for loaded in load(folder / "shop" / table.name, folder / "landing", START):
                names[f"{table.name}/{loaded.source.name}"] = loaded.landed.name
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    land_all(connection, folder / "landing", None, START)
    broken = pl.read_parquet(Path(folder / "shop" / "truth" / "broken_rows.parquet"))
    return broken.with_columns(landing_file=pl.col("file").replace_strict(names)), connection


def test_every_row_that_was_broken_is_set_aside_and_no_other(
    shop: tuple[pl.DataFrame, duckdb.DuckDBPyConnection],
) -> None:
    broken, connection = shop
    expected = broken.filter(~pl.col("column").is_in(BLANKED))
    found = connection.execute("select table_name, landing_file, landing_row from raw.quarantine").fetchall()
    assert expected.height > 50
    assert set(found) == set(expected.select("table", "landing_file", "row").iter_rows())
    assert len(found) == expected.height


def test_values_that_were_broken_are_blanked_and_no_others(
    shop: tuple[pl.DataFrame, duckdb.DuckDBPyConnection],
) -> None:
    broken, connection = shop
    expected = broken.filter(pl.col("column").is_in(BLANKED))
    assert expected.height > 5
    for table, file, row, column in expected.select("table", "landing_file", "row", "column").iter_rows():
        kept = connection.execute(
            f"select {column} from raw.{table} where landing_file = ? and landing_row = ?", [file, row]
        ).fetchall()
        assert kept == [(None,)]
    counted = connection.execute("select sum(values_blanked)::bigint from raw.landed_files").fetchall()
    assert counted == [(expected.height,)]
