"""The collector on our data directory."""

import csv
import os

from starlette.applications import Starlette

from activations.collector.app import create_app
from activations.collector.choices import choices
from activations.collector.collector import Collector
from activations.collector.provider_secrets import provider_secrets
from activations.collector.serving import end_with_parent
from activations.collector.store import CollectedLog, Store
from activations.collector.write_keys import write_keys
from activations.delivery.delivery import TEMPLATES
from activations.settings.environment import silent_profile
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.ticks.transform import DBT


def app() -> Starlette:
    """The collector as the environment describes it; each process that serves makes its own."""
    end_with_parent()
    home = Home.from_environment()
    return create_app(
        Collector(
            write_keys=write_keys(os.environ),
            profile=silent_profile(home.sandbox),
            templates=TEMPLATES,
            now=utc_now,
            store=Store(CollectedLog(home.collected), utc_now),
            workflows=frozenset(registered_workflows()),
            secrets=provider_secrets(os.environ),
            choices=choices(_seed("topics"), _seed("channels")),
            data=home.root,
        )
    )


def _seed(name: str) -> list[dict[str, str]]:
    """A registry of dbt's, as rows."""
    with (DBT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
