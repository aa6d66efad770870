"""What lands, and the gate that it passes before anything is decided on it."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.freshness import HOURLY
from dagster_project.home import Home
from dagster_project.landing.ingest import Ingested
from dagster_project.landing.quality import QualityStop
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick import land
from dagster_project.ticks.tick_run import window_of
from dagster_project.warehouse_setup import prepare_warehouse
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
            freshness_policy=HOURLY,
            deps=[["landing", table.name]],
        )
        for table in TABLES
    ],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=["raw", table.name],
            blocking=True,
            description="Great Expectations over what has just landed; a failure stops the tick before it decides.",
        )
        for table in TABLES
    ],
    pool="warehouse",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def landed(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Take in the files that have landed since the last tick; what fails the gate is set aside with the reason."""
    home = Home.from_environment()
    window = window_of(context)
    with tick_lock(home):
        prepare_warehouse(home)
        try:
            taken = {ingested.table: ingested for ingested in land(home, window)}
            stopped: dict[str, str] = {}
        except QualityStop as stop:
            taken = {}
            stopped = {verdict.table.name: str(stop) for verdict in stop.verdicts}
    for table in TABLES:
        yield _result(table.name, taken.get(table.name), stopped.get(table.name), str(window))


def _result(table: str, ingested: Ingested | None, stopped: str | None, window: str) -> dg.MaterializeResult:
    """What became of one table; a stopped one has taken in nothing, and neither has any other."""
    return dg.MaterializeResult(
        asset_key=["raw", table],
        metadata={
            "rows": ingested.rows if ingested else 0,
            "quarantined": ingested.quarantined if ingested else 0,
            "values_blanked": ingested.blanked if ingested else 0,
            "window": window,
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=["raw", table],
                check_name=CHECK,
                passed=stopped is None,
                metadata={"why": stopped} if stopped else {},
            )
        ],
    )
