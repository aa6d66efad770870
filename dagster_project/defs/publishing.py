"""The published copy of the marts, which BI tools read."""

import dagster as dg

from dagster_project.defs.delivery import OWNERS
from dagster_project.freshness import HOURLY
from dagster_project.gate_out.held import learn_decisions
from dagster_project.home import Home
from dagster_project.publish import FILE, publish, published_marts
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick_costs import costing
from dagster_project.ticks.tick_run import window_of
from dagster_project.warehouse import open_warehouse


@dg.asset(
    key=["published", "marts"],
    group_name="published",
    description="A read-only copy of the marts as a DuckDB file and as Parquet, swapped in as a whole after each tick.",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    freshness_policy=HOURLY,
    deps=[["marts", mart] for mart in published_marts()],
    pool="warehouse",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Publish the marts. Where they cannot be, what was decided is delivered all the same."""
    home = Home.from_environment()
    window = window_of(context)
    with tick_lock(home), costing(home, window, "publishing") as spent, open_warehouse(home) as connection:
        learn_decisions(connection, home)
        marts = publish(connection, home.published)
        spent.bytes = (home.published / FILE).stat().st_size
    return dg.MaterializeResult(
        metadata={"marts": len(marts), "file": dg.MetadataValue.path(str(home.published / FILE))}
    )
