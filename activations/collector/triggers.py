"""Events from your own systems: a CRM, a till, an app. Each enters the workflows that wait for it at the next tick, or
at once where such a workflow is urgent."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.events import Row, event_row, moment, read_batch
from activations.collector.requests import (
    MEBIBYTE,
    RefusedError,
    basic_user,
    bearer,
    in_form,
    mapping,
    needs_json,
    read_json,
    source_of,
)

LIMIT = 5 * MEBIBYTE
STARTED = "Workflow Started"
_WHO = ("user_id", "anonymous_id", "email", "phone")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def routes(collector: Collector) -> list[BaseRoute]:
    """One path for events, and one that starts a workflow for somebody."""

    async def events(request: Request) -> Response:
        source, body = await _opened(collector, request)
        received_at = collector.now()
        batch = body if isinstance(body, list) else [body]
        read = read_batch(batch, lambda event, index: [trigger_row(event, source, received_at, index)], "id")
        read.needs_any()
        await collector.store.append("events", read.rows)
        return _accepted(len(read.rows), [one.told("id") for one in read.refused])

    async def start(request: Request) -> Response:
        source, body = await _opened(collector, request)
        workflow = request.path_params["workflow"]
        if not _NAME.fullmatch(workflow) or (collector.workflows and workflow not in collector.workflows):
            raise RefusedError(404, "unknown_workflow", f"There is no workflow {workflow[:100]}.")
        given = mapping(body, "The body")
        properties = {**mapping(given.get("properties"), "properties"), "workflow": workflow}
        row = trigger_row({**given, "event": STARTED, "properties": properties}, source, collector.now())
        await collector.store.append("events", [row])
        return _accepted(1, [])

    return [
        Route("/v1/events", in_form(_refusal, events), methods=["POST"]),
        Route("/v1/workflows/{workflow}/start", in_form(_refusal, start), methods=["POST"]),
    ]


def trigger_row(event: Mapping[str, Any], source: str, received_at: datetime, index: int = 0) -> Row:
    """An event in the columns of the contract. Its time is taken as it is: such a system keeps a clock."""
    unknown = sorted(set(event) - {"id", "event", "occurred_at", "properties", *_WHO})
    if unknown:
        raise RefusedError(
            400, "invalid_event", f"{unknown[0][:100]} is not known; what else is said goes into properties."
        )
    return event_row(
        "track",
        source=source,
        received_at=received_at,
        occurred_at=moment(event.get("occurred_at"), "occurred_at"),
        message_id=_message_id(event.get("id"), source),
        index=index,
        event=event.get("event"),
        properties=mapping(event.get("properties"), "properties"),
        **{column: event.get(column) for column in _WHO},
    )


async def _opened(collector: Collector, request: Request) -> tuple[str, Any]:
    source = source_of(collector.write_keys, bearer(request), basic_user(request))
    needs_json(request)
    return source, await read_json(request, LIMIT)


def _message_id(given: object, source: str) -> str | None:
    """Each system numbers for itself: the till's 1001 is not the CRM's."""
    if given is None or given == "":
        return None
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise RefusedError(400, "invalid_event", "id is neither text nor a number.")
    message_id = f"{source}:{given}"
    if len(message_id) <= 200:
        return message_id
    return f"{source}:{hashlib.sha256(message_id.encode(errors='replace')).hexdigest()}"


def _accepted(accepted: int, refused: list[dict[str, Any]]) -> Response:
    return JSONResponse({"accepted": accepted, **({"refused": refused} if refused else {})})


def _refusal(refused: RefusedError) -> Response:
    return JSONResponse({"error": {"code": refused.code, "message": refused.message}}, refused.status)
