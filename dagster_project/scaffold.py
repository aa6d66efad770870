"""A new workflow, begun as a copy of one that is there."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from activations.errors import HourbellError

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Begun:
    """What was written for a new workflow."""

    folder: Path
    files: list[Path]
    priority: int


def begin_workflow(project: Path, templates: Path, name: str, like: str) -> Begun:
    """Write a workflow's folder (its steps, what it is for, its tests) and its entry in the registry of a dbt project.

    It begins closed: nobody enters yet. Raises HourbellError where the name cannot be used, or there
    is nothing to copy.
    """
    registry = project / "dbt_project.yml"
    known = yaml.safe_load(registry.read_text())["vars"]["workflows"]
    workflows = project / "models" / "workflows"
    if like not in known:
        raise HourbellError(f"There is no workflow {like} to start from. Take one of {', '.join(sorted(known))}.")
    if not _NAME.fullmatch(name):
        raise HourbellError(f"A workflow cannot be called {name}. Use small letters, digits and single _: winter_sale.")
    if name in known or (workflows / name).exists():
        raise HourbellError(f"There is a workflow {name} already. Choose another name, or change that one.")
    priority = max(settings["priority"] for settings in known.values()) + 10
    text = _with_entry(registry.read_text(), name, like, priority)

    folder = workflows / name
    folder.mkdir()
    files = []
    for source in sorted((workflows / like).iterdir()):
        copy = folder / source.name.replace(like, name)
        copy.write_text(_renamed(source.read_text(), like, name, {path.name for path in templates.iterdir()}))
        files.append(copy)
    registry.write_text(text)
    return Begun(folder, files, priority)


def _renamed(text: str, like: str, name: str, templates: set[str]) -> str:
    """The text of the new workflow. It sends what the other sends, until it has messages of its own."""
    return re.sub(rf"\w*{like}\w*", lambda word: word[0] if word[0] in templates else word[0].replace(like, name), text)


def _with_entry(text: str, name: str, like: str, priority: int) -> str:
    """The project file with one more workflow, at the end of the registry; all else stays as it is written."""
    block = re.search(rf"^    {like}:\n(?:      .*\n)+", text, flags=re.MULTILINE)
    registry = re.search(r"^  workflows:\n(?:    .*\n)+", text, flags=re.MULTILINE)
    if block is None or registry is None:
        raise HourbellError(
            f"The entry of {like} in dbt_project.yml is not written as the others are. Add {name} by hand."
        )
    entry = block.group().replace(f"    {like}:", f"    {name}:", 1)
    entry = re.sub(r"status: \w+", "status: closed", entry)
    entry = re.sub(r"priority: \d+", f"priority: {priority}", entry)
    return text[: registry.end()] + entry + text[registry.end() :]
