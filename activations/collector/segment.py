"""Segment's HTTP tracking API, which RudderStack's clients speak too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.events import TYPES, Row, event_row, moment, read_batch, unskewed
from activations.collector.requests import (
    MEBIBYTE,
    RefusedError,
    basic_user,
    in_form,
    mapping,
    needs_json,
    read_json,
    source_of,
)

# RudderStack's clients send single messages of up to 4 MB, Segment's batches of up to 500 KB
LIMIT = 5 * MEBIBYTE


def routes(collector: Collector) -> list[BaseRoute]:
    """One path a kind of call, and one for batches."""

    async def batch(request: Request) -> Response:
        body, source, received_at = await _opened(collector, request)
        events = body.get("batch")
        if not isinstance(events, list):
            raise RefusedError(400, "invalid_request", "batch is no array.")
        shared = {name: body.get(name) for name in ("context", "sentAt")}
        read = read_batch(
            events,
            lambda event, index: [segment_row(event, source, received_at, shared, index)],
            "messageId",
        )
        read.needs_any()
        await collector.store.append("events", read.rows)
        errors = [one.told("messageId") for one in read.refused]
        return JSONResponse({"success": True, **({"errors": errors} if errors else {})})

    def single(kind: str) -> Route:
        async def call(request: Request) -> Response:
            body, source, received_at = await _opened(collector, request)
            await collector.store.append(
                "events", [segment_row({**body, "type": kind}, source, received_at, {"sentAt": body.get("sentAt")})]
            )
            return JSONResponse({"success": True})

        return Route(f"/v1/{kind}", in_form(_refusal, call), methods=["POST"])

    return [Route("/v1/batch", in_form(_refusal, batch), methods=["POST"]), *(single(kind) for kind in sorted(TYPES))]


async def _opened(collector: Collector, request: Request) -> tuple[Mapping[str, Any], str, datetime]:
    """The body, the source by its key, and when it came."""
    given = basic_user(request)
    if given is not None:
        needs_json(request)
        # who may not send need not upload first
        source_of(collector.write_keys, given)
    received_at = collector.now()
    body = mapping(await read_json(request, LIMIT), "The body")
    return body, source_of(collector.write_keys, given, body.get("writeKey")), received_at


def segment_row(
    event: Mapping[str, Any], source: str, received_at: datetime, shared: Mapping[str, Any], index: int = 0
) -> Row:
    """A message of Segment's spec as a row; `shared` is what the batch says for all of them."""
    kind = event.get("type")
    context = {**mapping(shared.get("context"), "context"), **mapping(event.get("context"), "context")}
    about = mapping(context.get("traits"), "context.traits")
    traits = mapping(event.get("traits"), "traits")
    properties = mapping(event.get("properties"), "properties")
    anonymous_id = event.get("anonymousId")
    person: Mapping[str, Any] = {}
    told: Mapping[str, Any] = {}
    if kind == "identify":
        # RudderStack's clients say them in the context
        told = person = {**about, **traits}
    elif kind == "group":
        properties = {"group_id": event.get("groupId"), **({"traits": traits} if traits else {})}
        person = about
        if not event.get("groupId"):
            raise RefusedError(400, "invalid_event", "A group call names its groupId.")
    elif kind == "alias":
        # an id from before somebody was known stands where such ids stand
        properties, anonymous_id = {"previous_id": event.get("previousId")}, event.get("previousId")
        person = about
        if not event.get("previousId") or not event.get("userId"):
            raise RefusedError(400, "invalid_event", "An alias call names its previousId and its userId.")
    else:
        person = {"email": properties.get("email"), **about}
        if kind in ("page", "screen"):
            named = {name: event[name] for name in ("name", "category") if event.get(name)}
            properties = {**named, **properties}
    return event_row(
        kind if isinstance(kind, str) else "",
        source=source,
        received_at=received_at,
        occurred_at=unskewed(
            moment(event.get("originalTimestamp") or event.get("timestamp"), "timestamp"),
            moment(event.get("sentAt") or shared.get("sentAt"), "sentAt"),
            received_at,
        ),
        message_id=event.get("messageId"),
        index=index,
        event=event.get("event"),
        user_id=event.get("userId"),
        anonymous_id=anonymous_id,
        email=person.get("email"),
        phone=person.get("phone"),
        properties=properties,
        traits=told,
        context=context,
    )


def _refusal(refused: RefusedError) -> Response:
    # Segment says 400 of what is too large
    status = 400 if refused.status == 413 else refused.status
    return JSONResponse({"success": False, "code": refused.code, "message": refused.message}, status)
