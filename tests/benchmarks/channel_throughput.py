"""Messages a second by each channel over HTTP, templates rendered, into a sink that answers as the provider does.

    python tests/benchmarks/channel_throughput.py --actions 100000
    python tests/benchmarks/channel_throughput.py --route postmark --route push --actions 1000000 --processes 2

Everything is as in production: claims, receipts and journal on disk, objections and pauses looked at before each push,
templates rendered, one message an action. Each route delivers so many actions and then twice as many, from a journal
of its own; the rate and the CPU are those of the second, and memory is flat where that needs no more than the first.

The sink is a process of its own on the same machine, so that it takes its share of the cores; what it takes stands in a
column. Where others are at work on the machine, the CPU says more than the rate.
"""

import argparse
import multiprocessing
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from batching import open_batches
from delivery_load import NOW, Usage, write_actions
from sinks import HOST, cpu_of, sink

from activations.channels.face import Channel, Setting
from activations.channels.registry import CHANNELS
from activations.delivery.delivery import TEMPLATES, deliver
from activations.journal.place import sqlite_url
from activations.settings.profile import SMTP, Profile, SmtpServer
from dagster_project.command.show import progress, table

SINGLE, BATCHED = 5_000, 50_000
_NUMBER = pl.col("number")
_PHONE = pl.format("+4477{}", (_NUMBER % 100_000_000 + 900_000_000).cast(pl.String).str.slice(1))
_EMAIL = pl.format("person{}@example.com", _NUMBER)
_NAMED = pl.format(
    '#"user_id":"u{}","email":"{}","phone":"{}","first_name":"Ann{}","country":"GB"~', _NUMBER, _EMAIL, _PHONE, _NUMBER
)
_CART = pl.format(
    '#"cart_id":"cart-{}","cart_value":{}.95,"item_count":{}~', _NUMBER, _NUMBER % 200 + 9, _NUMBER % 5 + 1
)


def _in_braces(text: pl.Expr) -> pl.Expr:
    """As JSON has it: braces are places to polars."""
    return text.str.replace("#", "{", literal=True).str.replace("~", "}", literal=True)


@dataclass(frozen=True)
class Route:
    """A way out, and what the actions hold that take it."""

    channel: str
    goal: int = SINGLE
    carrier: str = SMTP
    columns: Mapping[str, pl.Expr] = field(default_factory=dict)
    opened: Callable[[Setting], Channel] | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    """Files of templates that are not the shop's own."""

    @property
    def channels(self) -> Mapping[str, Callable[[Setting], Channel]]:
        return {self.channel: self.opened or CHANNELS[self.channel]}


def _mail(carrier: str, goal: int = SINGLE) -> Route:
    return Route("email", goal, carrier, {"address": _EMAIL})


def _told(kind: str, context: pl.Expr) -> Mapping[str, pl.Expr]:
    return {"kind": pl.lit(kind), "context": _in_braces(context), "address": _NUMBER.cast(pl.String)}


_DEVICE = {"address": pl.format("device-token-{}:APA91bH", _NUMBER)}
_STAGE = pl.format('#"crm":"crm","field":"cart_value","value":{}~', _NUMBER % 200)
_AUDIENCE = pl.lit('#"audience":"lapsed_buyers"~')
_PAYLOAD = """
text: "{{ contact.first_name | default: 'Somebody' }} left a cart worth {{ context.cart_value | money: 'GBP' }}"
cart: "{{ context.cart_id }}"
"""
ROUTES: Mapping[str, Route] = {
    "push": Route("push", columns=_DEVICE),
    "twilio": Route("sms", columns={"address": _PHONE}),
    "webhook": Route("webhook", columns={"template": pl.lit("order_desk")}),
    "sendgrid": _mail("sendgrid"),
    "mailgun": _mail("mailgun"),
    "postmark": _mail("postmark", BATCHED),
    "ses": _mail("ses", BATCHED),
    "webhook batches": Route(
        "webhook",
        BATCHED,
        columns={"template": pl.lit("order_desk")},
        opened=open_batches,
        written={"order_desk/webhook.yml": _PAYLOAD},
    ),
    "hubspot": Route("crm", BATCHED, columns=_told("update_crm", _STAGE)),
    "meta": Route("audience", BATCHED, columns=_told("join_audience", _AUDIENCE)),
}


@dataclass(frozen=True)
class Measured:
    """What a delivery took."""

    rate: float
    microseconds: float
    sink_microseconds: float
    megabytes: float


def measure(route: Route, actions: int, processes: int | None, shown: Callable[[int], object]) -> Measured:
    """Deliver so many actions, and see that the sink has each of them."""
    columns = {
        "template": pl.lit("cart_reminder"),
        "profile": _in_braces(_NAMED),
        "context": _in_braces(_CART),
        **route.columns,
    }
    with TemporaryDirectory(prefix="hourbell-throughput-") as folder, sink("http") as (port, received):
        [server] = multiprocessing.active_children()
        assert server.pid is not None
        root = Path(folder)
        write_actions(root / "outbox", route.channel, actions, **columns)
        templates = _templates(root / "templates", route.written)
        profile = Profile("sandbox", SmtpServer(HOST, 0), http_sandbox=f"http://{HOST}:{port}")
        usage = Usage()
        usage.start()
        used, used_there = usage.cpu_seconds, cpu_of(server.pid)
        account = deliver(
            root / "outbox",
            sqlite_url(root / "journal.sqlite"),
            spool=root / "spool",
            profile=replace(profile, mail_carrier=route.carrier),
            now=NOW,
            channels=route.channels,
            templates=templates,
            progress=lambda done, total: shown(done),
            processes=processes,
        )
        used, used_there = usage.cpu_seconds - used, cpu_of(server.pid) - used_there
        usage.stop()
        assert account.accepted == received() == actions, (account, received())
    each = 1e6 / actions
    return Measured(actions / account.seconds, used * each, used_there * each, usage.peak(0, 1))


def _templates(folder: Path, written: Mapping[str, str]) -> Path:
    """The shop's templates with those of a route."""
    shutil.copytree(TEMPLATES, folder)
    for name, content in written.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--route", choices=list(ROUTES), action="append", help="all of them, unless given")
    parser.add_argument("--actions", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    rows = []
    with progress() as bar:
        for name in options.route or ROUTES:
            route = ROUTES[name]
            task = bar.add_task(name, total=3 * options.actions)

            def shown(done: int, task=task) -> None:
                bar.update(task, completed=done)

            def shown_after(done: int, task=task) -> None:
                bar.update(task, completed=options.actions + done)

            once = measure(route, options.actions, options.processes, shown)
            twice = measure(route, 2 * options.actions, options.processes, shown_after)
            bar.remove_task(task)
            rows.append(
                (
                    name,
                    int(twice.rate),
                    route.goal,
                    int(twice.microseconds),
                    int(twice.sink_microseconds),
                    int(once.megabytes),
                    int(twice.megabytes),
                )
            )
    table(
        f"{options.actions:,} actions and {2 * options.actions:,} by each route, processes: {options.processes}",
        ["route", "a second", "goal", "CPU µs each", "sink's µs each", "MB", "MB at twice"],
        rows,
        caption="The goal is for two cores. Memory is that of all processes that deliver, at its peak.",
    )


if __name__ == "__main__":
    main()
