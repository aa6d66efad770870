"""A site that tests look at."""

from dataclasses import dataclass

import duckdb

from dagster_project.home import Home
from dagster_project.reports import Built
from dagster_project.reports.pages import Page


@dataclass(frozen=True)
class Site:
    """A built site, its pages as they were written, and the marts that it is of."""

    home: Home
    built: Built
    pages: dict[str, Page]
    marts: duckdb.DuckDBPyConnection
    address: str
