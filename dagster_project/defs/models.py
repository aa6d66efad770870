"""The dbt models: what is known of contacts, the workflows, the decisions and the marts."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick import decide
from dagster_project.ticks.tick_run import window_of
from dagster_project.ticks.transform import DBT, ModelRun, manifest_json
from dagster_project.translator import Translator
from dagster_project.warehouse import row_counts
from dagster_project.warehouse_setup import prepare_warehouse

PROJECT = DbtProject(project_dir=DBT)
MANIFEST = manifest_json()
# dbt tests are checks of their own (checks.py): a tick does not wait for all of them
TRANSLATOR = Translator(DagsterDbtTranslatorSettings(enable_asset_checks=False))


@dbt_assets(
    manifest=MANIFEST,
    select="resource_type:model",
    name="models",
    dagster_dbt_translator=TRANSLATOR,
    project=PROJECT,
    pool="warehouse",
    # a tick that is run again replaces its own rows
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def models(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Run a tick's models. A workflow that breaks is left out, and does not stop the others."""
    home = Home.from_environment()
    window = window_of(context)
    with tick_lock(home):
        prepare_warehouse(home)
        runs = decide(home, window)
        rows = row_counts(home)
    for run in runs:
        if run.succeeded:
            yield _materialization(run, rows, str(window))
        else:
            context.log.error(f"{run.name} is left out of this tick: {run.message or run.status}")


def _materialization(run: ModelRun, rows: dict[str, int], window: str) -> dg.MaterializeResult:
    metadata: dict[str, Any] = {"seconds": run.seconds, "window": window}
    if run.name in rows:
        metadata["dagster/row_count"] = rows[run.name]
    return dg.MaterializeResult(asset_key=asset_key(run.unique_id), metadata=metadata)


def asset_key(unique_id: str) -> dg.AssetKey:
    return TRANSLATOR.get_asset_spec(MANIFEST, unique_id, PROJECT).key
