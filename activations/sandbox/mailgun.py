"""Mailgun as the sandbox plays it: messages, which takes the same message any number of times."""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = re.compile(r"/mailgun/v3/([a-z0-9.-]+)/messages")
_ADDRESS = re.compile(r"[^@\s,]+@[^@\s,]+")
_MOST_OPTIONS = 16 * 1024
"""Bytes of all headers, variables and options."""


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Mailgun says to a request to send a mail to one recipient."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    to = form.get("to", "")
    at = _PATH.fullmatch(path)
    if at is None:
        return ProviderAnswer(to, _reply(404, "Not Found"))
    if headers.get("authorization") != f"Basic {base64.b64encode(f'api:{TOKEN}'.encode()).decode()}":
        # the real one has no JSON here either
        return ProviderAnswer(to, Reply(401, {"content-type": "text/html"}, "Forbidden"))
    if fault := _fault(form):
        return ProviderAnswer(to, _reply(400, fault))
    message_id = form.get("h:Message-Id") or f"<{uuid.uuid4().hex}@{at[1]}>"
    taken = {"id": message_id, "message": "Queued. Thank you."}
    # kept by a number of its own: the same id may come again
    kept = f"{message_id} {uuid.uuid4().hex}"
    return ProviderAnswer(to, Reply(200, {"content-type": "application/json"}, json.dumps(taken)), kept)


def _fault(form: Mapping[str, str]) -> str | None:
    for name in ("from", "to"):
        if not form.get(name):
            return f"{name} parameter is missing"
    if not _ADDRESS.fullmatch(form["to"]):
        return "to parameter is not a valid address. please check documentation"
    if not form.get("text") and not form.get("html"):
        return "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
    options = sum(len(f"{name}{value}".encode()) for name, value in form.items() if name[:2] in ("h:", "o:", "v:"))
    if options > _MOST_OPTIONS:
        return "send options (parameters starting with o:, h:, or v:) are limited to 16 kB total"
    return None


def _reply(status: int, message: str) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps({"message": message}))
