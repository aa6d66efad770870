"""Dashboards as code: pages of `dbt/reports/`, built from the published marts into a site that asks nobody for anything."""

from dagster_project.reports.site import Built, build

__all__ = ["Built", "build"]
