"""Salesforce as the sandbox plays it: an org with contacts, campaigns, tasks and users, which it remembers."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from activations.sandbox.records import Asked, Records
from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

OBJECTS = ("Contact", "Lead")
MEMBERS, TASKS, TOKENS = "salesforce CampaignMember", "salesforce Task", "salesforce token"
USERS = {"005000000000001": "sales@shop.example", "005000000000002": "support@shop.example"}
_DATA = r"/services/data/v\d\d\.0"
_UPSERT = re.compile(_DATA + r"/composite/sobjects/(\w+)/(\w+)")
_COLLECTION = re.compile(_DATA + r"/composite/sobjects")
_QUERY = re.compile(_DATA + r"/query(All)?/")
_BATCH = 200
_FIELD = re.compile(r"[A-Z][A-Za-z0-9]*|[A-Za-z][A-Za-z0-9_]*__c")
_WORDS = re.compile(r"'((?:[^'\\]|\\.)*)'")


def play(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    """What Salesforce says to a request."""
    if asked.name == "POST /services/oauth2/token":
        return _token(asked, records)
    token = asked.headers.get("authorization", "").removeprefix("Bearer ")
    if records.get(TOKENS, token) is None:
        return _refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
    if asked.method == "PATCH" and (at := _UPSERT.fullmatch(asked.path)):
        return _upsert(at[1], at[2], asked, records, now)
    if asked.method == "POST" and _COLLECTION.fullmatch(asked.path):
        return _insert(asked, records)
    if asked.method == "DELETE" and _COLLECTION.fullmatch(asked.path):
        return _delete(asked, records)
    if asked.method == "GET" and (at := _QUERY.fullmatch(asked.path)):
        return _query(asked.query.get("q", ""), records, with_deleted=bool(at[1]))
    return _refused(404, "NOT_FOUND", "The requested resource does not exist")


def write(records: Records, kind: str, number: str, fields: Mapping[str, Any], now: datetime) -> None:
    """Set fields of a contact or lead, as somebody does who sits at Salesforce."""
    known = records.get(f"salesforce {kind}", number) or {"Id": number, "OwnerId": next(iter(USERS))}
    known |= {**fields, "SystemModstamp": now.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
    records.put(f"salesforce {kind}", {number: known})


def delete(records: Records, kind: str, number: str, now: datetime) -> None:
    """Put a record into the bin."""
    write(records, kind, number, {"IsDeleted": True}, now)


def _token(asked: Asked, records: Records) -> ProviderAnswer:
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    if form.get("grant_type") != "client_credentials":
        return _said({"error": "unsupported_grant_type", "error_description": "grant type not supported"}, 400)
    if form.get("client_secret") != TOKEN or not form.get("client_id"):
        return _said({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
    token = f"00D{uuid.uuid4().hex}"
    records.put(TOKENS, {token: True})
    return _said({"access_token": token, "token_type": "Bearer", "instance_url": "", "scope": "api"})


def _upsert(kind: str, field: str, asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    stated, refusal = _collection(asked)
    if refusal is not None:
        return refusal
    if kind not in OBJECTS or not field.endswith("__c"):
        return _refused(
            400, "INVALID_FIELD", f"Provided external ID field does not exist or is not accessible: {field}"
        )
    there = records.all(f"salesforce {kind}")
    results = []
    for record in stated:
        value = record.get(field)
        if record.get("attributes", {}).get("type") != kind or "Id" in record:
            results.append(_fault("INVALID_TYPE", "The type in attributes is not that of the request"))
            continue
        if unknown := [name for name in record if name != "attributes" and not _FIELD.fullmatch(name)]:
            results.append(_fault("INVALID_FIELD", f"No such column '{unknown[0]}' on sobject of type {kind}"))
            continue
        if record.get("OwnerId", next(iter(USERS))) not in USERS:
            results.append(_fault("INVALID_CROSS_REFERENCE_KEY", "Owner ID: owner cannot be blank"))
            continue
        number = next((key for key, known in there.items() if _same(known.get(field), value)), None)
        if number is None and not record.get("LastName"):
            results.append(_fault("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"))
            continue
        is_new = number is None
        number = number or f"003{len(there):012}"
        write(records, kind, number, {name: each for name, each in record.items() if name != "attributes"}, now)
        there[number] = records.get(f"salesforce {kind}", number)
        results.append({"id": number, "success": True, "errors": [], "created": is_new})
    return _said(results)


def _insert(asked: Asked, records: Records) -> ProviderAnswer:
    stated, refusal = _collection(asked)
    if refusal is not None:
        return refusal
    return _said([_inserted(record, records) for record in stated])


def _inserted(record: Mapping[str, Any], records: Records) -> dict[str, Any]:
    kind = record.get("attributes", {}).get("type")
    who = record.get("Who" if kind == "Task" else next((name for name in OBJECTS if name in record), ""), {})
    contact = _known(who, records)
    if contact is None:
        return _fault("INVALID_FIELD", "Foreign key external ID not found for the contact")
    if kind == "CampaignMember":
        key = f"{record['CampaignId']}/{contact}"
        if records.get(MEMBERS, key) is not None:
            return _fault("DUPLICATE_VALUE", "Already a campaign member.")
        number = f"00v{uuid.uuid4().hex[:12]}"
        records.put(MEMBERS, {key: {"Id": number, "CampaignId": record["CampaignId"], "contact": contact}})
    elif kind == "Task":
        if record.get("OwnerId", next(iter(USERS))) not in USERS or not record.get("Status"):
            return _fault("REQUIRED_FIELD_MISSING", "Required fields are missing: [Status]")
        number = f"00T{uuid.uuid4().hex[:12]}"
        records.put(TASKS, {number: {**record, "contact": contact}})
    else:
        return _fault("INVALID_TYPE", f"sObject type '{kind}' is not supported")
    return {"id": number, "success": True, "errors": []}


def _delete(asked: Asked, records: Records) -> ProviderAnswer:
    ids = asked.query.get("ids", "").split(",")
    if len(ids) > _BATCH:
        return _refused(400, "LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {_BATCH} records")
    keys = {member["Id"]: key for key, member in records.all(MEMBERS).items()}
    results = []
    for number in ids:
        if number in keys and records.remove(MEMBERS, keys[number]):
            results.append({"id": number, "success": True, "errors": []})
        else:
            results.append(_fault("ENTITY_IS_DELETED", "entity is deleted"))
    return _said(results)


def _query(soql: str, records: Records, *, with_deleted: bool) -> ProviderAnswer:
    """The three questions that are asked: who is a user, who is in a campaign, what has changed or was deleted."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in _WORDS.findall(soql)]
    rows: list[dict[str, Any]]
    if " FROM User " in soql:
        rows = [{"Id": number, "Email": email} for number, email in USERS.items()]
    elif asked := re.match(r"SELECT Id, (\w+)\.(\w+) FROM CampaignMember WHERE CampaignId = ", soql):
        kind, field = asked[1], asked[2]
        rows = []
        for member in records.all(MEMBERS).values():
            contact = records.get(f"salesforce {kind}", member["contact"]) or {}
            if member["CampaignId"] == words[0] and any(_same(contact.get(field), word) for word in words[1:]):
                rows.append({"Id": member["Id"], kind: {field: contact[field]}})
    elif asked := re.match(r"SELECT (.+) FROM (\w+) WHERE (.+) ORDER BY SystemModstamp ASC, Id ASC LIMIT (\d+)$", soql):
        if "IsDeleted = true" in asked[3] and not with_deleted:
            # a query leaves out what is in the bin
            return _said({"totalSize": 0, "done": True, "records": []})
        rows = _changed(asked[1], asked[2], asked[3], words, int(asked[4]), records)
    else:
        return _refused(400, "MALFORMED_QUERY", "unexpected token")
    return _said({"totalSize": len(rows), "done": True, "records": rows})


def _changed(
    selected: str, kind: str, since: str, words: Sequence[str], limit: int, records: Records
) -> list[dict[str, Any]]:
    role = re.search(r"\(SELECT (.+) FROM OpportunityContactRoles ORDER BY IsPrimary DESC LIMIT 1\)", selected)
    fields = (selected.replace(role[0], "") if role else selected).split(", ")
    moment = re.search(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z", since)
    assert moment is not None
    after = (f"{moment[1]}+0000", words[0] if words else "")
    there = sorted(records.all(f"salesforce {kind}").values(), key=lambda each: (each["SystemModstamp"], each["Id"]))
    rows = []
    for each in there:
        if bool(each.get("IsDeleted")) != ("IsDeleted = true" in since):
            continue
        place = (each["SystemModstamp"], each["Id"])
        if place > after if words else place[0] >= after[0]:
            row = {name: each.get(name) for name in fields if name and "." not in name}
            if role:
                row["OpportunityContactRoles"] = _role(each, role[1].split(", "), records)
            rows.append({**row, "Owner": {"Email": USERS.get(each["OwnerId"])}})
    return rows[:limit]


def _role(opportunity: Mapping[str, Any], fields: Sequence[str], records: Records) -> dict[str, Any] | None:
    """The contact of an opportunity, as a question within a question is answered."""
    contact = records.get("salesforce Contact", str(opportunity.get("contact")))
    if contact is None:
        return None
    told = {name.removeprefix("Contact."): contact.get(name.removeprefix("Contact.")) for name in fields}
    return {"totalSize": 1, "done": True, "records": [{"Contact": told}]}


def _known(who: Any, records: Records) -> str | None:
    """The contact that an external id stands for."""
    if not isinstance(who, dict):
        return None
    names = [name for name in who if name != "attributes"]
    for kind in OBJECTS:
        for number, known in records.all(f"salesforce {kind}").items():
            if names and _same(known.get(names[0]), who[names[0]]):
                return number
    return None


def _same(known: Any, value: Any) -> bool:
    """External ids are compared without regard to case, unless the field was made to tell it apart."""
    return str(known).lower() == str(value).lower() if known is not None and value is not None else known == value


def _collection(asked: Asked) -> tuple[Sequence[Mapping[str, Any]], ProviderAnswer | None]:
    stated = asked.json()
    found = stated.get("records") if isinstance(stated, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        return [], _refused(400, "JSON_PARSER_ERROR", "The HTTP entity body is required")
    if not 1 <= len(found) <= _BATCH:
        return [], _refused(400, "LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {_BATCH} records")
    return found, None


def _fault(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def _said(said: Any, status: int = 200) -> ProviderAnswer:
    return ProviderAnswer("", Reply(status, {"content-type": "application/json"}, json.dumps(said)), uuid.uuid4().hex)


def _refused(status: int, code: str, message: str) -> ProviderAnswer:
    reply = Reply(status, {"content-type": "application/json"}, json.dumps([{"errorCode": code, "message": message}]))
    return ProviderAnswer("", reply)
