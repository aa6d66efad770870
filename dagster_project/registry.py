"""The registry of workflows, as dbt's project file has it."""

import yaml

from dagster_project.home import REPOSITORY

PROJECT_FILE = REPOSITORY / "dbt" / "dbt_project.yml"


def registered_workflows() -> list[str]:
    """The names of all workflows, from the file itself: a kill switch has no seconds to parse the project."""
    return sorted(yaml.safe_load(PROJECT_FILE.read_text())["vars"]["workflows"])
