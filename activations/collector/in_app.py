"""The inbox of an app as it is asked for: what a contact is shown, and what became of it.

    GET  /v1/in-app/messages                 what is there, the newest first
    POST /v1/in-app/messages/{id}/read        also clicked, dismissed

Whoever asks is told by a token (see activations/surfaces/tokens.py); what is somebody else's is not there.
"""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from activations.collector.access import PRIVATE, cors, unknown_viewer, viewer
from activations.collector.collector import Collector
from activations.surfaces.inbox import MARKS, find, mark, shown
from activations.surfaces.served import ServedSurfaces
from activations.surfaces.showing import reported

_EVENTS = {
    "read": "In-App Message Read",
    "clicked": "In-App Message Clicked",
    "dismissed": "In-App Message Dismissed",
}


def routes(collector: Collector) -> list[BaseRoute]:
    """The routes of the inbox."""
    inbox = collector.surfaces
    if inbox is None:
        return []

    async def messages(request: Request) -> Response:
        return await _messages(collector, inbox, request)

    async def became(request: Request) -> Response:
        return await _became(collector, inbox, request)

    return [
        Mount(
            "/v1/in-app",
            routes=[
                Route("/messages", messages),
                Route("/messages/{action_id:int}/{what}", became, methods=["POST"]),
            ],
            middleware=cors(collector),
        )
    ]


async def _messages(collector: Collector, inbox: ServedSurfaces, request: Request) -> Response:
    who = viewer(collector, request)
    if who is None:
        return unknown_viewer()
    now = collector.now()
    rows = await run_in_threadpool(inbox.ask, lambda kept: shown(kept, who, now))
    unread = sum(row["read_at"] is None for row in rows)
    return JSONResponse({"unread": unread, "messages": [_told(row) for row in rows]}, headers=PRIVATE)


async def _became(collector: Collector, inbox: ServedSurfaces, request: Request) -> Response:
    """Note what became of a message. It is reported before it is noted: who asks again reports the same event."""
    who, what = viewer(collector, request), request.path_params["what"]
    if who is None:
        return unknown_viewer()
    now, action_id = collector.now(), request.path_params["action_id"]
    if what not in MARKS:
        return _no_such_message()
    row = await run_in_threadpool(inbox.ask, lambda kept: find(kept, who, action_id, now))
    if row is None:
        return _no_such_message()
    if row[MARKS[what]] is None:
        event = reported(_EVENTS[what], f"in-app-{action_id}-{what}", row, now)
        await collector.store.append("events", [event])
        await run_in_threadpool(inbox.ask, lambda kept: mark(kept, action_id, what, now))
    return Response(status_code=204, headers=PRIVATE)


def _no_such_message() -> Response:
    return JSONResponse({"error": "there is no such message"}, 404, PRIVATE)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        # as text: a browser's numbers are not long enough
        "id": str(row["action_id"]),
        **{name: row[name] for name in ("title", "body", "link")},
        **{
            name: row[name] and f"{row[name].isoformat()}Z"
            for name in ("sent_at", "expires_at", "read_at", "clicked_at")
        },
    }
