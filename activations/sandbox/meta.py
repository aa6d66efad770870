"""Meta's Marketing API as the sandbox plays it: the users of a custom audience, which it remembers as hashes."""

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from activations.sandbox.records import Asked, Records
from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

MEMBERS = "meta member"
_PATH = re.compile(r"/v\d+\.\d+/(\d+)/users")
_BATCH = 10_000
_HASH = re.compile(r"[0-9a-f]{64}")
_KEYS = ("EMAIL", "PHONE")


def play(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
    """What Meta says to a request."""
    at = _PATH.fullmatch(asked.path)
    if at is None or asked.method not in ("POST", "DELETE"):
        return _refused(100, "Unsupported request", subcode=33)
    form = {**asked.query, **{name: values[0] for name, values in parse_qs(asked.body.decode()).items()}}
    token = form.get("access_token") or asked.headers.get("authorization", "").removeprefix("Bearer ")
    if token != TOKEN:
        return _refused(190, "Error validating access token", status=401)
    if "appsecret_proof" in form:
        proof = hmac.new(TOKEN.encode(), token.encode(), hashlib.sha256).hexdigest()
        if form["appsecret_proof"] != proof:
            return _refused(100, "Invalid appsecret_proof provided in the API argument")
    payload = _parsed(form.get("payload"))
    data = payload.get("data")
    if tuple(payload.get("schema", ())) != _KEYS or not isinstance(data, list) or not data:
        return _refused(100, "Invalid parameter")
    if len(data) > _BATCH:
        return _refused(2650, "Failed to update the custom audience: too many users")
    session = _parsed(form.get("session"))
    if session and not {"session_id", "batch_seq", "last_batch_flag"} <= session.keys():
        return _refused(100, "Invalid parameter")
    invalid = [row for row in data if not _is_valid(row)]
    for row in data:
        if _is_valid(row):
            for kind, known in zip(_KEYS, row, strict=True):
                if known:
                    _note(records, f"{at[1]}/{kind}/{known}", is_member=asked.method == "POST")
    said: dict[str, object] = {
        "audience_id": at[1],
        "session_id": str(session.get("session_id", "0")),
        "num_received": len(data),
        "num_invalid_entries": len(invalid),
        "invalid_entry_samples": {},
    }
    return ProviderAnswer("", Reply(200, {"content-type": "application/json"}, json.dumps(said)), uuid.uuid4().hex)


def _note(records: Records, key: str, *, is_member: bool) -> None:
    if is_member:
        records.put(MEMBERS, {key: True})
    else:
        records.remove(MEMBERS, key)


def _is_valid(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == len(_KEYS)
        and any(row)
        and all(not known or _HASH.fullmatch(str(known)) for known in row)
    )


def _parsed(text: str | None) -> Mapping[str, Any]:
    try:
        stated = json.loads(text or "{}")
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}


def _refused(code: int, message: str, *, status: int = 400, subcode: int | None = None) -> ProviderAnswer:
    error: dict[str, object] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A0"}
    if subcode is not None:
        error["error_subcode"] = subcode
    return ProviderAnswer("", Reply(status, {"content-type": "application/json"}, json.dumps({"error": error})))
