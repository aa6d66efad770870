"""hourbell reports"""

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any

import typer
from rich.markup import escape

from activations.errors import HourbellError
from dagster_project.command.show import console
from dagster_project.home import Home
from dagster_project.reports import build
from dagster_project.reports.site import SITE

HOST = "127.0.0.1"


def build_reports(
    opened: Annotated[bool, typer.Option("--open", help="Show the pages in a browser.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the pages on this machine until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Where they are served.")] = 8731,
) -> None:
    """Dashboards of dbt/reports/ as pages, from the published marts. They ask no other machine for anything.

    Example: hourbell reports --open
    """
    home = Home.from_environment()
    built = build(home)
    for failure in built.failures:
        console.print(f"[yellow]{escape(failure)}[/]", highlight=False, soft_wrap=True)
    console.print(f"{len(built.pages)} pages: {built.start}", highlight=False, soft_wrap=True)
    if serve:
        _serve(home, port, opened=opened)
    elif opened:
        webbrowser.open(built.start.as_uri())
    if built.failures:
        raise typer.Exit(1)


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of each request, and has the browser ask for the newest page.

    The documentation is beside the pages, by the way that links lead to it where there is no server.
    """

    def __init__(self, *arguments: Any, home: Home, **more: Any) -> None:
        self.places = {f"/{folder.relative_to(home.root)}/": folder for folder in (home.reports / SITE, home.docs)}
        super().__init__(*arguments, **more)

    def translate_path(self, path: str) -> str:
        for place, folder in self.places.items():
            if path.startswith(place):
                self.directory = str(folder)
                return super().translate_path(path.removeprefix(place.rstrip("/")))
        self.directory = str(next(iter(self.places.values())))
        return super().translate_path(path)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def server_of(home: Home, port: int) -> ThreadingHTTPServer:
    """A server of the pages for this machine alone; raises HourbellError where the port is taken."""
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Quiet, home=home))
    except OSError as error:
        raise HourbellError(f"Port {port} cannot be served: {error.strerror}. Name another with --port.") from error


def _serve(home: Home, port: int, *, opened: bool) -> None:
    with server_of(home, port) as server:
        address = f"http://{HOST}:{server.server_port}/"
        console.print(f"Served at {address} until Ctrl-C.", highlight=False, soft_wrap=True)
        if opened:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("No longer served.")
