"""The way of what the collector took in into landing."""

from activations.collector.sealing import seal_collected
from activations.spool import land_spool
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.landing.load import load


def land_collected(home: Home) -> None:
    """Land what the collector has taken in until now; it may go on meanwhile."""
    seal_collected(
        home.collected,
        home.spool,
        lambda: land_spool(home.spool, lambda spool: load(spool, home.landing, utc_now())),
    )
