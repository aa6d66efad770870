"""One contact through a whole workflow, before anybody goes through it."""

from dagster_project.preview.preview import Preview, Shown, Stop, preview

__all__ = ["Preview", "Shown", "Stop", "preview"]
