"""Show what the sandbox received: in a terminal, or as one page for a browser."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from activations.errors import HourbellError
from activations.sandbox.store import Received, count_by, messages
from activations.sandbox.webhooks import ReceivedWebhook, count_by_endpoint, webhooks

PAGE = "received.html"
_BODY_SHOWN = 300

_STYLE = """
body {
  margin: 0 auto; max-width: 900px; padding: 24px; color: #222; background: #f6f6f4;
  font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 22px; }
table { border-collapse: collapse; margin: 0 0 24px; }
td, th { padding: 2px 16px 2px 0; text-align: left; }
td.number { text-align: right; }
details { background: #fff; border: 1px solid #ddd; border-radius: 6px; margin: 0 0 8px; }
summary { padding: 10px 14px; cursor: pointer; }
summary small { color: #666; margin-left: 8px; }
iframe { width: 100%; height: 620px; border: 0; border-top: 1px solid #ddd; }
pre { margin: 0; padding: 14px; border-top: 1px solid #ddd; white-space: pre-wrap; }
"""


def overview(
    folder: Path, *, limit: int = 20, template: str | None = None, recipient: str | None = None
) -> RenderableType:
    """For a rich console: how many messages of each template came, and the newest ones."""
    counts = Table(title="Received by the sandbox", title_justify="left")
    counts.add_column("template")
    counts.add_column("messages", justify="right")
    for name, number in count_by(folder, "template").items():
        counts.add_row(name or "–", f"{number:,}")
    newest = Table(title="The newest", title_justify="left")
    newest.add_column("no.", justify="right")
    for column in ("received (UTC)", "to", "subject", "template"):
        newest.add_column(column)
    for received in messages(folder, template=template, recipient=recipient, newest_first=True, limit=limit):
        newest.add_row(
            str(received.number),
            f"{received.received_at:%Y-%m-%d %H:%M}",
            Text(received.recipient),
            Text(received.subject),
            received.template,
        )
    if endpoints := count_by_endpoint(folder):
        return Group(counts, newest, _webhooks(folder, endpoints, limit))
    return Group(counts, newest)


def _webhooks(folder: Path, endpoints: Mapping[str, int], limit: int) -> Table:
    total = ", ".join(f"{name} {number:,}" for name, number in endpoints.items())
    shown = Table(title=f"Webhooks: {total}", title_justify="left")
    for column in ("received (UTC)", "endpoint", "id", "signed", "body"):
        shown.add_column(column, no_wrap=column != "body")
    for received in webhooks(folder, newest_first=True, limit=limit):
        shown.add_row(
            f"{received.received_at:%Y-%m-%d %H:%M}",
            received.endpoint,
            received.webhook_id,
            "yes" if received.is_signed else "no",
            Text(_readable(received)[:_BODY_SHOWN]),
        )
    return shown


def _readable(received: ReceivedWebhook) -> str:
    """What it says; a form without its signs for what is no letter, and nothing of what is for the recipient's eyes."""
    try:
        text = received.body.decode()
    except UnicodeDecodeError:
        return f"{len(received.body):,} bytes that only the recipient can read"
    if text.startswith(("{", "[")):
        return text
    return " · ".join(f"{name}: {value}" for name, value in parse_qsl(text)) or text


def one_message(received: Received) -> RenderableType:
    """For a rich console: one message with its headers and its text."""
    headers = "\n".join(f"{name}: {value}" for name, value in received.email.items())
    return Group(Panel(Text(headers), title="Headers"), Panel(Text(received.text), title=Text(received.subject)))


def write_page(folder: Path, *, limit: int = 200) -> Path:
    """Write a page that shows the newest messages as a browser would, and return its path.

    What a message contains runs nothing and loads nothing there. Raises HourbellError where it cannot be written.
    """
    counts = "".join(
        f'<tr><td>{escape(name or "–")}</td><td class="number">{number:,}</td></tr>'
        for name, number in count_by(folder, "template").items()
    )
    shown = "".join(_details(received) for received in messages(folder, newest_first=True, limit=limit))
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Received by the sandbox</title>'
        f"<style>{_STYLE}</style></head><body><h1>Received by the sandbox</h1>"
        f"<table><tr><th>template</th><th>messages</th></tr>{counts}</table>{shown}</body></html>"
    )
    path = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise HourbellError(
            f"Cannot write {path}: {error.strerror}. Make room, or give yourself rights to it."
        ) from error
    return path


def _details(received: Received) -> str:
    about = f"{received.recipient} · {received.received_at:%Y-%m-%d %H:%M} · {received.template}"
    return (
        f"<details><summary><strong>{escape(received.subject)}</strong><small>{escape(about)}</small>"
        f'</summary><iframe sandbox loading="lazy" srcdoc="{escape(received.html)}"></iframe>'
        f"<pre>{escape(received.text)}</pre></details>"
    )
