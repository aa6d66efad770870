"""The dbt project, copied to be changed."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from dagster_project.ticks.transform import DBT

TESTS = ("data_tests", "unit_tests")
NOT_COPIED = ("target", "logs", "tests", "*unit_tests.yml")


def copy_project(folder: Path, *without: str) -> Path:
    """Without its tests, which are most of what dbt reads and are not run there, and without some folders."""
    shutil.copytree(DBT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED, *without))
    for file in (folder / "models").rglob("*.yml"):
        described = _without_tests(yaml.load(file.read_text(), yaml.CSafeLoader))
        file.write_text(yaml.dump(described, Dumper=yaml.CSafeDumper, sort_keys=False))
    return folder


def _without_tests(described: Any) -> Any:
    if isinstance(described, dict):
        return {key: _without_tests(value) for key, value in described.items() if key not in TESTS}
    return [_without_tests(value) for value in described] if isinstance(described, list) else described
