"""The flow with Hourbell; runs on a copy of the checkout that has the workflow in it.

Called with the number of contacts, the ports of the mail and web sinks, and a folder. Prints what it took as JSON.
"""

import json
import logging
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

import polars as pl

from activations.delivery.delivery import TEMPLATES
from activations.holds.approvals import approve
from activations.holds.hold import standing_holds
from activations.settings.profile import Profile, SmtpServer
from dagster_project.deliver import deliver_outbox
from dagster_project.home import Home
from dagster_project.landing.load import load
from dagster_project.registry import registered_workflows
from dagster_project.ticks.tick import run_tick
from dagster_project.ticks.windows import HOUR, Window
from dagster_project.warehouse_setup import prepare_warehouse

FIRST = Window(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10))
SECOND = Window(FIRST.end, FIRST.end + HOUR)


def sign_ups(folder: Path, contacts: int) -> None:
    """The files of a shop where so many people sign up within an hour."""
    number = pl.int_range(contacts, eager=True).alias("number")
    person = {
        "user_id": pl.format("u{}", number),
        "email": pl.format("person{}@example.com", number),
        "source": pl.lit("shop"),
        "occurred_at": pl.lit(FIRST.start) + pl.duration(milliseconds=number * 3_000_000 // contacts),
    }
    name = pl.when(number % 2 == 0).then(pl.lit("Ann")).otherwise(pl.lit("Bob"))
    tables = {
        "contacts": pl.select(**person, first_name=name, country=pl.lit("GB"), timezone=pl.lit("Europe/London")),
        "consents": pl.select(**person, channel=pl.lit("email"), topic=pl.lit("newsletter"), status=pl.lit("granted")),
    }
    for table, rows in tables.items():
        (folder / table).mkdir(parents=True)
        rows.write_parquet(folder / table / "sign-ups.parquet")


def main() -> None:
    contacts, smtp_port, http_port, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    logging.disable(logging.WARNING)
    home = Home(folder / "home").prepare()
    sign_ups(folder / "files", contacts)
    prepare_warehouse(home)
    for workflow in registered_workflows():
        approve(home.outbox, workflow, by="peer_cost", at=FIRST.start)
    profile = Profile("sandbox", SmtpServer("127.0.0.1", smtp_port), http_sandbox=f"http://127.0.0.1:{http_port}")
    # the flow goes live with a tick of its own: who signed up before would not enter
    run_tick(home, Window(FIRST.start - HOUR, FIRST.start))
    parts = {}
    used, started = cpu_seconds(), time.monotonic()
    for table in ("contacts", "consents"):
        load(folder / "files" / table, home.landing, FIRST.start)
    parts["loading"] = time.monotonic() - started
    accepted = 0
    for name, window in (("first tick", FIRST), ("second tick", SECOND)):
        before = time.monotonic()
        tick = run_tick(home, window)
        assert not tick.broken, tick.failed
        parts[name] = time.monotonic() - before
        # so many at once are held for a person to see
        for hold in standing_holds(home.outbox, TEMPLATES):
            hold.decide("release", by="peer_cost", at=window.end)
        # by then all are due that the gate has spread over the hour
        account = deliver_outbox(home, profile, window.end + HOUR)
        parts[f"delivery after the {name}"] = account.seconds
        accepted += account.accepted
    seconds, cpu = time.monotonic() - started, cpu_seconds() - used
    found = {"contacts": contacts, "seconds": seconds, "cpu": cpu, "accepted": accepted, "parts": parts}
    sys.stdout.write(json.dumps(found) + "\n")


def cpu_seconds() -> float:
    """Of this process and of those that it had."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
