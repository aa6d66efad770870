"""Snowplow's tracker protocol, as its trackers post it (tp2).

They send no key: whose events are taken is said by the id of the application (HOURBELL_SNOWPLOW_APPS), which becomes
the source. The name of a self-describing event is that of its schema, written as the spec of e-commerce events writes
names: order_completed is Order Completed.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.events import Row, event_row, milliseconds, read_batch, unskewed
from activations.collector.requests import (
    MEBIBYTE,
    RefusedError,
    in_form,
    mapping,
    needs_json,
    parse_json,
    read_json,
)
from activations.collector.write_keys import APPS

LIMIT = 5 * MEBIBYTE
PATH = "/com.snowplowanalytics.snowplow/tp2"
# entities that speak of the person; an address elsewhere may be somebody else's
_PEOPLE = frozenset({"user", "contact", "customer", "person"})
_STRUCTURED = {"category": "se_ca", "action": "se_ac", "label": "se_la", "property": "se_pr", "value": "se_va"}
_TRANSACTION = {
    "order_id": "tr_id",
    "affiliation": "tr_af",
    "total": "tr_tt",
    "tax": "tr_tx",
    "shipping": "tr_sh",
    "currency": "tr_cu",
}
_ITEM = {
    "order_id": "ti_id",
    "sku": "ti_sk",
    "name": "ti_nm",
    "category": "ti_ca",
    "price": "ti_pr",
    "quantity": "ti_qu",
    "currency": "ti_cu",
}


def routes(collector: Collector) -> list[BaseRoute]:
    """The path to which trackers post."""

    async def post(request: Request) -> Response:
        needs_json(request)
        received_at = collector.now()
        body = mapping(await read_json(request, LIMIT), "The body")
        events = body.get("data")
        if not isinstance(events, list):
            raise RefusedError(400, "invalid_request", "data is no array: this is no payload_data.")
        apps = collector.write_keys.apps
        read = read_batch(events, lambda event, index: [snowplow_row(event, apps, received_at, index)], "eid")
        read.needs_any()
        await collector.store.append("events", read.rows)
        if not read.refused:
            return PlainTextResponse("ok")
        return JSONResponse({"status": "ok", "errors": [one.told("eid") for one in read.refused]})

    return [Route(PATH, in_form(_refusal, post), methods=["POST"])]


def snowplow_row(event: Mapping[str, Any], apps: frozenset[str], received_at: datetime, index: int = 0) -> Row:
    """An event of the tracker protocol as a row."""
    app = event.get("aid")
    if not isinstance(app, str) or app not in apps:
        raise RefusedError(401, "unknown_app", f"The app id (aid) is none of {APPS}.")
    kind, name, properties, schema = _content(event)
    entities = list(_entities(event))
    person = next((data for entity, data in entities if entity in _PEOPLE and data.get("email")), {})
    context = _context(event, schema)
    traits = properties if kind == "identify" else None
    return event_row(
        kind,
        source=app.lower(),
        received_at=received_at,
        occurred_at=_occurred_at(event, received_at),
        message_id=event.get("eid"),
        index=index,
        event=name,
        user_id=event.get("uid"),
        anonymous_id=event.get("duid") or event.get("nuid") or event.get("tnuid"),
        email=properties.get("email") or person.get("email"),
        phone=(traits or person).get("phone"),
        properties=None if traits else properties,
        traits=traits,
        context=context,
    )


def _content(event: Mapping[str, Any]) -> tuple[str, str | None, Mapping[str, Any], str | None]:
    """The kind of call, the event's name, its properties, and the schema where it has one."""
    match event.get("e"):
        case "pv" | "pp" as code:
            page = _named(event, {"url": "url", "title": "page", "referrer": "refr"})
            return ("page", None, page, None) if code == "pv" else ("track", "Page Ping", page, None)
        case "se":
            return "track", event.get("se_ac"), _named(event, _STRUCTURED), None
        case "tr":
            return "track", "Order Completed", _named(event, _TRANSACTION), None
        case "ti":
            return "track", "Transaction Item", _named(event, _ITEM), None
        case "ue":
            return _self_describing(event)
    raise RefusedError(400, "invalid_event", "The kind of the event (e) is none of pv, pp, se, tr, ti and ue.")


def _self_describing(event: Mapping[str, Any]) -> tuple[str, str | None, Mapping[str, Any], str | None]:
    inner = mapping(mapping(_json_field(event, "ue_px", "ue_pr"), "ue").get("data"), "data")
    schema, data = inner.get("schema"), mapping(inner.get("data"), "data")
    name = _schema_name(schema)
    if name is None:
        raise RefusedError(400, "invalid_event", "A self-describing event names its schema.")
    if name == "identify":
        return "identify", None, data, schema
    if name == "screen_view":
        return "screen", None, data, schema
    return "track", " ".join(word.capitalize() for word in name.split("_") if word), data, schema


def _entities(event: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """What an event says of what it is about, with the names of their schemas."""
    found = mapping(_json_field(event, "cx", "co"), "contexts").get("data")
    for entity in found if isinstance(found, list) else ():
        if isinstance(entity, Mapping) and isinstance(entity.get("data"), Mapping):
            yield _schema_name(entity.get("schema")), entity["data"]


def _schema_name(schema: object) -> str | None:
    """order_completed of iglu:com.acme/order_completed/jsonschema/1-0-0."""
    parts = schema.split("/") if isinstance(schema, str) else []
    return parts[1].strip() or None if len(parts) == 4 else None


def _json_field(event: Mapping[str, Any], packed: str, plain: str) -> Any:
    """JSON in a field, in base64 or as it is."""
    text = event.get(packed)
    if text is None:
        text = event.get(plain)
        return None if text is None else parse_json(str(text).encode(errors="replace"))
    try:
        padded = str(text).replace("+", "-").replace("/", "_").rstrip("=")
        return parse_json(base64.urlsafe_b64decode(padded + "=" * (-len(padded) % 4)))
    except (binascii.Error, ValueError) as error:
        raise RefusedError(400, "invalid_event", f"{packed} is no base64.") from error


def _occurred_at(event: Mapping[str, Any], received_at: datetime) -> datetime | None:
    true_time = milliseconds(event.get("ttm"), "ttm")
    if true_time is not None:
        return true_time
    happened, sent_at = milliseconds(event.get("dtm"), "dtm"), milliseconds(event.get("stm"), "stm")
    if happened is not None and sent_at is not None and timedelta(0) < happened - sent_at < timedelta(seconds=1):
        # some trackers say the second only, and nothing is sent before it happens
        sent_at = happened
    return unskewed(happened, sent_at, received_at)


def _context(event: Mapping[str, Any], schema: str | None) -> Mapping[str, Any]:
    """In the form of Segment's spec, by which the models read it."""
    page = _named(event, {"url": "url", "title": "page", "referrer": "refr"})
    return {
        **({"page": page} if "url" in page else {}),
        **_named(event, {"locale": "lang", "timezone": "tz", "userAgent": "ua"}),
        "library": {"name": "snowplow", **_named(event, {"version": "tv"})},
        **({"schema": schema} if schema else {}),
    }


def _named(event: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: event[field] for name, field in names.items() if event.get(field) not in (None, "")}


def _refusal(refused: RefusedError) -> Response:
    # trackers send again what is answered with any other 4xx, for ever
    status = refused.status if refused.status in (400, 401, 403, 410, 422) else 400
    return PlainTextResponse(refused.message, status)
