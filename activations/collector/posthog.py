"""PostHog's API for batches of events.

Who has no profile there (`$process_person_profile`, `$is_identified`) is anonymous here, everybody else a user. What an
event sets on its person becomes an identify call of its own; what it sets once stays among the event's properties,
because a trait here is what was said last.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.events import Row, event_row, moment, read_batch, unskewed
from activations.collector.requests import MEBIBYTE, RefusedError, in_form, mapping, read_json, source_of

LIMIT = 20 * MEBIBYTE

_CONTEXT: Mapping[tuple[str, str], str] = {
    ("library", "name"): "$lib",
    ("library", "version"): "$lib_version",
    ("page", "url"): "$current_url",
    ("page", "path"): "$pathname",
    ("page", "referrer"): "$referrer",
    ("page", "title"): "title",
    ("campaign", "source"): "utm_source",
    ("campaign", "medium"): "utm_medium",
    ("campaign", "name"): "utm_campaign",
    ("campaign", "term"): "utm_term",
    ("campaign", "content"): "utm_content",
    ("device", "type"): "$device_type",
    ("device", "manufacturer"): "$device_manufacturer",
    ("device", "model"): "$device_model",
    ("os", "name"): "$os",
    ("os", "version"): "$os_version",
    ("app", "name"): "$app_name",
    ("app", "version"): "$app_version",
}
_KINDS = {
    "$identify": "identify",
    "$set": "identify",
    "$set_once": "identify",
    "$create_alias": "alias",
    "$groupidentify": "group",
    "$pageview": "page",
    "$screen": "screen",
}


def routes(collector: Collector) -> list[BaseRoute]:
    """The path of batches, with and without the slash at its end."""

    async def batch(request: Request) -> Response:
        received_at = collector.now()
        body = mapping(await read_json(request, LIMIT), "The body")
        source = source_of(collector.write_keys, body.get("api_key"), body.get("token"))
        events = body.get("batch")
        if not isinstance(events, list):
            raise RefusedError(400, "invalid_request", "batch is no array.")
        # what is brought over from elsewhere was timed by another clock
        sent_at = None if body.get("historical_migration") else moment(body.get("sent_at"), "sent_at")
        read = read_batch(events, lambda event, index: posthog_rows(event, source, received_at, sent_at, index), "uuid")
        read.needs_any()
        await collector.store.append("events", read.rows)
        errors = [one.told("uuid") for one in read.refused]
        return JSONResponse({"status": "Ok", **({"errors": errors} if errors else {})})

    return [Route(path, in_form(_refusal, batch), methods=["POST"]) for path in ("/batch/", "/batch")]


def posthog_rows(
    event: Mapping[str, Any], source: str, received_at: datetime, sent_at: datetime | None, index: int = 0
) -> Sequence[Row]:
    """An event as a row, and another for what it sets on its person."""
    name = event.get("event")
    given = mapping(event.get("properties"), "properties")
    set_on = mapping(event.get("$set", given.get("$set")), "$set")
    set_once = mapping(event.get("$set_once", given.get("$set_once")), "$set_once")
    kind = _KINDS.get(name, "track") if isinstance(name, str) else "track"
    properties = {key: value for key, value in given.items() if key != "$set"}
    if set_once:
        properties["$set_once"] = set_once
    told: dict[str, Any] = {
        "source": source,
        "received_at": received_at,
        "occurred_at": unskewed(
            moment(event.get("timestamp"), "timestamp"),
            None if given.get("$ignore_sent_at") else sent_at,
            received_at,
        ),
        "index": index,
        "context": _context(given),
        **_who(kind, event, given),
        "email": set_on.get("email") or given.get("email"),
        "phone": set_on.get("phone"),
    }
    if kind == "group":
        group = {"group_id": given.get("$group_key"), "group_type": given.get("$group_type")}
        traits = mapping(given.get("$group_set"), "$group_set")
        properties = {**group, **({"traits": traits} if traits else {})}
    elif kind == "screen" and given.get("$screen_name"):
        properties = {"name": given["$screen_name"], **properties}
    message_id = event.get("uuid")
    row = event_row(
        kind,
        message_id=message_id,
        event=name,
        properties=properties,
        traits=set_on if kind == "identify" else None,
        **told,
    )
    if kind == "identify" or not set_on:
        return [row]
    return [row, event_row("identify", message_id=f"{row['message_id']}:set", traits=set_on, **told)]


def _who(kind: str, event: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    distinct_id = event.get("distinct_id", given.get("distinct_id"))
    if kind == "alias":
        return {"user_id": given.get("alias"), "anonymous_id": given.get("distinct_id", distinct_id)}
    if kind == "group" and (distinct_id is None or _is_made_up(str(distinct_id))):
        # it is said of the group, and the client makes somebody up who says it
        return {"anonymous_id": f"${given.get('$group_type')}_{given.get('$group_key')}"}
    if kind != "identify" and (given.get("$process_person_profile") is False or given.get("$is_identified") is False):
        return {"anonymous_id": distinct_id}
    anonymous_id = given.get("$anon_distinct_id") or given.get("$device_id")
    return {"user_id": distinct_id, "anonymous_id": None if anonymous_id == distinct_id else anonymous_id}


def _is_made_up(distinct_id: str) -> bool:
    try:
        return distinct_id.startswith("$") or bool(UUID(distinct_id))
    except ValueError:
        return False


def _context(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """In the form of Segment's spec, by which the models read it."""
    context: dict[str, Any] = {}
    for (part, name), key in _CONTEXT.items():
        if given.get(key) is not None and (part != "page" or "$current_url" in given):
            context.setdefault(part, {})[name] = given[key]
    for name, keys in {"locale": ("$locale", "$browser_language"), "timezone": ("$timezone",)}.items():
        found = next((given[key] for key in keys if given.get(key)), None)
        if found is not None:
            context[name] = found
    return context


def _refusal(refused: RefusedError) -> Response:
    kind = "authentication_error" if refused.status == 401 else "validation_error"
    code = "invalid_api_key" if refused.status == 401 else refused.code
    detail = refused.message.replace("write key", "api_key")
    return JSONResponse({"type": kind, "code": code, "detail": detail, "attr": None}, refused.status)
