"""The collector on our data directory, and the landing of what it took in."""

import os

from starlette.applications import Starlette

from activations.collector.app import create_app
from activations.collector.collector import Collector
from activations.collector.sealing import seal_collected
from activations.collector.store import CollectedLog, Store
from activations.collector.write_keys import write_keys
from activations.delivery import TEMPLATES
from activations.profile import silent_profile
from activations.spool import land_spool
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.landing.load import load
from dagster_project.registry import registered_workflows


def app() -> Starlette:
    """The collector as the environment describes it; each process that serves makes its own."""
    home = Home.from_environment()
    return create_app(
        Collector(
            write_keys=write_keys(os.environ),
            profile=silent_profile(home.sandbox),
            templates=TEMPLATES,
            now=utc_now,
            store=Store(CollectedLog(home.collected), utc_now),
            workflows=frozenset(registered_workflows()),
            data=home.root,
        )
    )


def land_collected(home: Home) -> None:
    """Land what the collector has taken in until now; it may go on meanwhile."""
    if seal_collected(home.collected, home.spool):
        land_spool(home.spool, lambda spool: load(spool, home.landing, utc_now()))
