"""What Dagster shows, and that it runs."""

import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from activations.errors import HourbellError
from dagster_project.defs import landing, models, reporting
from dagster_project.home import Home
from dagster_project.publish import published_marts
from dagster_project.ticks.interrupted import begin
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick_run import window_tags
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    from dagster_project.definitions import definitions

    loaded = definitions()
    return loaded() if callable(loaded) else loaded


def test_lineage_leads_from_landing_through_the_steps_to_the_marts(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    mart = next(key for key in graph.get_all_asset_keys() if key.path[-1] == "workflow_performance")
    upstream, waiting = set(), [mart]
    while waiting:
        for parent in graph.get(waiting.pop()).parent_keys:
            if parent not in upstream:
                upstream.add(parent)
                waiting.append(parent)
    names = {key.path[-1] for key in upstream}
    assert {"orders", "events", "contact_profile_versions", "abandoned_cart__reminder", "decisions"} <= names
    assert dg.AssetKey(["raw", "events"]) in upstream
    assert dg.AssetKey(["landing", "events"]) in upstream


def test_each_workflow_is_a_group_with_an_owner(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    steps = [key for key in graph.get_all_asset_keys() if "__" in key.path[-1] and not key.path[-1].startswith("stg")]
    assert steps
    for key in steps:
        node = graph.get(key)
        assert node.group_name == key.path[-1].split("__")[0]
        assert node.owners


def test_every_landed_table_has_a_blocking_check(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    blocking = {key.asset_key.path[-1] for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert blocking == {"contacts", "events", "orders", "order_lines", "products", "consents", "costs", "outcomes"}


def test_what_a_tick_makes_is_expected_every_hour_and_tried_again(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    sources = {"landing", "sources", "configuration"}
    made = [
        graph.get(key)
        for key in graph.get_all_asset_keys()
        if graph.get(key).is_materializable and not sources & {key.path[0], graph.get(key).group_name}
    ]
    assert {node.group_name for node in made} >= {
        "marts",
        "decisions",
        "outbox",
        "delivery",
        "published",
        "abandoned_cart",
    }
    assert [node.key.to_user_string() for node in made if node.freshness_policy is None] == []
    policies = {op.name: op.retry_policy for op in definitions.resolve_job_def("tick").graph.node_defs}
    assert policies.keys() == {
        "landed",
        "models",
        "outbox_files",
        "delivered",
        "published__marts",
        "published__reports",
    }
    assert None not in policies.values()


def test_the_tick_job_runs_end_to_end(
    definitions: dg.Definitions, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    window = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    # nobody has released this one
    (home.outbox / "approved" / "abandoned_cart.json").unlink()
    job = definitions.resolve_job_def("tick")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=window_tags(window))
        assert result.success
        held = [
            check
            for check in result.get_asset_check_evaluations()
            if check.check_name == "gate_out" and not check.passed
        ]
        counts = {
            event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
            for event in result.get_asset_materialization_events()
        }
    assert counts["raw/events"]
    assert counts["workflows/abandoned_cart__reminder"]["dagster/row_count"].value > 0
    assert [check.asset_key.path for check in held] == [["outbox", "email"]]
    assert "first activation" in held[0].metadata["abandoned_cart"].value
    assert 0 < counts["outbox/email"]["held"].value < counts["outbox/email"]["actions"].value
    assert counts["published/marts"]["marts"].value == len(published_marts())
    assert counts["published/reports"]["pages"].value == 20
    assert all(check.passed for check in result.get_asset_check_evaluations() if check.check_name == reporting.CHECK)
    with open_warehouse(home, read_only=True) as warehouse:
        ((seconds,),) = warehouse.execute("select seconds from marts.tick_costs").fetchall()
    assert 0 < seconds < 600
    assert os.environ["HOURBELL_HOME"] == str(home.root)


def test_a_run_beside_a_tick_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    window = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    for module, assets in ((landing, landing.landed), (models, models.models)):
        monkeypatch.setattr(module, "window_of", lambda _: window)
        with (
            dg.build_asset_context() as context,
            tick_lock(home),
            pytest.raises(HourbellError, match="Another tick is at work"),
        ):
            list(assets(context))
    with open_warehouse(home) as warehouse:
        assert warehouse.execute("select count(*) from raw.events").fetchall() == [(0,)]


def test_a_tick_that_was_interrupted_comes_first(
    definitions: dg.Definitions, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Under a key of its own each time, because a key is run once only."""
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    window = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    (tmp_path / "dagster").mkdir()
    with open_warehouse(home) as warehouse:
        warehouse.execute(
            "create table engine.windows (scope varchar, tick_start timestamp, tick_end timestamp, succeeded boolean)"
        )
        warehouse.execute("insert into engine.windows values ('contacts', ?, ?, true)", [window.start, window.end])
        begin(warehouse, window)
    keys = []
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        for hour in (1, 2):
            moment = datetime(2026, 3, 3, hour, 2, tzinfo=UTC)
            context = dg.build_schedule_context(instance=instance, scheduled_execution_time=moment)
            (request,) = definitions.resolve_schedule_def("hourly").evaluate_tick(context).run_requests or []
            assert request.tags.items() >= window_tags(window).items()
            keys.append(request.run_key)
    assert len(set(keys)) == 2


def test_a_sensor_makes_haste_only_where_a_workflow_is_urgent(
    definitions: dg.Definitions, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    with dg.DagsterInstance.ephemeral() as instance:
        said = definitions.get_sensor_def("urgent").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert (said.run_requests, said.skip_message) == ([], "No workflow is urgent.")
