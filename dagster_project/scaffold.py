"""A new workflow, begun as a copy of one that is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activations.errors import HourbellError
from activations.yaml_files import read_yaml

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Begun:
    """What was written for a new workflow."""

    folder: Path
    files: list[Path]
    priority: int
    experiments: list[str]
    """Those that it draws, each counted by an entry of its own."""


def begin_workflow(project: Path, templates: Path, name: str, like: str) -> Begun:
    """Write a workflow's folder (its steps, what it is for, its tests) and its entry in the registry of a dbt project,
    and one for each experiment that it draws.

    It begins closed: nobody enters yet. Raises HourbellError where the name cannot be used, or there
    is nothing to copy.
    """
    registry = project / "dbt_project.yml"
    variables = read_yaml(registry)["vars"]
    known = variables["workflows"]
    workflows = project / "models" / "workflows"
    if like not in known:
        raise HourbellError(f"There is no workflow {like} to start from. Take one of {', '.join(sorted(known))}.")
    if not _NAME.fullmatch(name):
        raise HourbellError(f"A workflow cannot be called {name}. Use small letters, digits and single _: winter_sale.")
    if name in known or (workflows / name).exists():
        raise HourbellError(f"There is a workflow {name} already. Choose another name, or change that one.")
    priority = max(settings["priority"] for settings in known.values()) + 10
    experiments = _own_experiments(variables.get("experiments") or {}, name, like)
    text = _with_copy(registry.read_text(), "workflows", like, name, {"status": "closed", "priority": str(priority)})
    for experiment, own in experiments.items():
        text = _with_copy(text, "experiments", experiment, own, {"workflow": name})

    sent = {path.name for path in templates.iterdir()}
    folder = workflows / name
    folder.mkdir()
    files = []
    for source in sorted((workflows / like).iterdir()):
        copy = folder / source.name.replace(like, name)
        copy.write_text(_renamed(_with_own(source.read_text(), experiments), like, name, sent))
        files.append(copy)
    registry.write_text(text)
    return Begun(folder, files, priority, list(experiments.values()))


def _renamed(text: str, like: str, name: str, templates: set[str]) -> str:
    """The text of the new workflow. It sends what the other sends, until it has messages of its own."""
    return re.sub(rf"\w*{like}\w*", lambda word: word[0] if word[0] in templates else word[0].replace(like, name), text)


def _own_experiments(registered: Mapping[str, Mapping[str, object]], name: str, like: str) -> dict[str, str]:
    """What the other workflow's experiments are called in the new one: an experiment is counted at one step only."""
    return {
        experiment: experiment.replace(like, name) if like in experiment else f"{experiment} of {name}"
        for experiment, settings in registered.items()
        if settings.get("workflow") == like
    }


def _with_own(text: str, experiments: Mapping[str, str]) -> str:
    """The text with other names of experiments, where they are called, and told of in descriptions and tests."""
    for experiment, own in experiments.items():
        named = rf"(['\"`]|experiment: ){re.escape(experiment)}(?=['\"`,}}\n])"
        text = re.sub(named, rf"\g<1>{own}", text)
    return text


def _with_copy(text: str, section: str, like: str, name: str, changes: Mapping[str, str]) -> str:
    """The project file with one more entry at the end of a section, a copy but for the changes; all else stays as it is
    written."""
    registry = re.search(rf"^  {section}:\n(?:    .*\n)+", text, flags=re.MULTILINE)
    block = (
        re.search(rf"^    {re.escape(like)}:\n(?:      .*\n)+", registry[0], flags=re.MULTILINE) if registry else None
    )
    if registry is None or block is None:
        raise HourbellError(
            f"The entry of {like} in dbt_project.yml is not written as the others are. Add {name} by hand."
        )
    entry = block.group().replace(f"    {like}:", f"    {name}:", 1)
    for key, value in changes.items():
        entry = re.sub(rf"^      {key}: \w+", f"      {key}: {value}", entry, flags=re.MULTILINE)
    return text[: registry.end()] + entry + text[registry.end() :]
