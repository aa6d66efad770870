"""The pages that document what lands and every model: once a day, or on demand."""

import dagster as dg

from dagster_project.defs.delivery import OWNERS
from dagster_project.freshness import DAILY
from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock


@dg.asset(
    key=["documentation", "pages"],
    group_name="documentation",
    description="Great Expectations' Data Docs and dbt's docs, linked from one page.",
    kinds={"dbt", "greatexpectations"},
    owners=OWNERS,
    freshness_policy=DAILY,
    pool="warehouse",
)
def documentation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Write the pages anew, in place of those of the day before."""
    # seconds of imports that other assets do not pay
    from dagster_project.docs import INDEX, write_docs

    home = Home.from_environment().prepare()
    with tick_lock(home):
        pages = write_docs(home, home.docs)
    return dg.MaterializeResult(
        metadata={
            "met": sum(page.met for page in pages),
            "asked": sum(page.asked for page in pages),
            "page": dg.MetadataValue.path(str(home.docs / INDEX)),
        }
    )


write_documentation = dg.define_asset_job(
    "documentation",
    selection=dg.AssetSelection.assets(documentation),
    description="The pages that document what lands and every model.",
    executor_def=dg.in_process_executor,
)

nightly_documentation = dg.ScheduleDefinition(
    name="nightly_documentation", job=write_documentation, cron_schedule="45 4 * * *", execution_timezone="UTC"
)
