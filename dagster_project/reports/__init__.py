"""Dashboards as code: the pages of `dbt/reports/`, built from the published marts into a site that asks nobody."""

from dagster_project.reports.site import Built, build

__all__ = ["Built", "build"]
