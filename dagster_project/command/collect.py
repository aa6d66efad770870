"""hourbell collect"""

import os
from typing import Annotated

import typer

from activations.collector.serving import listen, serve
from activations.collector.write_keys import WRITE_KEY, write_keys
from dagster_project.command.show import console
from dagster_project.home import Home


def collect(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes one that is free.")] = 8787,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 listens to other machines too; put TLS in front of it.")
    ] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
) -> None:
    """Take in events over HTTP: from the clients of Segment, RudderStack, PostHog and Snowplow, and your own systems.

    What is answered with 200 is on disk, and the next tick lands it. Events are taken from who has a write key; links,
    pages, forms and webhooks need none, and where no key is set they are all that is served. Stop it with Ctrl-C or
    SIGTERM: what is under way is answered first.

    Example: HOURBELL_WRITE_KEY_SHOP=$(openssl rand -hex 16) hourbell collect

    Example: hourbell collect --host 0.0.0.0 --port 8080 --workers 4
    """
    keys = write_keys(os.environ)
    sources = sorted({*keys.by_source, *keys.apps})
    home = Home.from_environment().prepare()
    listening = listen(host, port)
    console.print(
        f"Collecting on [bold]http://{host}:{listening.getsockname()[1]}[/] into {home.collected}", soft_wrap=True
    )
    told = (
        f"Sources: {', '.join(sources)}."
        if sources
        else f"Links, pages, forms and webhooks only: no events are taken until {WRITE_KEY} is set, or "
        f"{WRITE_KEY}_<SOURCE> for each source."
    )
    console.print(f"{told} Next: [bold]hourbell tick[/]", soft_wrap=True)
    serve("dagster_project.collect:app", listening, workers)
    console.print("Stopped; all that was accepted is on disk.")
