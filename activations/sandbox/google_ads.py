"""Google's Data Manager API as the sandbox plays it: members of audiences, which it remembers as hashes."""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from activations.sandbox.records import Asked, Records
from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

MEMBERS, TOKENS = "google member", "google token"
_BATCH = 10_000
_HASH = re.compile(r"[0-9a-f]{64}")
_INGEST, _REMOVE = "/v1/audienceMembers:ingest", "/v1/audienceMembers:remove"


def play(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    """What Google says to a request."""
    if asked.name == "POST /token":
        return _token(asked, records)
    if asked.method != "POST" or asked.path not in (_INGEST, _REMOVE):
        return _refused(404, "NOT_FOUND", "Requested entity was not found.")
    token = asked.headers.get("authorization", "").removeprefix("Bearer ")
    if records.get(TOKENS, token) is None:
        return _refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    stated = asked.json()
    fault = _fault(stated, is_ingest=asked.path == _INGEST)
    if fault is not None:
        return _refused(400, "INVALID_ARGUMENT", fault)
    for destination in stated["destinations"]:
        for member in stated["audienceMembers"]:
            for identifier in member["userData"]["userIdentifiers"]:
                [(kind, known)] = identifier.items()
                key = f"{destination['productDestinationId']}/{kind}/{known}"
                if asked.path == _INGEST:
                    records.put(MEMBERS, {key: True})
                else:
                    records.remove(MEMBERS, key)
    number = uuid.uuid4().hex
    return ProviderAnswer(
        "", Reply(200, {"content-type": "application/json"}, json.dumps({"requestId": number})), number
    )


def _token(asked: Asked, records: Records) -> ProviderAnswer:
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != TOKEN:
        said = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        return ProviderAnswer("", Reply(400, {"content-type": "application/json"}, json.dumps(said)))
    token = f"ya29.{uuid.uuid4().hex}"
    records.put(TOKENS, {token: True})
    granted = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
    return ProviderAnswer("", Reply(200, {"content-type": "application/json"}, json.dumps(granted)), token)


def _fault(stated: Any, *, is_ingest: bool) -> str | None:
    if not isinstance(stated, dict):
        return "Invalid JSON payload received."
    destinations, members = stated.get("destinations"), stated.get("audienceMembers")
    if not isinstance(destinations, list) or not all(_is_destination(each) for each in destinations):
        return "destinations: an operating account and a product destination id are required"
    if not isinstance(members, list) or not 1 <= len(members) <= _BATCH:
        return f"audience_members: from 1 to {_BATCH} members are allowed"
    if stated.get("encoding") != "HEX":
        return "encoding: required for user data"
    if is_ingest and stated.get("termsOfService") != {"customerMatchTermsOfServiceStatus": "ACCEPTED"}:
        return "terms_of_service: the terms of Customer Match have to be accepted"
    for number, member in enumerate(members):
        known = member.get("userData", {}).get("userIdentifiers", [])
        if not 1 <= len(known) <= 10:
            return f"audience_members[{number}].user_data.user_identifiers: from 1 to 10 are allowed"
        for identifier in known:
            if not identifier.keys() <= {"emailAddress", "phoneNumber"} or not all(
                _HASH.fullmatch(str(value)) for value in identifier.values()
            ):
                return f"audience_members[{number}].user_data.user_identifiers: not a hash in hexadecimal digits"
    return None


def _is_destination(stated: Mapping[str, Any]) -> bool:
    account = stated.get("operatingAccount", {})
    return bool(
        account.get("accountType") == "GOOGLE_ADS"
        and str(account.get("accountId", "")).isdecimal()
        and str(stated.get("productDestinationId", "")).isdecimal()
    )


def _refused(status: int, kind: str, message: str) -> ProviderAnswer:
    said = {"error": {"code": status, "message": message, "status": kind}}
    return ProviderAnswer("", Reply(status, {"content-type": "application/json"}, json.dumps(said)))
