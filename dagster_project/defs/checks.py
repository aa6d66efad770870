"""What must always hold: every dbt test is a check on the asset that it looks at."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.models import MANIFEST, asset_key
from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.transform import run_dbt

TESTS = {
    unique_id: node
    for unique_id, node in MANIFEST["nodes"].items()
    if node["resource_type"] == "test" and any(parent.startswith("model.") for parent in node["depends_on"]["nodes"])
}


def _model_of(test: dict) -> str:
    """The model that a test is attached to; the first that it reads where it stands by itself."""
    models = [parent for parent in test["depends_on"]["nodes"] if parent.startswith("model.")]
    return test.get("attached_node") or models[0]


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(test["name"], asset=asset_key(_model_of(test)), description=test.get("description") or None)
        for test in TESTS.values()
    ],
    name="data_tests",
    pool="warehouse",
)
def data_tests() -> Iterator[dg.AssetCheckResult]:
    """Run every dbt test over the whole warehouse."""
    home = Home.from_environment().prepare()
    with tick_lock(home):
        result = run_dbt(home, ["test", "--exclude", "test_type:unit"])
    for outcome in result.results:
        test = TESTS.get(outcome.node.unique_id)
        if test is None:
            continue
        yield dg.AssetCheckResult(
            check_name=test["name"],
            asset_key=asset_key(_model_of(test)),
            passed=str(outcome.status) in ("pass", "warn"),
            metadata={"failures": outcome.failures or 0, "message": outcome.message or ""},
        )
