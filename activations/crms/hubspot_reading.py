"""What is read of HubSpot: pages of what changed by its search, of what was deleted, and whose deals are."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from activations.channels.batches import Batches, Call, json_body
from activations.crms.face import OWNER, Cursor, Deal, Record

CONTACTS, DEALS = "/crm/v3/objects/contacts", "/crm/v3/objects/deals"
OWNER_ID = "hubspot_owner_id"
PAGE = 200
_WHOSE = "/crm/v4/associations/deals/contacts/batch/read"
CHANGED: Mapping[str, str] = {CONTACTS: "lastmodifieddate", DEALS: "hs_lastmodifieddate"}
"""The property that says when an object was changed."""
OF_DEALS = (
    "dealname",
    "dealstage",
    "pipeline",
    "amount",
    "deal_currency_code",
    "closedate",
    "hs_is_closed",
    "hs_is_closed_won",
)
_BATCH = 100
_ARCHIVED_PAGE = 100


async def search(batches: Batches, base: str, objects: str, cursor: Cursor, properties: Sequence[str]) -> list[Any]:
    """A page of what changed from the cursor on; raises NotAnsweredError.

    Pages are found by the last change and not by counting, because what is changed meanwhile moves to the end; nor are
    there more than ten thousand counted ones.
    """
    exactly, changed = bool(cursor.number), CHANGED[objects]
    moment = str(int(cursor.changed_at.replace(tzinfo=UTC).timestamp() * 1_000))
    filters = [{"propertyName": changed, "operator": "EQ" if exactly else "GTE", "value": moment}]
    if exactly:
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": cursor.number})
    body = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id" if exactly else changed, "direction": "ASCENDING"}],
        "properties": [changed, *properties],
        "limit": PAGE,
    }
    return listed(await batches.ask(Call(f"{base}{objects}/search", json_body(body))), "results")


async def archived(
    batches: Batches, base: str, objects: str, cursor: Cursor, properties: Sequence[str]
) -> tuple[list[Any], Cursor | None]:
    """A page of what was deleted and may still be restored, and where the next begins; raises NotAnsweredError.

    HubSpot tells it in no order and since no time, so that all of it is read.
    """
    asked = {"archived": "true", "limit": str(_ARCHIVED_PAGE), "properties": ",".join(properties)}
    linked = {"associations": "contacts"} if objects == DEALS else {}
    after = {"after": cursor.number} if cursor.number else {}
    stated = await batches.ask(Call(f"{base}{objects}?{urlencode({**asked, **linked, **after})}", method="GET"))
    following = next_of(stated)
    return listed(stated, "results"), Cursor(cursor.changed_at, str(following)) if following else None


async def whose(batches: Batches, base: str, deals: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The contact of each deal, by their numbers; of several the first. Raises NotAnsweredError."""
    found: dict[str, str] = {}
    unknown = []
    for deal in deals:
        linked = listed(deal.get("associations", {}).get("contacts"), "results")
        if linked:
            found[str(deal["id"])] = str(linked[0]["id"])
        elif not deal.get("archived"):
            unknown.append(str(deal["id"]))
    for start in range(0, len(unknown), _BATCH):
        inputs = [{"id": number} for number in unknown[start : start + _BATCH]]
        stated = await batches.ask(Call(f"{base}{_WHOSE}", json_body({"inputs": inputs})))
        for each in listed(stated, "results"):
            if each.get("to"):
                found[str(each["from"]["id"])] = str(each["to"][0]["toObjectId"])
    return found


async def contacts(batches: Batches, base: str, numbers: Sequence[str], names: Sequence[str]) -> dict[str, Record]:
    """Contacts by their numbers; raises NotAnsweredError."""
    found: dict[str, Record] = {}
    properties = [CHANGED[CONTACTS], *(theirs(name) for name in names)]
    for start in range(0, len(numbers), _BATCH):
        inputs = [{"id": number} for number in numbers[start : start + _BATCH]]
        body = {"inputs": inputs, "properties": properties, "propertiesWithHistory": []}
        stated = await batches.ask(Call(f"{base}{CONTACTS}/batch/read", json_body(body)))
        found |= {str(each["id"]): record_of(each, names, {}) for each in listed(stated, "results")}
    return found


def record_of(stated: Mapping[str, Any], names: Sequence[str], colleagues: Mapping[str, str]) -> Record:
    """A contact as HubSpot states it; one that was deleted changed when it was."""
    properties = stated.get("properties", {})
    values = {name: properties.get(theirs(name)) for name in names}
    if OWNER in values:
        values[OWNER] = colleagues.get(str(values[OWNER] or ""))
    return Record(str(stated["id"]), _changed_at(stated, CONTACTS), values)


def deal_of(stated: Mapping[str, Any], contact: Record | None) -> Deal:
    """A deal as HubSpot states it."""
    known = stated.get("properties", {})
    name, stage, pipeline, amount, currency, closes_on, closed, won = (known.get(each) or None for each in OF_DEALS)
    return Deal(
        str(stated["id"]),
        _changed_at(stated, DEALS),
        name,
        stage,
        pipeline,
        amount,
        currency,
        closes_on,
        _is_true(closed),
        _is_true(won),
        contact,
    )


def theirs(name: str) -> str:
    """HubSpot's name of a property."""
    return OWNER_ID if name == OWNER else name


def listed(stated: Any, name: str) -> list[Any]:
    """A list of an answer; empty where there is none."""
    found = stated.get(name) if isinstance(stated, dict) else None
    return found if isinstance(found, list) else []


def next_of(stated: Any) -> Any:
    """Where the next page of an answer begins."""
    paging = stated.get("paging") if isinstance(stated, dict) else None
    return paging["next"].get("after") if isinstance(paging, dict) and isinstance(paging.get("next"), dict) else None


def _changed_at(stated: Mapping[str, Any], objects: str) -> datetime:
    said = stated.get("archivedAt") or stated.get("properties", {}).get(CHANGED[objects]) or stated["updatedAt"]
    return datetime.fromisoformat(str(said)).astimezone(UTC).replace(tzinfo=None)


def _is_true(value: Any) -> bool:
    return json.dumps(value).strip('"') == "true"
