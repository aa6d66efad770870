"""The pages, built from what was published."""

import dagster as dg

from activations.errors import HourbellError
from dagster_project.defs.delivery import OWNERS
from dagster_project.freshness import HOURLY
from dagster_project.home import Home
from dagster_project.reports import build
from dagster_project.reports.site import SITE, START

CHECK = "every_page_has_its_figures"


@dg.asset(
    key=["published", "reports"],
    group_name="published",
    description="The pages of dbt/reports as a static site, swapped in as a whole after each publish.",
    kinds={"html"},
    owners=OWNERS,
    freshness_policy=HOURLY,
    deps=[["published", "marts"]],
    check_specs=[dg.AssetCheckSpec(CHECK, asset=["published", "reports"], description="No query of a page failed.")],
    pool="reports",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
)
def reports(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Build the pages. What cannot be shown is told on its page and by the check; a tick goes on all the same."""
    pages, failures = 0, list[str]()
    try:
        built = build(Home.from_environment())
        pages, failures = len(built.pages), list(built.failures)
    except HourbellError as error:
        failures = [str(error)]
    for failure in failures:
        context.log.error(failure)
    return dg.MaterializeResult(
        metadata={"pages": pages, "start": dg.MetadataValue.path(str(Home.from_environment().reports / SITE / START))},
        check_results=[
            dg.AssetCheckResult(
                passed=not failures,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={f"failure {number}": failure for number, failure in enumerate(failures, start=1)},
            )
        ],
    )
