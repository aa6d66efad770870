"""What a page means, in the words of those who wrote it: metrics of the semantic layer, and what a workflow is for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from activations.errors import HourbellError
from activations.yaml_files import read_yaml
from dagster_project.lint.reading import Workflow
from dagster_project.reports.pages import Block, Page


@dataclass(frozen=True)
class Definition:
    """A metric of the semantic layer."""

    name: str
    label: str
    description: str


def read_definitions(folder: Path) -> dict[str, Definition]:
    """All metrics by name. Raises HourbellError where a file is not as dbt reads it."""
    found = {}
    for path in sorted(folder.glob("*.yml")):
        try:
            stated = read_yaml(path) or {}
            for metric in stated.get("metrics") or []:
                definition = Definition(str(metric["name"]), str(metric["label"]), str(metric["description"]))
                found[definition.name] = definition
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise HourbellError(f"{path} has no metrics as dbt reads them: {error}. `dbt parse` says more.") from error
    return found


def metrics_of(block: Block) -> Iterator[str]:
    """The metrics that a block names."""
    charted: Mapping[str, Any] = block.options.get("metric") or {}
    yield from charted.values()
    for figure in block.options.get("figures") or []:
        if "metric" in figure:
            yield figure["metric"]


def named(page: Page, definitions: Mapping[str, Definition]) -> tuple[Sequence[Definition], Sequence[str]]:
    """What the page's figures mean, in the order of the page; and what it names that nobody defines."""
    names = list(dict.fromkeys(name for block in page.blocks for name in metrics_of(block)))
    known = [definitions[name] for name in names if name in definitions]
    unknown = [
        f"{page.path.name}: there is no metric {name} in dbt/models/marts/semantic/. Name one of those, or define it."
        for name in names
        if name not in definitions
    ]
    return known, unknown


def purpose_of(workflow: Workflow) -> str:
    """Whom a workflow is for and what it is to reach, as the model of its entries says in `meta`."""
    path = workflow.folder / f"_{workflow.name}.yml"
    try:
        models = (read_yaml(path) or {}).get("models") or []
        [meta] = [model["config"]["meta"] for model in models if model["name"] == f"{workflow.name}__entered"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        # a page can do without; of a file that is none dbt tells
        return ""
    told = {"Goal": meta.get("goal"), "For": meta.get("audience")}
    return "\n\n".join(f"**{name}:** {text}" for name, text in told.items() if text)
