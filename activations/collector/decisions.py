"""What the website asks for: the decision for a visitor, read from a file.

    GET  /v1/decisions/slots                           with a token, or ?anonymous_id=…; else what everybody sees
    POST /v1/decisions/slots/{id}/{shown|clicked}      with the same

An id of a browser proves nothing, so that it leads to nothing personal.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from activations.collector.access import PRIVATE, cors, unknown_viewer, viewer
from activations.collector.collector import Collector
from activations.collector.requests import bearer
from activations.surfaces.decisions import Decision, name_of, read
from activations.surfaces.place import surfaces_folder
from activations.surfaces.showing import reported
from activations.surfaces.website import Website, read_website

_FRESH_FOR = timedelta(seconds=60)
_EVENTS = {"shown": "Web Slot Shown", "clicked": "Web Slot Clicked"}


def routes(collector: Collector) -> list[BaseRoute]:
    """The routes of the website's slots; raises HourbellError where website.yml cannot be used."""
    if collector.data is None:
        return []
    website, folder = read_website(collector.templates), surfaces_folder(collector.profile, collector.data)

    async def slots(request: Request) -> Response:
        return await _slots(collector, website, folder, request)

    async def became(request: Request) -> Response:
        return await _became(collector, folder, request)

    return [
        Mount(
            "/v1/decisions",
            routes=[
                Route("/slots", slots),
                Route("/slots/{action_id:int}/{what}", became, methods=["POST"]),
            ],
            middleware=cors(collector),
        )
    ]


async def _slots(collector: Collector, website: Website, folder: Path, request: Request) -> Response:
    name, now = _name(collector, request), collector.now()
    if name is None and bearer(request) is not None:
        return unknown_viewer()
    shown = await _shown(folder, name, now)
    # what everybody sees may stand in any cache, but not in the place of what one visitor sees
    keeping = "public" if name is None else "private"
    left = min([_FRESH_FOR, *(decision.expires_at - now for decision in shown)])
    body = orjson.dumps({"slots": _told(website, shown)})
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "etag": tag,
        "cache-control": f"{keeping}, max-age={max(0, int(left.total_seconds()))}",
        "vary": "Authorization",
    }
    if tag in (each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


async def _became(collector: Collector, folder: Path, request: Request) -> Response:
    """Report what became of a decision that this visitor is shown; the same again is the same event."""
    name, now, what = _name(collector, request), collector.now(), request.path_params["what"]
    if name is None:
        return unknown_viewer()
    shown = {decision.action_id: decision for decision in await _shown(folder, name, now)}
    decision = shown.get(request.path_params["action_id"])
    if decision is None or what not in _EVENTS:
        return JSONResponse({"error": "there is no such decision"}, 404, PRIVATE)
    event = reported(_EVENTS[what], f"web-{decision.action_id}-{what}", decision._asdict(), now)
    await collector.store.append("events", [event])
    return Response(status_code=204, headers=PRIVATE)


def _name(collector: Collector, request: Request) -> str | None:
    if bearer(request) is not None:
        who = viewer(collector, request)
        return None if who is None else name_of(who)
    anonymous_id = request.query_params.get("anonymous_id")
    return f"anonymous:{anonymous_id}" if anonymous_id else None


async def _shown(folder: Path, name: str | None, now: datetime) -> list[Decision]:
    if name is None:
        return []
    return [each for each in await run_in_threadpool(read, folder, name) if each.decided_at <= now < each.expires_at]


def _told(website: Website, shown: Sequence[Decision]) -> dict[str, object]:
    """Every slot, with what it shows by default where nothing was decided."""
    slots: dict[str, object] = {name: {"id": None, "content": default} for name, default in website.slots.items()}
    slots |= {
        # a slot that was taken away shows nothing
        decision.slot: {
            # as text: a browser's numbers are not long enough
            "id": str(decision.action_id),
            "variant": decision.variant,
            "content": decision.content,
            "expires_at": f"{decision.expires_at.isoformat()}Z",
        }
        for decision in shown
        if decision.slot in website.slots
    }
    return slots
