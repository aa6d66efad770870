"""Copies of what runs, whose workflows a benchmark chooses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import yaml

from dagster_project.home import REPOSITORY


def copy_project(folder: Path) -> None:
    """A copy of all that a tick runs."""
    for part in ("activations", "dagster_project", "dbt", "data/contract", "data/importers", "data/simulator"):
        ignored = shutil.ignore_patterns("target", "logs", "__pycache__")
        shutil.copytree(REPOSITORY / part, folder / part, ignore=ignored)
    for file in ("pyproject.toml", "data/__init__.py"):
        shutil.copy(REPOSITORY / file, folder / file)


def change_settings(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the variables of a copy."""
    path = folder / "dbt" / "dbt_project.yml"
    project = yaml.safe_load(path.read_text())
    change(project["vars"])
    path.write_text(yaml.safe_dump(project, sort_keys=False))


def keep_workflows(folder: Path, kept: Collection[str]) -> None:
    """Take all other workflows out of a copy."""

    def keep(settings: dict[str, Any]) -> None:
        for workflow in settings["workflows"].keys() - set(kept):
            del settings["workflows"][workflow]
            shutil.rmtree(folder / "dbt" / "models" / "workflows" / workflow)
        for name, experiment in list(settings["experiments"].items()):
            if experiment["workflow"] not in kept:
                del settings["experiments"][name]

    change_settings(folder, keep)


def run_within(folder: Path) -> None:
    """Run the same script with the same arguments on a copy."""
    subprocess.run(
        [sys.executable, sys.argv[0], *sys.argv[1:], "--within"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=True,
    )
