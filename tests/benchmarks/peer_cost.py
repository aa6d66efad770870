"""Sign-up, webhook, wait, branch, mail: Hourbell beside django-drip-campaigns, in one run and into the same sinks.

    python tests/benchmarks/peer_cost.py --contacts 100000 --peer-contacts 3000
    python tests/benchmarks/peer_cost.py --batch 250

Each contact gets one webhook and one e-mail. Hourbell does all of its work: files land and pass the quality gate, two
ticks run through dbt, the gate out looks, and delivery keeps its journal and receipts. The peer does its own: rules
over Django's tables in SQLite, mail over Django's SMTP backend, calls by a message class of its own; its users
are there already, which is not counted. It has no journal, no consent, no caps and no holdouts. It gets an environment
of its own (`--environment` keeps it between runs).

Hourbell runs twice: with a call for each webhook, and with 250 webhooks a call, as `batch` in webhooks.yml has it where
the receiver takes that. The peer has nothing like it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from checkouts import change_settings, copy_project, keep_workflows
from sinks import sink

from dagster_project.command.show import console, table

PEER = Path(__file__).with_name("peer")
NEEDS = ("django-drip-campaigns==1.16.2", "requests==2.34.2")
STEPS = ["entered", "call", "by_half", "first_half", "second_half"]
TIMES_FASTER, SHARE_OF_CPU = 15, 0.1
BATCHES = (1, 250)


def checkout(folder: Path, batch: int = 1) -> Path:
    """A copy of the product whose one workflow is the flow, with so many webhooks a call."""
    copy_project(folder)
    keep_workflows(folder, ())
    shutil.copytree(PEER / "signup_flow", folder / "dbt" / "models" / "workflows" / "signup_flow")

    def with_the_flow(settings: dict[str, Any]) -> None:
        # everybody is to get both
        settings["global_holdout"] = 0
        flow = {"status": "live", "priority": 5, "longest_path": "2 days", "steps": STEPS}
        settings["workflows"]["signup_flow"] = flow

    change_settings(folder, with_the_flow)
    path = folder / "activations" / "templates" / "webhooks.yml"
    endpoints = yaml.safe_load(path.read_text())
    endpoints["order_desk"]["batch"] = batch
    path.write_text(yaml.safe_dump(endpoints))
    return folder


def run(python: Path, program: Path, *arguments: object, path: Path | None = None) -> dict[str, Any]:
    """Run a program to its end; what it says last is JSON."""
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [str(python), str(program), *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise SystemExit(f"{program.name} failed:\n{done.stderr[-4_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def environment_of_the_peer(folder: Path) -> Path:
    """The Python of an environment with the peer in it, made where it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        console.print("The peer's environment is made …")
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *NEEDS], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--peer-contacts", type=int, default=3_000)
    parser.add_argument("--environment", type=Path, help="where the peer's environment is kept")
    parser.add_argument("--batch", type=int, action="append", help="webhooks a call; 1 and then 250, unless given")
    options = parser.parse_args()
    with (
        TemporaryDirectory(prefix="hourbell-peer-") as name,
        sink("smtp") as (smtp_port, mails),
        sink("http") as (http_port, calls),
    ):
        folder = Path(name)
        peer_python = environment_of_the_peer(options.environment or folder / "environment")
        ports = (smtp_port, http_port)
        expected = 0
        ours = {}
        for batch in options.batch or BATCHES:
            copy, own = checkout(folder / f"checkout-{batch}", batch), folder / f"ours-{batch}"
            console.print(f"Hourbell, {options.contacts:,} contacts, {_a_call(batch)} …")
            own.mkdir()
            ours[batch] = run(Path(sys.executable), PEER / "product.py", options.contacts, *ports, own, path=copy)
            expected += options.contacts
            assert (mails(), calls()) == (expected, expected), (mails(), calls(), ours)
        console.print(f"django-drip-campaigns, {options.peer_contacts:,} contacts …")
        (folder / "theirs").mkdir()
        theirs = run(peer_python, PEER / "drips.py", options.peer_contacts, *ports, folder / "theirs")
        expected += options.peer_contacts
        assert (mails(), calls()) == (expected, expected), (mails(), calls())
    show(ours, theirs)


def show(ours: Mapping[int, dict[str, Any]], theirs: dict[str, Any]) -> None:
    """Print all, and how they compare; ours by the webhooks of a call."""
    parts = [(part, *(each["parts"][part] for each in ours.values())) for part in next(iter(ours.values()))["parts"]]
    table("Where Hourbell's time went, in seconds", ["part", *map(_a_call, ours)], parts)
    rows = []
    for batch, each in ours.items():
        rates = [one["contacts"] / one["seconds"] for one in (each, theirs)]
        cpus = [1e3 * one["cpu"] / one["contacts"] for one in (each, theirs)]
        rows += [
            (_a_call(batch), "contacts a second", *rates, rates[0] / rates[1], f"at least {TIMES_FASTER}"),
            (_a_call(batch), "CPU a contact, in ms", *cpus, cpus[0] / cpus[1], f"at most {SHARE_OF_CPU}"),
        ]
    table(
        "A webhook and an e-mail each",
        ["Hourbell's webhooks", "what", "Hourbell", "peer", "ratio", "goal"],
        rows,
        caption="The peer has no journal, consent, caps or holdouts; that its users come to be is not counted.",
    )


def _a_call(webhooks: int) -> str:
    return f"{webhooks} a call"


if __name__ == "__main__":
    main()
