"""The workflows as they are written: which macros each step calls, and with what. Nothing is run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes

from activations.errors import HourbellError
from activations.yaml_files import read_yaml

_JINJA = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
# in the order in which they are told without a name
_PARAMETERS = {
    "arrivals": ("previous", "wait", "until", "local_time", "local_window", "weekdays", "branch", "exits"),
    "arrivals_after_event": ("previous", "events", "timeout", "branch", "exits", "carry", "lookback"),
    "branch": ("ways", "otherwise"),
    "entries": ("qualified", "reentry", "holdout", "limit"),
    "experiment": ("name", "contact"),
    "create_crm_task": ("subject", "body", "owner", "due_in_days", "crm", "when", "expires"),
    "call_webhook": ("endpoint", "carry", "when", "expires"),
    "drop_row": ("template", "carry", "when", "expires"),
    "notify": ("person", "text", "subject", "carry", "when", "expires", "channel"),
    "join_audience": ("audience", "when", "expires"),
    "join_crm_list": ("list", "crm", "when", "expires"),
    "leave_crm_list": ("list", "crm", "when", "expires"),
    "leave_audience": ("audience", "when", "expires"),
    "ref": ("model",),
    "set_crm_owner": ("owner", "crm", "when", "expires"),
    "send": ("template", "channels", "topic", "when", "if_held", "expires", "variant"),
    "start_workflow": ("workflow", "carry", "when", "expires"),
    "stop_workflow": ("workflow", "when", "expires"),
    "update_crm": ("field", "value", "crm", "when", "expires"),
}


@dataclass(frozen=True)
class Reference:
    """ref('…')"""

    name: str


@dataclass(frozen=True)
class Call:
    """A macro that a model calls; what is not written out in the call is not known, and left out."""

    macro: str
    line: int
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One model of a workflow."""

    workflow: str
    name: str
    path: Path

    @cached_property
    def calls(self) -> list[Call]:
        """What it calls. Raises HourbellError where it cannot be read."""
        try:
            tree = _JINJA.parse(self.path.read_text())
        except jinja2.TemplateSyntaxError as error:
            raise HourbellError(f"{self.path}:{error.lineno} cannot be read: {error.message}") from error
        return list(_calls(tree))

    @property
    def arrives(self) -> list[Call]:
        return [call for call in self.calls if call.macro in ("arrivals", "arrivals_after_event")]

    def called(self, macro: str) -> list[Call]:
        return [call for call in self.calls if call.macro == macro]

    @property
    def previous(self) -> set[str]:
        """The steps of the same workflow that it reads from."""
        prefix = f"{self.workflow}__"
        names = {call.arguments["model"] for call in self.called("ref") if "model" in call.arguments}
        return {name.removeprefix(prefix) for name in names if name.startswith(prefix)} - {"exited", self.name}


@dataclass(frozen=True)
class Workflow:
    """A folder of steps, and what the registry says of it."""

    name: str
    folder: Path
    steps: Mapping[str, Step]
    settings: Mapping[str, Any] | None

    @property
    def registered(self) -> list[str]:
        return list((self.settings or {}).get("steps") or [])


@dataclass(frozen=True)
class Project:
    """A dbt project, as far as workflows are concerned."""

    registry: Path
    seeds: Path
    templates: Path
    workflows: Sequence[Workflow]
    """Those with a folder, and those of the registry."""
    experiments: Mapping[str, Mapping[str, Any]]

    @property
    def steps(self) -> Iterator[tuple[Workflow, Step]]:
        return ((workflow, step) for workflow in self.workflows for step in workflow.steps.values())


def read_project(folder: Path, templates: Path) -> Project:
    """Read the workflows of a dbt project. Their steps are read when they are asked for."""
    registry = folder / "dbt_project.yml"
    variables = read_yaml(registry)["vars"]
    registered = variables["workflows"]
    models = folder / "models" / "workflows"
    names = sorted({path.parent.name for path in models.glob("*/*__*.sql")} | set(registered))
    workflows = [_read(models / name, registered.get(name)) for name in names]
    return Project(registry, folder / "seeds", templates, workflows, variables.get("experiments") or {})


def _read(folder: Path, settings: Mapping[str, Any] | None) -> Workflow:
    steps = {}
    for path in sorted(folder.glob(f"{folder.name}__*.sql")):
        name = path.stem.removeprefix(f"{folder.name}__")
        steps[name] = Step(folder.name, name, path)
    return Workflow(folder.name, folder, steps, settings)


def _calls(tree: nodes.Template) -> Iterator[Call]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name):
            yield Call(call.node.name, call.lineno, dict(_arguments(call.node.name, call)))


def _arguments(macro: str, call: nodes.Call) -> Iterator[tuple[str, Any]]:
    names = (
        ("model",) if macro == "ref" else _PARAMETERS.get(macro, tuple(str(place) for place in range(len(call.args))))
    )
    given = [*zip(names, call.args, strict=False), *((pair.key, pair.value) for pair in call.kwargs)]
    for name, value in given:
        if isinstance(value, nodes.Call) and isinstance(value.node, nodes.Name) and value.node.name == "ref":
            yield name, Reference(str(value.args[0].as_const()))
            continue
        try:
            yield name, value.as_const()
        except nodes.Impossible:
            continue
