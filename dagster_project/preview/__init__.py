"""One contact through a whole workflow, before anybody goes through it."""

from dagster_project.preview.found import Preview, Shown, Stop, Verdict
from dagster_project.preview.preview import preview

__all__ = ["Preview", "Shown", "Stop", "Verdict", "preview"]
