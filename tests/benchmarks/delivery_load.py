"""A million actions through delivery, into a sink on loopback: the rate, the memory, and what signing costs.

    python tests/benchmarks/delivery_load.py --channel email --actions 1000000
    python tests/benchmarks/delivery_load.py --channel webhook --actions 100000 --processes 2

Everything is as in production: journal and receipts on disk, templates rendered, one message an action. The sink runs
in a process of its own on the same machine, so it takes its share.
"""

import argparse
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from sinks import HOST, sink

from activations.channels import email, webhook
from activations.channels.face import Setting
from activations.delivery.delivery import TEMPLATES, deliver
from activations.delivery.outbox import SCHEMA, outbox_files, read_actions
from activations.journal.place import sqlite_url
from activations.keys.dkim import DkimKey, signed
from activations.keys.signing import signed_headers, signing_key
from activations.settings.profile import Profile, SmtpServer
from dagster_project.command.show import progress, table

NOW = datetime(2026, 3, 2, 10)
GOALS = {"email": 2_000, "webhook": 5_000}
ACTIONS_A_FILE = 100_000
MEASURED_EVERY = 0.5
SIGNED = 2_000


def write_actions(outbox: Path, channel: str, actions: int, **otherwise: pl.Expr) -> None:
    """Outbox files of so many actions, each to somebody else, in the order that a tick writes them.

    `otherwise` says what other columns hold than they would, by the `number` of the action.
    """
    number = pl.col("number")
    for first in range(0, actions, ACTIONS_A_FILE):
        numbers = pl.select(number=pl.int_range(first, min(first + ACTIONS_A_FILE, actions)))
        tick_end = NOW - timedelta(hours=1) + timedelta(seconds=first // ACTIONS_A_FILE)
        columns = {
            "action_id": (number.hash(7) // 2).cast(pl.Int64),
            "tick_end": pl.lit(tick_end),
            "workflow": pl.lit("abandoned_cart"),
            "step": pl.lit("reassurance"),
            "enrollment_id": number,
            "contact_id": number,
            "kind": pl.lit("send"),
            "channel": pl.lit(channel),
            "address": pl.format("person{}@example.com", number),
            "template": pl.lit("cart_reassurance" if channel == "email" else "order_desk"),
            "topic": pl.lit("offers"),
            "topic_kind": pl.lit("promotional"),
            "variant": pl.lit(None, pl.String),
            "locale": pl.lit("en-GB"),
            "timezone": pl.lit("Europe/London"),
            "profile": pl.concat_str(pl.lit('{"user_id":"u'), number, pl.lit('","first_name":"Ann"}')),
            "context": pl.concat_str(
                pl.lit('{"cart_id":"cart-'), number, pl.lit('","cart_value":49.9,"item_count":2}')
            ),
            "send_after": pl.lit(tick_end),
            "expires_at": pl.lit(NOW + timedelta(days=1)),
        }
        rows = numbers.select(**columns | otherwise).sort("action_id")
        path = outbox / f"tick={tick_end:%Y%m%dT%H%M%SZ}" / f"{channel}.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(rows.to_arrow().cast(SCHEMA), path)


class Usage(threading.Thread):
    """CPU of this process and those that deliver with it, and their resident memory, looked at all the while."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._enough = threading.Event()
        self._without = {process.pid for process in multiprocessing.active_children()}
        self.megabytes: list[float] = []

    def run(self) -> None:
        while not self._enough.wait(MEASURED_EVERY):
            others = descendants(os.getpid(), self._without)
            self.megabytes.append(sum(resident(process) for process in (os.getpid(), *others)))

    def stop(self) -> None:
        self._enough.set()
        self.join()

    @property
    def cpu_seconds(self) -> float:
        """Of this process, and of those that have delivered with it and are done."""
        elsewhere = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + elsewhere.ru_utime + elsewhere.ru_stime

    def peak(self, start: float, end: float) -> float:
        """The most between two parts of the time, from 0 to 1."""
        count = len(self.megabytes)
        return max(self.megabytes[int(start * count) : max(int(end * count), 1)], default=0.0)


def resident(process: int) -> float:
    """Memory of a process in MB, without what it shares with those that were born beside it."""
    try:
        _, pages, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except FileNotFoundError:
        return 0.0
    own = int(pages) if process == os.getpid() else int(pages) - int(shared)
    return own * resource.getpagesize() / 1e6


def descendants(ancestor: int, without: Collection[int]) -> set[int]:
    """The processes below one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    below = {ancestor}
    for process in sorted(parents):
        if parents[process] in below and process not in without:
            below.add(process)
    return below - {ancestor}


def signing_seconds(root: Path, channel: str) -> float:
    """What signing takes for one message of a channel, in seconds."""
    outbox = root / "few"
    write_actions(outbox, channel, SIGNED)
    batch = next(iter(read_actions(outbox_files(outbox)[0], SIGNED)))
    setting = Setting(Profile("sandbox", SmtpServer(HOST, 0), http_sandbox="http://"), lambda: NOW, root, TEMPLATES)
    opened = (email if channel == "email" else webhook).open_channel(setting)
    messages = [opened.render(action, opened.message_id(action.action_id)) for action in batch]
    key = dkim()
    secret = signing_key("whsec_" + "c2VjcmV0" * 4)
    started = time.perf_counter()
    for message in messages:
        if channel == "email":
            signed(message.content, key, domain="shop.example", signed_at=NOW)
        else:
            signed_headers(secret, message.message_id, 0, message.content)
    return (time.perf_counter() - started) / len(messages)


def dkim() -> DkimKey:
    """A key of 2,048 bits, as mailboxes ask for."""
    return DkimKey("s1", generate_private_key(65537, 2048))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channel", choices=sorted(GOALS), default="email")
    parser.add_argument("--actions", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, help="as `hourbell deliver` would choose, unless given")
    parser.add_argument("--dkim", action="store_true", help="sign e-mails, too")
    options = parser.parse_args()
    kind = "smtp" if options.channel == "email" else "http"
    with TemporaryDirectory(prefix="hourbell-load-") as folder, sink(kind) as (port, received):
        root = Path(folder)
        write_actions(root / "outbox", options.channel, options.actions)
        profile = Profile("sandbox", SmtpServer(HOST, port), http_sandbox=f"http://{HOST}:{port}")
        if options.dkim:
            profile = replace(profile, dkim=dkim())
        usage = Usage()
        usage.start()
        used = usage.cpu_seconds
        with progress() as bar:
            task = bar.add_task("Delivering", total=options.actions)
            account = deliver(
                root / "outbox",
                sqlite_url(root / "journal.sqlite"),
                spool=root / "spool",
                profile=profile,
                now=NOW,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                processes=options.processes,
            )
        used = usage.cpu_seconds - used
        usage.stop()
        assert account.accepted == received() == options.actions, (account, received())
        signing = signing_seconds(root, options.channel)
    rate = options.actions / account.seconds
    table(
        f"{options.actions:,} actions by {options.channel}, processes: {options.processes or 'a core each'}",
        ["what", "figure"],
        [
            ("actions a second", rate),
            ("goal, on 2 cores", GOALS[options.channel]),
            ("CPU of delivery an action, in ms", 1e3 * used / options.actions),
            ("signing one message, in ms", 1e3 * signing),
            ("peak memory in the first third, MB", usage.peak(0, 1 / 3)),
            ("peak memory in the second third, MB", usage.peak(1 / 3, 2 / 3)),
            ("peak memory in the last third, MB", usage.peak(2 / 3, 1)),
        ],
    )


if __name__ == "__main__":
    main()
