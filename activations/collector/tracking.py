"""Opens and clicks: the picture of a dot, and links that lead only where the message pointed."""

import base64
import logging
import re
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.engagement import LABELS, event_name, tracked, who_of
from activations.collector.pages.page import Pages
from activations.errors import HourbellError
from activations.links import CLICK_PATH, OPEN_PATH, SHORT_PATH, Click, Sent, clicking, is_page, opening
from activations.surfaces.short_links import find

SOURCE = "hourbell"
DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
# Apple fetches all pictures of a mail ahead and says no more than this; the others say what they are
_AHEAD = re.compile(r"Mozilla/5\.0\s*")
_PROGRAM = re.compile(
    r"bot\b|crawler|spider|scanner|preview|monitor|headless|curl/|wget/|python-|go-http-client|barracuda|mimecast|proofpoint",
    re.IGNORECASE,
)
_LONGEST_AGENT = 300

log = logging.getLogger(__name__)


def is_machine(headers: Mapping[str, str]) -> bool:
    """Whether a program fetched this by itself, as far as it says so."""
    agent = headers.get("user-agent", "").strip()
    purpose = f"{headers.get('sec-purpose', '')} {headers.get('purpose', '')} {headers.get('x-moz', '')}"
    return not agent or bool(_AHEAD.fullmatch(agent) or _PROGRAM.search(agent)) or "prefetch" in purpose


def routes(collector: Collector) -> list[BaseRoute]:
    """The paths that begin with those of `links.py`."""
    pages = Pages(collector.templates)
    surfaces = collector.surfaces

    async def opened(request: Request) -> Response:
        sent = opening(request.path_params["seal"], collector.profile.link_key)
        if sent is None:
            return pages.not_ours()
        if request.method == "GET":
            machine = is_machine(request.headers)
            await _keep(request, event_name(sent.channel, "opened"), "open", sent, {"machine_open": machine})
        return Response(DOT, media_type="image/gif", headers=_HEADERS)

    async def clicked(request: Request) -> Response:
        return await _led(request, clicking(request.path_params["seal"], collector.profile.link_key))

    async def clicked_short(request: Request) -> Response:
        if surfaces is None:
            return pages.not_ours()
        token, now = request.path_params["token"], collector.now()
        return await _led(request, await run_in_threadpool(surfaces.ask, lambda kept: find(kept, token, now)))

    async def _led(request: Request, click: Click | None) -> Response:
        if click is None or not is_page(click.target):
            return pages.not_ours()
        if request.method == "GET":
            name = event_name(click.sent.channel, "clicked")
            if is_machine(request.headers):
                # what protects a mailbox follows every link in it
                name = f"{LABELS.get(click.sent.channel, click.sent.channel.title())} Link Scanned"
            told = {"link": click.target, "position": click.position}
            await _keep(request, name, f"click/{click.position}", click.sent, told)
        return Response(status_code=302, headers={**_HEADERS, "location": click.target})

    async def _keep(request: Request, name: str, what: str, sent: Sent, told: Mapping[str, Any]) -> None:
        now = collector.now()
        properties = {
            "action_id": str(sent.action_id),
            "topic": sent.topic,
            "user_agent": request.headers.get("user-agent", "")[:_LONGEST_AGENT],
            **told,
        }
        # within a second it is the same open or click, however often a mailbox asks for it
        message_id = f"{what}/{sent.action_id}/{now:%Y%m%dT%H%M%S}"
        try:
            await collector.store.append("events", [tracked(name, message_id, who_of(sent), properties, SOURCE, now)])
        except HourbellError as error:
            # whoever reads the mail gets where they want to, also while our disk is full
            log.error("%s was not kept: %s", name, error)

    return [
        Route(f"{OPEN_PATH}{{seal}}", opened, methods=["GET", "HEAD"]),
        Route(f"{CLICK_PATH}{{seal}}", clicked, methods=["GET", "HEAD"]),
        Route(f"{SHORT_PATH}{{token}}", clicked_short, methods=["GET", "HEAD"]),
    ]
