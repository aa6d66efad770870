"""What colleagues change in CRMs, and when it is read."""

import dagster as dg

from activations.settings.environment import open_profile
from dagster_project.home import Home
from dagster_project.pull import pull_crms


@dg.asset(
    key=["crm", "changes"],
    group_name="landing",
    description="What has changed in the CRMs of crm.yml since the last pull, as files in landing for the next tick.",
    kinds={"python", "parquet"},
    owners=["data-platform@shop.example"],
    pool="crm",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def crm_changes() -> dg.MaterializeResult:
    """Read on from where the last pull came to; a page that is read twice changes nothing."""
    home = Home.from_environment().prepare()
    with open_profile(home.sandbox) as profile:
        pulled = pull_crms(home, profile)
    return dg.MaterializeResult(
        metadata={
            f"{each.crm}: {what}": getattr(each, what)
            for each in pulled
            for what in ("records", "contacts", "deals", "deleted")
        }
    )


pull = dg.define_asset_job(
    "pull",
    selection=dg.AssetSelection.assets(crm_changes),
    description="What colleagues have changed in the CRMs comes into landing.",
    executor_def=dg.in_process_executor,
)
# a few minutes ahead of the tick that takes it in
before_each_tick = dg.ScheduleDefinition(
    name="pull_before_each_tick", job=pull, cron_schedule="50 * * * *", execution_timezone="UTC"
)
