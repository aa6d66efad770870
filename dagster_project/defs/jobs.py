"""What runs when."""

from collections.abc import Iterator

import dagster as dg

from activations.errors import HourbellError
from dagster_project.defs.checks import data_tests
from dagster_project.defs.delivery import delivered, outbox_files
from dagster_project.defs.landing import landed
from dagster_project.defs.models import models
from dagster_project.defs.publishing import published
from dagster_project.defs.reporting import reports
from dagster_project.home import Home
from dagster_project.ticks.tick_run import due_window, window_tags

tick = dg.define_asset_job(
    "tick",
    # the tests of the whole warehouse are a job of their own
    selection=dg.AssetSelection.assets(landed, models, outbox_files, delivered, published, reports).without_checks()
    | dg.AssetSelection.checks_for_assets(landed, outbox_files, reports),
    description="One tick: what has landed becomes known, workflows move on, decisions are made and delivered.",
    # a process for each step would import everything again each time
    executor_def=dg.in_process_executor,
    tags={"hourbell/kind": "tick"},
)

checks = dg.define_asset_job(
    "checks",
    selection=dg.AssetSelection.checks(data_tests),
    description="Everything that must always hold, over the whole warehouse.",
    executor_def=dg.in_process_executor,
)

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


def running_tick(instance: dg.DagsterInstance) -> str | None:
    """The run of a tick that has not ended."""
    running = instance.get_runs(dg.RunsFilter(job_name="tick", statuses=list(UNFINISHED)), limit=1)
    return running[0].run_id if running else None


@dg.schedule(job=tick, cron_schedule="2 * * * *", execution_timezone="UTC")
def hourly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour, from where the last completed tick ended: an outage is caught up in one wider window."""
    running = running_tick(context.instance)
    if running:
        yield dg.SkipReason(f"The tick of run {running} is still at work; the next one will cover this hour too.")
        return
    try:
        window = due_window(Home.from_environment())
    except HourbellError as error:
        yield dg.SkipReason(str(error))
        return
    if window is None:
        yield dg.SkipReason("Everything up to the last full hour has been decided.")
        return
    # one that was interrupted comes again, and a key is run once only
    key = f"{window.start.isoformat()}/{window.end.isoformat()} at {context.scheduled_execution_time.isoformat()}"
    yield dg.RunRequest(run_key=key, tags=window_tags(window))


nightly_checks = dg.ScheduleDefinition(
    name="nightly_checks", job=checks, cron_schedule="30 4 * * *", execution_timezone="UTC"
)
