"""What our own materializations keep of what dbt's do: new columns, contracts, and all or nothing."""

from datetime import datetime
from pathlib import Path

import pytest

from dagster_project.home import Home
from dagster_project.ticks import transform
from dagster_project.ticks.transform import ModelRun, run_models
from dagster_project.ticks.windows import HOUR, Window
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

NINE = datetime(2026, 3, 2, 9)
FIRST, SECOND = Window(NINE, NINE + HOUR), Window(NINE + HOUR, NINE + 2 * HOUR)


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    prepare_warehouse(home)
    with open_warehouse(home) as warehouse:
        for number, moment in enumerate((FIRST.start, SECOND.start)):
            warehouse.execute(
                "insert into raw.products by name select ? as product_id, 'Mug' as name, "
                "?::timestamp as occurred_at, ?::timestamp as loaded_at, ?::timestamp as effective_at",
                [f"P{number}", moment, moment, moment],
            )
    return home


def around(monkeypatch: pytest.MonkeyPatch, model: str, before: str, after: str) -> None:
    """Put SQL around a model."""
    node = transform.manifest().nodes[f"model.hourbell.{model}"]
    monkeypatch.setattr(node, "raw_code", f"{before} ({node.raw_code}) {after}")


def run(home: Home, model: str, window: Window) -> ModelRun:
    (found,) = run_models(home, [model], window)
    return found


def rows(home: Home, query: str) -> list[tuple]:
    with open_warehouse(home, read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def test_a_new_column_reaches_a_table_that_is_there(empty: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(empty, "stg_products", FIRST).succeeded
    around(monkeypatch, "stg_products", "select *, 'blue' as colour from", "as products")
    assert run(empty, "stg_products", SECOND).succeeded
    assert rows(empty, "select product_id, colour from staging.stg_products order by all") == [
        ("P0", None),
        ("P1", "blue"),
    ]


def test_a_model_that_fails_leaves_what_was_there(empty: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(empty, "stg_products", FIRST).succeeded
    around(monkeypatch, "stg_products", "select * replace (cast(name as integer)::varchar as name) from", "as products")
    failed = run(empty, "stg_products", FIRST)
    assert not failed.succeeded
    assert "Mug" in failed.message
    assert rows(empty, "select product_id, name from staging.stg_products") == [("P0", "Mug")]


@pytest.mark.parametrize(
    ("mart", "column"),
    [("workflow_performance", "sent"), ("workflow_positions", "reached_at")],
    ids=["written by ticks", "a view"],
)
def test_a_contract_holds_in_every_tick(empty: Home, monkeypatch: pytest.MonkeyPatch, mart: str, column: str) -> None:
    run_models(empty, [f"+{mart}"], None, empty=True)
    around(monkeypatch, mart, f"select * replace (cast({column} as varchar) as {column}) from", "as broken")
    failed = run(empty, mart, FIRST)
    assert not failed.succeeded
    assert "contract" in failed.message
    assert column in failed.message
