"""Firebase Cloud Messaging as the sandbox plays it, and Google's token endpoint before it."""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

TOKEN_PATH = "/fcm/token"
_SEND = re.compile(r"/fcm/v1/projects/([a-z0-9-]+)/messages:send")
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_AUDIENCE = "https://oauth2.googleapis.com/token"
_LONGEST_LIFE = 3_600
_LARGEST = 4_096
# tokens that begin so are refused
_DEAD, _FOREIGN = "unregistered", "mismatch"
_JSON = {"content-type": "application/json"}


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Google says to a request for a token of access, or to send a message."""
    if path == TOKEN_PATH:
        return _token(body)
    at = _SEND.fullmatch(path)
    if at is None:
        return ProviderAnswer("", _error(404, "NOT_FOUND", "The requested URL was not found."))
    if not headers.get("authorization", "").startswith(f"Bearer {TOKEN}"):
        return ProviderAnswer("", _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
    try:
        said = json.loads(body)["message"]
        token = str(said["token"])
    except (ValueError, LookupError, TypeError):
        return ProviderAnswer(
            "", _error(400, "INVALID_ARGUMENT", "Recipient of the message is not set.", "INVALID_ARGUMENT")
        )
    if fault := _fault(said):
        return ProviderAnswer(token, _error(400, "INVALID_ARGUMENT", fault, "INVALID_ARGUMENT"))
    if token.startswith(_DEAD):
        return ProviderAnswer(token, _error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"))
    if token.startswith(_FOREIGN):
        return ProviderAnswer(token, _error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"))
    name = f"projects/{at[1]}/messages/0:{uuid.uuid4().hex}"
    return ProviderAnswer(token, Reply(200, _JSON, json.dumps({"name": name})), name)


def _token(body: bytes) -> ProviderAnswer:
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != _GRANT:
        return ProviderAnswer(TOKEN_PATH, _refused("unsupported_grant_type", "Invalid grant_type"))
    try:
        head, claims = (_part(part) for part in form.get("assertion", "").split(".")[:2])
        life = claims["exp"] - claims["iat"]
    except (ValueError, LookupError, TypeError):
        return ProviderAnswer(TOKEN_PATH, _refused("invalid_grant", "Invalid JWT."))
    if head.get("alg") != "RS256" or not claims.get("iss") or claims.get("aud") != _AUDIENCE:
        return ProviderAnswer(TOKEN_PATH, _refused("invalid_grant", "Invalid JWT Signature."))
    if not 0 < life <= _LONGEST_LIFE:
        return ProviderAnswer(TOKEN_PATH, _refused("invalid_grant", "Token must be a short-lived token (60 minutes)."))
    if claims.get("scope") != _SCOPE:
        return ProviderAnswer(TOKEN_PATH, _refused("invalid_scope", "Invalid OAuth scope."))
    granted = {"access_token": f"{TOKEN}-{uuid.uuid4().hex}", "expires_in": 3_599, "token_type": "Bearer"}
    return ProviderAnswer(TOKEN_PATH, Reply(200, _JSON, json.dumps(granted)))


def _part(text: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _fault(said: Mapping[str, Any]) -> str | None:
    """What is wrong with a message."""
    notification, data = said.get("notification", {}), said.get("data", {})
    for field, values in (("notification", notification), ("data", data)):
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            return f"Invalid value at 'message.{field}' (TYPE_STRING)"
    if reserved := [key for key in data if key == "from" or key.startswith(("google", "gcm"))]:
        return f"Invalid data payload key: {reserved[0]}"
    if len(json.dumps([notification, data], ensure_ascii=False).encode()) > _LARGEST:
        return "Message too big"
    if not re.fullmatch(r"[0-9]+s", said.get("android", {}).get("ttl", "0s")):
        return "Invalid value at 'message.android.ttl'"
    return None


def _refused(error: str, description: str) -> Reply:
    return Reply(400, _JSON, json.dumps({"error": error, "error_description": description}))


def _error(status: int, kind: str, message: str, code: str | None = None) -> Reply:
    said: dict[str, Any] = {"code": status, "message": message, "status": kind}
    if code is not None:
        said["details"] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    return Reply(status, _JSON, json.dumps({"error": said}))
