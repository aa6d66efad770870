"""HubSpot as the sandbox plays it: contacts, lists, tasks and owners, which it remembers, with its limits."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from activations.sandbox.records import Asked, Records
from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

CONTACTS, LISTS, TASKS, DEALS = "hubspot contact", "hubspot list", "hubspot task", "hubspot deal"
ARCHIVED: Mapping[str, str] = {CONTACTS: "hubspot archived contact", DEALS: "hubspot archived deal"}
_CHANGED: Mapping[str, str] = {CONTACTS: "lastmodifieddate", DEALS: "hs_lastmodifieddate"}
_CONTACT = "contact"
"""Of a deal: the number of the contact whose it is."""
OWNERS = {"101": "sales@shop.example", "102": "support@shop.example"}
_BATCH, _PAGE = 100, 200
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MEMBERSHIPS = re.compile(r"/crm/v3/lists/(\d+)/memberships/(add|remove)")
_OBJECTS = "/crm/v3/objects"


def play(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    """What HubSpot says to a request."""
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return _refused(401, "INVALID_AUTHENTICATION", "Authentication credentials not found")
    do = _DOES.get(asked.name)
    if do is not None:
        return do(asked, records, now)
    if asked.method == "PUT" and (at := _MEMBERSHIPS.fullmatch(asked.path)):
        return _memberships(at[1], at[2], asked.json(), records)
    return _refused(404, "OBJECT_NOT_FOUND", f"{asked.path} is not there")


def write(records: Records, number: str, properties: Mapping[str, Any], now: datetime) -> None:
    """Set properties of a contact, as somebody does who sits at HubSpot."""
    known = records.get(CONTACTS, number) or {"hs_object_id": number, "createdate": _moment(now)}
    known |= {**properties, "lastmodifieddate": _moment(now)}
    records.put(CONTACTS, {number: known})


def write_deal(
    records: Records, number: str, properties: Mapping[str, Any], contact: str | None, now: datetime
) -> None:
    """Set properties of a deal of a contact."""
    known = records.get(DEALS, number) or {"hs_object_id": number, "createdate": _moment(now)}
    known |= {**properties, _CHANGED[DEALS]: _moment(now), _CONTACT: contact}
    records.put(DEALS, {number: known})


def delete(records: Records, kind: str, number: str, now: datetime) -> None:
    """Put an object into the bin, from which it can be restored."""
    records.put(ARCHIVED[kind], {number: {**records.get(kind, number), "archivedAt": _moment(now)}})
    records.remove(kind, number)


def _upsert(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    inputs, refusal = _inputs(asked)
    if refusal is not None:
        return refusal
    ids = [(str(each.get("idProperty")), str(each.get("id")).lower()) for each in inputs]
    if len(set(ids)) < len(ids):
        return _refused(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
    faults = [_fault(name, value, each.get("properties")) for each, (name, value) in zip(inputs, ids, strict=True)]
    errors = [(each, fault) for each, fault in zip(inputs, faults, strict=True) if fault is not None]
    # a batch by e-mail address is written as a whole or not at all
    if errors and any(name == "email" for name, _ in ids):
        return _refused(400, "VALIDATION_ERROR", errors[0][1])
    contacts = records.all(CONTACTS)
    results = []
    for each, (name, value), fault in zip(inputs, ids, faults, strict=True):
        if fault is not None:
            continue
        by_id = (key for key, known in contacts.items() if str(known.get(name, "")).lower() == value)
        number = next(by_id, None)
        is_new = number is None
        number = number or str(1_000 + len(contacts))
        write(records, number, {name: str(each["id"]), **each["properties"]}, now)
        contacts[number] = records.get(CONTACTS, number)
        trace = each.get("objectWriteTraceId")
        results.append({"id": number, "new": is_new, "properties": contacts[number], "objectWriteTraceId": trace})
    return _multi_status(results, errors, 200)


def _read(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    inputs, refusal = _inputs(asked)
    if refusal is not None:
        return refusal
    name = asked.json().get("idProperty", "hs_object_id")
    by_id = {str(known.get(name, "")).lower(): (number, known) for number, known in records.all(CONTACTS).items()}
    wanted = [str(each["id"]).lower() for each in inputs]
    results = [{"id": by_id[each][0], "properties": by_id[each][1]} for each in wanted if each in by_id]
    missing = [each for each in wanted if each not in by_id]
    if not missing:
        return _ok({"status": "COMPLETE", "results": results})
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects, "
             "they may be deleted or not exist.", "context": {"ids": missing}}  # fmt: skip
    return _ok({"status": "COMPLETE", "results": results, "numErrors": 1, "errors": [error]}, 207)


def _archived(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    """What is in the bin, in whatever order, a page of a hundred at most."""
    kind = DEALS if asked.path.endswith("/deals") else CONTACTS
    if asked.query.get("archived", "").lower() != "true" or not 1 <= int(asked.query.get("limit", "10")) <= _BATCH:
        return _refused(400, "VALIDATION_ERROR", "limit is above 100")
    there = list(records.all(ARCHIVED[kind]).items())
    start = int(asked.query.get("after", "0"))
    end = start + int(asked.query.get("limit", "10"))
    wanted = asked.query.get("properties", "").split(",")
    results = []
    for number, known in there[start:end]:
        result = {"id": number, "archived": True, "archivedAt": known["archivedAt"], "updatedAt": known["archivedAt"]}
        result["properties"] = {name: known.get(name) for name in wanted}
        if asked.query.get("associations") == "contacts" and known.get(_CONTACT):
            linked = {"id": known[_CONTACT], "type": "deal_to_contact"}
            result["associations"] = {"contacts": {"results": [linked]}}
        results.append(result)
    return _ok({"results": results, **({"paging": {"next": {"after": str(end)}}} if end < len(there) else {})})


def _associations(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    inputs, refusal = _inputs(asked)
    if refusal is not None:
        return refusal
    deals = records.all(DEALS)
    linked = [(str(each["id"]), deals.get(str(each["id"]), {}).get(_CONTACT)) for each in inputs]
    types = [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}]
    results = [
        {"from": {"id": deal}, "to": [{"toObjectId": int(contact), "associationTypes": types}]}
        for deal, contact in linked
        if contact
    ]
    missing = [deal for deal, contact in linked if not contact]
    if not missing:
        return _ok({"status": "COMPLETE", "results": results})
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
             "message": "No contact is associated", "context": {"fromObjectId": missing}}  # fmt: skip
    return _ok({"status": "COMPLETE", "results": results, "numErrors": len(missing), "errors": [error]}, 207)


def _search(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    kind = DEALS if "/deals/" in asked.path else CONTACTS
    changed = _CHANGED[kind]
    query = asked.json()
    if not isinstance(query, dict) or not 1 <= query.get("limit", 10) <= _PAGE or len(query.get("sorts", [])) > 1:
        return _refused(400, "VALIDATION_ERROR", "Invalid input JSON: limit is above 200, or there are several sorts")
    found = [
        (number, known)
        for number, known in records.all(kind).items()
        if all(_holds(known, test) for test in query["filterGroups"][0]["filters"])
    ]
    by = query["sorts"][0]["propertyName"]
    found.sort(key=lambda pair: _comparable(by, pair[1].get(by)))
    page = found[: query.get("limit", 10)]
    wanted = {*query.get("properties", []), "hs_object_id", changed, "createdate"}
    results = [
        {"id": number, "properties": {name: known.get(name) for name in wanted}, "updatedAt": known[changed]}
        for number, known in page
    ]
    paging = {"paging": {"next": {"after": str(len(page))}}} if len(found) > len(page) else {}
    return _ok({"total": len(found), "results": results, **paging})


def _tasks(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    inputs, refusal = _inputs(asked)
    if refusal is not None:
        return refusal
    results, errors = [], []
    contacts = records.all(CONTACTS)
    for each in inputs:
        properties = each.get("properties", {})
        to = [link["to"]["id"] for link in each.get("associations", [])]
        if not properties.get("hs_timestamp"):
            errors.append((each, "Some required properties were not set: hs_timestamp"))
        elif any(number not in contacts for number in to):
            errors.append((each, "One or more associations are not valid"))
        elif properties.get("hubspot_owner_id", "101") not in OWNERS:
            errors.append((each, "Property values were not valid: hubspot_owner_id"))
        else:
            number = uuid.uuid4().hex[:12]
            records.put(TASKS, {number: each})
            results.append({
                "id": number, "properties": properties, "objectWriteTraceId": each.get("objectWriteTraceId")
            })  # fmt: skip
    return _multi_status(results, errors, 201)


def _owners(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    return _ok({"results": [{"id": number, "email": email, "archived": False} for number, email in OWNERS.items()]})


def _memberships(number: str, what: str, ids: Any, records: Records) -> ProviderAnswer:
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        return _refused(400, "VALIDATION_ERROR", "Invalid input JSON: a list of ids is expected")
    members: list[str] = records.get(LISTS, number) or []
    there = [each for each in ids if records.get(CONTACTS, each) is not None]
    missing = [each for each in ids if each not in there]
    after = [*members, *there] if what == "add" else [each for each in members if each not in there]
    records.put(LISTS, {number: list(dict.fromkeys(after))})
    added, removed = (there, []) if what == "add" else ([], there)
    return _ok({"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing})


def _inputs(asked: Asked) -> tuple[Sequence[Mapping[str, Any]], ProviderAnswer | None]:
    stated = asked.json()
    inputs = stated.get("inputs") if isinstance(stated, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        return [], _refused(400, "VALIDATION_ERROR", "Invalid input JSON")
    if not 1 <= len(inputs) <= _BATCH:
        return [], _refused(400, "VALIDATION_ERROR", f"The maximum number of records in a batch is {_BATCH}")
    return inputs, None


def _fault(name: str, value: str, properties: object) -> str | None:
    if not isinstance(properties, dict) or not all(isinstance(each, str) for each in properties.values()):
        return "Invalid input JSON: properties must be texts"
    if name == "email" and not _EMAIL.fullmatch(value):
        return f"Email address {value} is invalid"
    if unknown := [each for each in properties if not re.fullmatch(r"[a-z][a-z0-9_]*", each)]:
        return f'Property "{unknown[0]}" does not exist'
    if properties.get("hubspot_owner_id", "") not in {"", *OWNERS}:
        return "Property values were not valid: hubspot_owner_id"
    return None


def _multi_status(
    results: Sequence[Any], errors: Sequence[tuple[Mapping[str, Any], str]], status: int
) -> ProviderAnswer:
    said: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if not errors:
        return _ok(said, status)
    if any("objectWriteTraceId" not in each for each, _ in errors):
        return _refused(400, "VALIDATION_ERROR", errors[0][1])
    said["numErrors"] = len(errors)
    said["errors"] = [
        {"status": "error", "category": "VALIDATION_ERROR", "message": fault,
         "context": {"objectWriteTraceId": [each["objectWriteTraceId"]]}}
        for each, fault in errors
    ]  # fmt: skip
    return _ok(said, 207)


def _holds(known: Mapping[str, Any], test: Mapping[str, Any]) -> bool:
    name = test["propertyName"]
    ours, theirs = _comparable(name, known.get(name)), float(test["value"])
    return {"GTE": ours >= theirs, "GT": ours > theirs, "EQ": ours == theirs}[test["operator"]]


def _comparable(name: str, value: Any) -> float:
    if name in _CHANGED.values():
        return round(datetime.fromisoformat(value).timestamp() * 1_000)
    return float(value or 0)


def _moment(now: datetime) -> str:
    return now.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ok(said: Mapping[str, Any], status: int = 200) -> ProviderAnswer:
    reply = Reply(status, {"content-type": "application/json"}, json.dumps(said))
    return ProviderAnswer("", reply, uuid.uuid4().hex)


def _refused(status: int, category: str, message: str) -> ProviderAnswer:
    said = {"status": "error", "category": category, "message": message, "correlationId": str(uuid.UUID(int=0))}
    return ProviderAnswer("", Reply(status, {"content-type": "application/json"}, json.dumps(said)))


_DOES: Mapping[str, Callable[[Asked, Records, datetime], ProviderAnswer]] = {
    f"POST {_OBJECTS}/contacts/batch/upsert": _upsert,
    f"POST {_OBJECTS}/contacts/batch/read": _read,
    f"POST {_OBJECTS}/contacts/search": _search,
    f"POST {_OBJECTS}/deals/search": _search,
    f"GET {_OBJECTS}/contacts": _archived,
    f"GET {_OBJECTS}/deals": _archived,
    "POST /crm/v4/associations/deals/contacts/batch/read": _associations,
    f"POST {_OBJECTS}/tasks/batch/create": _tasks,
    "GET /crm/v3/owners/": _owners,
}
