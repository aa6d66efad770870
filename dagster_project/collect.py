"""The collector on our data directory."""

import os

from starlette.applications import Starlette

from activations.collector.app import create_app
from activations.collector.collector import Collector
from activations.collector.serving import end_with_parent
from activations.collector.store import CollectedLog, Store
from activations.collector.write_keys import write_keys
from activations.delivery import TEMPLATES
from activations.profile import silent_profile
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.registry import registered_workflows


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
        )
    )
