"""hourbell reports"""

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from activations.errors import HourbellError
from dagster_project.command.show import console
from dagster_project.home import Home
from dagster_project.reports import build

HOST = "127.0.0.1"


def build_reports(
    opened: Annotated[bool, typer.Option("--open", help="Show the pages in a browser.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the pages on this machine until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Where they are served.")] = 8731,
) -> None:
    """Dashboards of dbt/reports/ as pages, from the published marts. They ask no other machine for anything.

    Example: hourbell reports --open
    """
    built = build(Home.from_environment())
    for failure in built.failures:
        console.print(f"[yellow]{escape(failure)}[/]", highlight=False, soft_wrap=True)
    console.print(f"{len(built.pages)} pages: {built.start}", highlight=False, soft_wrap=True)
    if serve:
        _serve(built.folder, port, opened=opened)
    elif opened:
        webbrowser.open(built.start.as_uri())
    if built.failures:
        raise typer.Exit(1)


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of each request, and has the browser ask for the newest page."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def server_of(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the pages for this machine alone; raises HourbellError where the port is taken."""
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise HourbellError(f"Port {port} cannot be served: {error.strerror}. Name another with --port.") from error


def _serve(folder: Path, port: int, *, opened: bool) -> None:
    with server_of(folder, port) as server:
        address = f"http://{HOST}:{server.server_port}/"
        console.print(f"Served at {address} until Ctrl-C.", highlight=False, soft_wrap=True)
        if opened:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("No longer served.")
