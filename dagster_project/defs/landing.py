"""What lands, and the gate that it passes before anything is decided on it."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.home import Home
from dagster_project.landing.ingest import land_all
from dagster_project.landing.quality import QualityStop
from dagster_project.lock import tick_lock
from dagster_project.tick import prepare_warehouse
from dagster_project.tick_run import window_of
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import last_completed
from data.contract import tables

CHECK = "quality_gate"
TABLES = tables()


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["raw", table.name],
            group_name="landing",
            description=f"{table.description} {table.grain}",
            kinds={"parquet", "duckdb"},
            owners=["data-platform@shop.example"],
            deps=[["landing", table.name]],
        )
        for table in TABLES
    ],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=["raw", table.name],
            blocking=True,
            description="Great Expectations over what has just landed; a failure stops the tick before it decides anything.",
        )
        for table in TABLES
    ],
    pool="warehouse",
    retry_policy=dg.RetryPolicy(
        max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
    ),
)
def landed(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Take in the files that have landed since the last tick; what fails the gate is set aside with the reason."""
    home = Home.from_environment()
    window = window_of(context)
    with tick_lock(home):
        prepare_warehouse(home)
        with open_warehouse(home) as connection:
            last_end = last_completed(connection)
            is_decided = last_end is not None and window.end <= last_end
            try:
                taken = [] if is_decided else land_all(connection, home.landing, last_end, window.start)
            except QualityStop as stop:
                yield from _stopped(stop)
                return
    by_table = {ingested.table: ingested for ingested in taken}
    for table in TABLES:
        ingested = by_table.get(table.name)
        yield dg.MaterializeResult(
            asset_key=["raw", table.name],
            metadata={
                "rows": ingested.rows if ingested else 0,
                "quarantined": ingested.quarantined if ingested else 0,
                "values_blanked": ingested.blanked if ingested else 0,
                "window": str(window),
            },
            check_results=[dg.AssetCheckResult(check_name=CHECK, passed=True)],
        )
