"""What it costs that nothing is sent twice and nothing is forgotten: the deliverer beside the bare clients below it.

    python tests/benchmarks/dispatcher_cost.py --actions 100000

Webhooks beside bare `aiohttp` (single calls, and batches of actions in one call), e-mails beside `aiosmtplib`, all in
one run and into the same sinks. Batches take a sixth of the time, so that four times as many show the pace and not how
long processes take to start. The bare clients render the same messages, and sign what is signed; they keep
no journal and no receipts, and are one process, as such clients are. Deliveries share a backlog among the cores.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import aiosmtplib
import uvloop
from batching import BATCH, open_batches
from delivery_load import NOW, write_actions
from sinks import HOST, sink

from activations.channels import email, webhook
from activations.channels.face import Channel, Message, Setting
from activations.channels.webhook_batch import batched
from activations.delivery.delivery import TEMPLATES, deliver
from activations.delivery.outbox import outbox_files, read_actions
from activations.journal.place import sqlite_url
from activations.keys.signing import signed_headers
from activations.settings.profile import Profile, SmtpServer
from activations.transport.http import CONNECTIONS
from dagster_project.command.show import console, table

REPEATS = 3
BATCHED = f"batches of {BATCH} beside aiohttp"
TIMES_BATCHED = 4


def durable(
    root: Path, channel: str, profile: Profile, opened: Callable[[Setting], Channel], processes: int | None
) -> float:
    """Seconds of a whole delivery, from a journal of its own."""
    account = deliver(
        root / "outbox",
        sqlite_url(root / "journal.sqlite"),
        spool=root / "spool",
        profile=profile,
        now=NOW,
        channels={channel: opened},
        processes=processes,
    )
    assert account.accepted == account.actions, account
    return account.seconds


def rendered(root: Path, channel: Channel) -> list[Message]:
    """The messages of an outbox."""
    return [
        channel.render(action, channel.message_id(action.action_id))
        for file in outbox_files(root / "outbox")
        for batch in read_actions(file, 500)
        for action in batch
    ]


async def bare_calls(setting: Setting, root: Path) -> None:
    channel = webhook.open_channel(setting)
    waiting = rendered(root, channel)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def work() -> None:
            while waiting:
                message = waiting.pop()
                headers = {
                    "content-type": "application/json",
                    **signed_headers(channel.keys["order_desk"], message.message_id, 0, message.content),
                }
                url = f"{setting.profile.http_sandbox}/order_desk"
                async with session.post(url, data=message.content, headers=headers) as response:
                    assert response.status == 200

        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


async def bare_batches(setting: Setting, root: Path) -> None:
    channel = webhook.open_channel(setting)
    messages = rendered(root, channel)
    async with aiohttp.ClientSession() as session:
        for start in range(0, len(messages), BATCH):
            call = batched(messages[start : start + BATCH])
            headers = signed_headers(channel.keys["order_desk"], call.message_id, 0, call.content)
            url = f"{setting.profile.http_sandbox}/order_desk"
            async with session.post(url, data=call.content, headers=headers) as response:
                assert response.status == 200


async def bare_mails(setting: Setting, root: Path) -> None:
    messages = rendered(root, email.open_channel(setting))
    async with aiosmtplib.SMTP(hostname=HOST, port=setting.profile.smtp.port) as client:
        for message in messages:
            await client.sendmail("shop@shop.example", [message.address], message.content)


def bare(work: Callable[[Setting, Path], Awaitable[None]], setting: Setting, root: Path) -> float:
    started = time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(setting, root))  # type: ignore[arg-type]
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=100_000)
    options = parser.parse_args()
    kinds: Mapping[str, tuple[str, Callable[[Setting], Channel], Callable[[Setting, Path], Awaitable[None]], float]] = {
        "webhooks beside aiohttp": ("webhook", webhook.open_channel, bare_calls, 0.7),
        BATCHED: ("webhook", open_batches, bare_batches, 0.5),
        "e-mails beside aiosmtplib": ("email", email.open_channel, bare_mails, 3.0),
    }
    rows = []
    with (
        TemporaryDirectory(prefix="hourbell-dispatcher-") as folder,
        sink("smtp") as (smtp_port, _),
        sink("http") as (http_port, _),
    ):
        profile = Profile("sandbox", SmtpServer(HOST, smtp_port), http_sandbox=f"http://{HOST}:{http_port}")
        for number, (what, (channel, opened, work, goal)) in enumerate(kinds.items()):
            console.print(f"{what} …")
            actions = options.actions * (TIMES_BATCHED if what == BATCHED else 1)
            ours, alone, theirs = [], [], []
            for repeat in range(REPEATS):
                for seconds, processes in ((ours, None), (alone, 1)):
                    root = Path(folder) / f"{number}-{repeat}-{processes}"
                    write_actions(root / "outbox", channel, actions)
                    seconds.append(durable(root, channel, profile, opened, processes))
                theirs.append(bare(work, Setting(profile, lambda: NOW, root, TEMPLATES), root))
            mine, single, bared = (actions / min(seconds) for seconds in (ours, alone, theirs))
            rows.append((what, actions, round(mine), round(single), round(bared), mine / bared, single / bared, goal))
    table(
        f"The best of {REPEATS} runs each",
        ["what", "actions", "a second", "in one process", "bare", "ratio", "in one process", "goal"],
        rows,
    )


if __name__ == "__main__":
    main()
