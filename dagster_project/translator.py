"""How dbt models look in Dagster's lineage."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from dagster_project.freshness import HOURLY

EARLIER_TICKS = "past"


class Translator(DagsterDbtTranslator):
    """One group for each workflow, named owners, and the source's own keys for what has landed."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        # what is asked of earlier ticks is no dependency within the tick; Dagster would see a circle
        spec = spec.replace_attributes(deps=[dep for dep in spec.deps if dep.asset_key.path[0] != EARLIER_TICKS])
        node = manifest["nodes"].get(unique_id) or manifest["sources"].get(unique_id)
        if node is None or node["resource_type"] != "model":
            return spec
        return spec.replace_attributes(
            group_name=_group(node),
            owners=_owners(manifest, node),
            kinds={"dbt", "duckdb", node["config"]["materialized"]},
            freshness_policy=HOURLY,
        ).merge_attributes(tags=_tags(node))


def _group(node: Mapping[str, Any]) -> str:
    """The workflow of a step; the folder of anything else."""
    folders = node["fqn"][1:-1]
    return folders[1] if folders[0] == "workflows" and len(folders) > 1 else folders[0]


def _owners(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> list[str]:
    """The address of the dbt group's owner."""
    for group in manifest["groups"].values():
        if group["name"] == node["config"].get("group"):
            return [group["owner"]["email"]]
    return []


def _tags(node: Mapping[str, Any]) -> dict[str, str]:
    return {"hourbell/access": str(node["access"])}
