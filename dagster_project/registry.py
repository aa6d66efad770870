"""The registry of workflows, as dbt's project file has it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from activations.errors import HourbellError
from activations.holds.reputation import Limits
from activations.holds.volume import Breaker
from activations.yaml_files import read_yaml
from dagster_project.home import REPOSITORY

PROJECT_FILE = REPOSITORY / "dbt" / "dbt_project.yml"

Covers = Literal["content", "workflow"]


@dataclass(frozen=True)
class HoldRule:
    """When the gate out holds a workflow."""

    breaker: Breaker
    first_actions: int
    """As many may leave in all before a person has released the workflow."""
    release_covers: Covers
    """content: after a change of SQL or templates it is held anew. workflow: it is not."""


@dataclass(frozen=True)
class DrillRule:
    """What the pages may list of the contacts behind a number."""

    columns: tuple[str, ...]
    """Ids of these kinds; none, where nothing may be listed."""
    limit: int
    """So many of each number at most."""


def drill_rule() -> DrillRule:
    """What the project file allows the pages to list."""
    stated = (_variables().get("reports") or {}).get("drill") or {}
    return DrillRule(tuple(stated.get("columns") or ()), int(stated.get("limit", 0)))


def registered_workflows() -> list[str]:
    """The names of all workflows, from the file itself: a kill switch has no seconds to parse the project."""
    return sorted(_variables()["workflows"])


def steps_by_workflow(project_file: Path = PROJECT_FILE) -> dict[str, list[str]]:
    """The steps of every workflow, in their order."""
    workflows = _variables(project_file)["workflows"]
    return {name: list(settings["steps"]) for name, settings in sorted(workflows.items())}


def experiment_places() -> dict[str, tuple[str, str]]:
    """The workflow and the step at which each experiment is drawn and counted."""
    registered = _variables().get("experiments") or {}
    return {name: (str(settings["workflow"]), str(settings["step"])) for name, settings in registered.items()}


def workflow_statuses() -> dict[str, str]:
    """Whether each workflow takes people in: live, closed, draft."""
    return {name: str(settings["status"]) for name, settings in _variables()["workflows"].items()}


def urgent_workflows() -> list[str]:
    """Those that do not wait for the hour; raises HourbellError where nobody can say whether one does."""
    found = []
    for name, settings in sorted(_variables()["workflows"].items()):
        urgent = settings.get("urgent", False)
        if not isinstance(urgent, bool):
            raise HourbellError(f"{PROJECT_FILE}: {name} has urgent: {urgent}. Write true or false.")
        found += [name] if urgent else []
    return found


def longest_path(workflow: str) -> str:
    """How long anybody stays in a workflow at most, as an interval of SQL."""
    return str(_variables()["workflows"][workflow]["longest_path"])


def registered_steps() -> list[str]:
    """Every step of every workflow, as workflow.step."""
    return sorted(f"{name}.{step}" for name, steps in steps_by_workflow().items() for step in steps)


def hold_rule(workflow: str) -> HoldRule:
    """When a workflow is held, by the project file; raises HourbellError naming what is not understood there."""
    variables = _variables()
    own = (variables["workflows"].get(workflow) or {}).get("gate_out") or {}
    stated: Mapping[str, Any] = {**(variables.get("gate_out") or {}), **own}
    known = {field.name for field in fields(Breaker)}
    unknown = set(stated) - known - {"first_actions", "release_covers"}
    covers = stated.get("release_covers", "content")
    if unknown or covers not in get_args(Covers):
        wrong = ", ".join(sorted(unknown)) or f"release_covers: {covers}"
        raise HourbellError(
            f"{PROJECT_FILE}: gate_out has {wrong} for {workflow}. dbt/README.md lists what it may have."
        )
    breaker = Breaker(**{name: value for name, value in stated.items() if name in known})
    return HoldRule(breaker, int(stated.get("first_actions", 0)), covers)


def reputation_limits() -> Limits:
    """When complaints and bounces warn and stop, by the project file; raises HourbellError for an unknown setting."""
    stated: Mapping[str, Any] = _variables().get("reputation") or {}
    unknown = set(stated) - {field.name for field in fields(Limits)}
    if unknown:
        raise HourbellError(
            f"{PROJECT_FILE}: reputation has {', '.join(sorted(unknown))}. dbt/README.md lists what it may have."
        )
    return Limits(**stated)


def unfiled_models_of_attribution(project: Path) -> list[str]:
    """Registered models of attribution that a dbt project has no file for."""
    stated = _variables(project / PROJECT_FILE.name).get("attribution_models") or []
    folder = project / "models" / "marts" / "attribution"
    return [name for name in stated if not (folder / f"{name}.sql").exists()]


def _variables(project_file: Path = PROJECT_FILE) -> dict[str, Any]:
    variables: dict[str, Any] = read_yaml(project_file)["vars"]
    return variables
