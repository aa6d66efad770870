"""The same ticks by dbt itself: tables that are not there yet, its own way of replacing a tick, its data tests."""

from datetime import timedelta

import pytest
from identity_history import land, random_history
from identity_reference import reference
from resolver import IDENTITY, PERIOD, resolution

from dagster_project.home import Home
from dagster_project.ticks.transform import run_dbt, run_models
from dagster_project.ticks.windows import split
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse


def test_dbt_writes_what_the_reference_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    history = random_history(300)
    home = Home(tmp_path_factory.mktemp("ticks"))
    prepare_warehouse(home)
    with open_warehouse(home) as connection:
        land(connection, history)
    first, second = split(PERIOD, timedelta(days=1))
    for window in (first, second, second):
        runs = run_models(home, IDENTITY, window)
        assert [run.name for run in runs if not run.succeeded] == []
    with open_warehouse(home, read_only=True) as connection:
        assert resolution(connection) == reference(history)

    tests = run_dbt(
        home,
        [
            "test",
            "--indirect-selection",
            "cautious",
            "--select",
            *(f"path:models/contacts/{part},test_type:data" for part in ("identity", "activity")),
        ],
    )
    assert len(tests.results) > 50
    assert [test.node.name for test in tests.results if test.status not in ("pass", "success")] == []
