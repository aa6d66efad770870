"""Templates as they will look, without anybody to write to."""

from dagster_project.render.render import View, render_templates

__all__ = ["View", "render_templates"]
