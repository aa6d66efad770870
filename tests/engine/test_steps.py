"""The unit tests of dbt hold; every step is described, owned and covered by one."""

from engine_world import Engine

from dagster_project.registry import registered_workflows
from dagster_project.ticks.transform import manifest, run_dbt


def test_the_unit_tests_hold_and_every_step_has_one(shop: Engine) -> None:
    results = run_dbt(shop.home, ["test", "--select", "test_type:unit"]).results
    assert len(results) > 100
    failed = [(str(test.node.name), test.message) for test in results if test.status not in ("pass", "success")]
    assert failed == []
    tested = {node for test in manifest().unit_tests.values() for node in test.depends_on.nodes}
    steps = {
        unique_id
        for unique_id, node in manifest().nodes.items()
        if node.resource_type == "model" and node.fqn[1] == "workflows"
    }
    assert len(steps) > 20
    assert steps - tested == set()


def test_every_step_says_what_it_is_for_and_whose() -> None:
    workflows = registered_workflows()
    for node in manifest().nodes.values():
        if node.resource_type != "model" or node.fqn[1:2] != ["workflows"] or node.fqn[2] not in workflows:
            continue
        assert "One row per enrollment" in node.description.strip().split(". ")[-1], node.name
        assert node.config.group == "lifecycle_marketing", node.name
        assert {"goal", "audience", "priority"} <= node.config.meta.keys(), node.name
