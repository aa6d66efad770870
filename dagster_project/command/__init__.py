"""The `hourbell` command."""

from dagster_project.command.app import app

__all__ = ["app"]
