"""What can be seen to be wrong with workflows by reading them, before anything runs."""

from dagster_project.lint.checks import lint
from dagster_project.lint.finding import Finding

__all__ = ["Finding", "lint"]
