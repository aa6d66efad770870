"""What the collector takes in a second on one core, and how long an event is on its way into the outbox.

    python tests/benchmarks/collector_load.py --seconds 10
    python tests/benchmarks/collector_load.py --delay --events 5

Load: `hourbell collect` as a process on one core, with batches of Segment's API from another, each answered when it is
on disk. Where others are at work on the machine, the events for each second of the collector's own CPU say more.

Delay: an urgent workflow, Dagster's daemon with its sensor switched on, and `hourbell collect`, each as it runs in
production. An event is posted at a random moment; it has arrived when the file of its tick is in the outbox.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import requests
import yaml
from checkouts import copy_project

from activations.holds.approvals import approve
from dagster_project.command.show import progress, table
from dagster_project.deliver import utc_now
from dagster_project.home import Home

ALARM = Path(__file__).with_name("alarm")
KEY = "write-key-of-the-load"
GOAL = 3_000
BATCH = 50
CONNECTIONS = 8
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def program(folder: Path, home: Path, *arguments: str, core: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """`hourbell` or Dagster of a checkout, as a process of its own, on one core if asked."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONUNBUFFERED": "1",
        "HOURBELL_HOME": str(home),
        "HOURBELL_WRITE_KEY_LOAD": KEY,
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "COLUMNS": "200",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def collector(folder: Path, home: Path, core: int | None = None) -> Iterator[tuple[str, int]]:
    """`hourbell collect` on a free port; yields where it listens, and its process."""
    command = "from dagster_project.command import app; app()"
    with program(folder, home, command, "collect", "--port", "0", core=core) as process:
        assert process.stdout is not None
        found = re.search(r"http://[\w.:]+", process.stdout.readline())
        assert found
        while True:
            try:
                requests.get(f"{found[0]}/health", timeout=60)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield found[0], process.pid


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def batch_of(number: int) -> bytes:
    """A batch as Segment's client for Python sends it."""
    library = {"library": {"name": "analytics-python", "version": "2.4.0"}}
    events = [
        {
            "type": "track",
            "event": "Product Viewed",
            "userId": f"u{(number * BATCH + each) % 20_000}",
            "anonymousId": None,
            "messageId": f"{number:08x}-{each:04x}-4f1a-be18-1139b46b517c",
            "timestamp": "2026-03-02T09:30:00.153+00:00",
            "properties": {"product_id": f"p{each}", "name": "A jug of stoneware", "price": 24.5, "currency": "EUR"},
            "context": {
                **library,
                "page": {"url": "https://shop.example/jugs/7"},
                "campaign": {"source": "newsletter"},
            },
            "integrations": {},
        }
        for each in range(BATCH)
    ]
    return orjson.dumps({"batch": events, "sentAt": "2026-03-02T09:30:00.653+00:00"})


async def send(url: str, bodies: list[bytes], seconds: float) -> list[float]:
    """Send batches over some connections until the time is over; how long each waited for its answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    auth = requests.auth._basic_auth_str(KEY, "")
    waited: list[float] = []
    until = time.monotonic() + seconds

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while bodies and time.monotonic() < until:
            body = bodies.pop()
            head = f"POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: {auth}\r\ncontent-type: application/json\r\n"
            began = time.monotonic()
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in answer.split(b"\r\n", 1)[0], answer
            length = re.search(rb"content-length: (\d+)", answer)
            assert length
            await reader.readexactly(int(length[1]))
            waited.append(time.monotonic() - began)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return waited


def load(seconds: float) -> None:
    """How many events a second are on disk, on one core."""
    cores = sorted(os.sched_getaffinity(0))
    bodies = [batch_of(number) for number in range(int(seconds * 40_000 / BATCH))]
    with TemporaryDirectory(prefix="hourbell-collector-") as name:
        home = Path(name)
        with collector(Path(__file__).resolve().parents[2], home, core=cores[0]) as (url, process):
            os.sched_setaffinity(0, set(cores[1:]) or set(cores))
            used, began = cpu_seconds(process), time.monotonic()
            waited = sorted(asyncio.run(send(url, bodies, seconds)))
            took, cpu = time.monotonic() - began, cpu_seconds(process) - used
        kept = sum(path.stat().st_size for path in (home / "collected").glob("*.jsonl"))
    events = len(waited) * BATCH
    table(
        f"{events:,} events in batches of {BATCH} over {CONNECTIONS} connections, on one core",
        ["what", "found", "goal"],
        [
            ("events a second", events / took, f"at least {GOAL:,}"),
            ("events for a second of CPU", events / cpu, ""),
            ("ms until the answer, median", 1e3 * waited[len(waited) // 2], ""),
            ("ms until the answer, 99 of 100", 1e3 * waited[len(waited) * 99 // 100], ""),
            ("bytes an event on disk", kept / events, ""),
        ],
    )


def urgent_checkout(folder: Path) -> Path:
    """A copy of what runs, with a workflow that calls a webhook at once."""
    copy_project(folder)
    shutil.copytree(ALARM, folder / "dbt" / "models" / "workflows" / "alarm")
    path = folder / "dbt" / "dbt_project.yml"
    project = yaml.safe_load(path.read_text())
    project["vars"]["workflows"]["alarm"] = {
        "status": "live",
        "urgent": True,
        "priority": 5,
        "longest_path": "2 days",
        "steps": ["entered", "call"],
    }
    path.write_text(yaml.safe_dump(project, sort_keys=False))
    return folder


def delay(events: int) -> None:
    """How long an event is on its way from the request into the outbox."""
    chance = random.Random(7)
    with TemporaryDirectory(prefix="hourbell-urgent-") as name, progress() as bar:
        task = bar.add_task("The first tick …", total=events)
        folder = urgent_checkout(Path(name) / "checkout")
        home = Home(Path(name) / "home").prepare()
        (home.root / "dagster").mkdir()
        (home.root / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        approve(home.outbox, "alarm", by="collector_load", at=utc_now())
        command = "from dagster_project.command import app; app()"
        start = "from dagster._cli import main; main()"
        daemon = "from dagster._daemon.cli import main; main()"
        run_to_its_end(folder, home.root, command, "tick")
        bar.update(task, description="Dagster starts …")
        run_to_its_end(folder, home.root, start, "sensor", "start", "urgent")
        answered, found = [], []
        with collector(folder, home.root) as (url, _), program(folder, home.root, daemon, "run"):
            for number in range(events):
                bar.update(task, description=f"Event {number + 1}", completed=number)
                time.sleep(chance.uniform(0, 10))
                before, began = outbox_files(home), time.monotonic()
                event = {"event": "Alarm Raised", "user_id": f"u{number}", "id": number}
                answer = requests.post(
                    f"{url}/v1/events", json=event, headers={"authorization": f"Bearer {KEY}"}, timeout=30
                )
                answer.raise_for_status()
                answered.append(time.monotonic() - began)
                while outbox_files(home) == before:
                    if time.monotonic() - began > 600:
                        raise SystemExit("The event did not come into the outbox.")
                    time.sleep(0.02)
                found.append(time.monotonic() - began)
            tell_delays(answered, found)


def tell_delays(answered: list[float], found: list[float]) -> None:
    table(
        "From the request into the outbox of an urgent workflow",
        ["event", "seconds to the answer", "seconds to the outbox"],
        [(number + 1, *both) for number, both in enumerate(zip(answered, found, strict=True))],
        caption=f"Longest: {timedelta(seconds=round(max(found)))}. The first one finds Dagster while it starts.",
    )


def run_to_its_end(folder: Path, home: Path, *arguments: str) -> None:
    with program(folder, home, *arguments) as process:
        said = process.communicate(timeout=600)[0]
        if process.returncode:
            raise SystemExit(f"{arguments} failed:\n{said[-4_000:]}")


def outbox_files(home: Home) -> set[Any]:
    return set(home.outbox.glob("tick=*/webhook.parquet"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--delay", action="store_true", help="measure the delay instead of the load")
    parser.add_argument("--events", type=int, default=5)
    options = parser.parse_args()
    if options.delay:
        delay(options.events)
    else:
        load(options.seconds)


if __name__ == "__main__":
    main()
