"""What every mart says of itself, and which pages are made of which marts."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from dbt.contracts.graph.nodes import ModelNode

from dagster_project.publish import published_marts
from dagster_project.ticks.transform import manifest

PAGES = {
    "overview",
    "workflow",
    "attribution",
    "experiments",
    "deliverability",
    "audience",
    "data_quality",
    "operations",
}


def marts() -> list[ModelNode]:
    nodes = manifest().nodes.values()
    return [node for node in nodes if isinstance(node, ModelNode) and node.fqn[1] == "marts"]


def lacking(mart: Any) -> list[str]:
    """What a mart does not say of itself."""
    found = [] if mart.config.contract.enforced else ["a contract"]
    found += [] if re.search(r"One row per [^.]+\.$", mart.description.strip()) else ["its grain"]
    found += [] if mart.group else ["an owner"]
    found += [] if mart.columns else ["columns"]
    for column in mart.columns.values():
        if not re.search(r"\w.*\.$", (column.description or "").strip()):
            found.append(f"what {column.name} is")
        if not column.data_type:
            found.append(f"the type of {column.name}")
    return found


def test_every_mart_has_a_contract_its_grain_and_says_what_each_column_is() -> None:
    assert {mart.name: lacking(mart) for mart in marts() if lacking(mart)} == {}
    assert published_marts()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda mart: mart["config"]["contract"].update(enforced=False), "a contract"),
        (lambda mart: mart.update(description="What there is."), "its grain"),
        (lambda mart: mart["columns"]["tick_end"].update(description=""), "what tick_end is"),
        (lambda mart: mart["columns"]["tick_end"].update(data_type=None), "the type of tick_end"),
    ],
    ids=["contract", "grain", "description", "type"],
)
def test_a_mart_that_says_less_is_found_out(spoil: Callable[[dict[str, Any]], None], told: str) -> None:
    [mart] = [mart for mart in marts() if mart.name == "ticks"]
    stated = mart.to_dict()
    spoil(stated)
    assert lacking(ModelNode.from_dict(stated)) == [told]


def test_every_page_is_an_exposure_with_an_owner_and_every_mart_is_on_a_page() -> None:
    exposures = {exposure.name: exposure for exposure in manifest().exposures.values()}
    assert exposures.keys() >= PAGES
    shown = set()
    for exposure in exposures.values():
        assert exposure.owner.email
        assert exposure.description.endswith(".")
        assert exposure.maturity
        shown |= {manifest().nodes[unique_id].name for unique_id in exposure.depends_on.nodes}
    assert shown <= {mart.name for mart in marts() if mart.name in published_marts()}
    assert set(published_marts()) <= shown
