"""Vonage as the sandbox plays it: the Messages API for text messages, which takes the same one any number of times."""

import base64
import json
import re
import uuid
from collections.abc import Mapping

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = "/vonage/v1/messages"
_E164 = re.compile(r"[1-9][0-9]{6,14}")
_LONGEST_TEXT = 3_200
_NEEDED = ("to", "from", "channel", "message_type", "text")


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Vonage says to a request to send a text message."""
    if path != _PATH:
        return ProviderAnswer("", _error(404, "not-found", "Not Found", "The resource does not exist."))
    try:
        said = json.loads(body)
        to = str(said.get("to", ""))
    except (ValueError, AttributeError):
        return ProviderAnswer("", _error(422, "1020", "Invalid params", "The request body is no JSON object."))
    if not _is_let_in(headers.get("authorization", "")):
        return ProviderAnswer(
            to, _error(401, "unauthorized", "Unauthorized", "You did not provide correct credentials.")
        )
    if fault := _fault(said, to):
        return ProviderAnswer(to, _error(422, *fault))
    message_id = str(uuid.uuid4())
    taken = Reply(202, {"content-type": "application/json"}, json.dumps({"message_uuid": message_id}))
    return ProviderAnswer(to, taken, message_id)


def _is_let_in(authorization: str) -> bool:
    """Whether it is a key with the sandbox's secret."""
    try:
        key, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        return False
    return bool(key) and secret == TOKEN


def _fault(said: Mapping[str, object], to: str) -> tuple[str, str, str] | None:
    """What is wrong with a message: a code, its title, and what it is about."""
    missing = [name for name in _NEEDED if not said.get(name)]
    if missing:
        return "1010", "Missing params", f"Missing {', '.join(missing)}"
    text, ttl = str(said["text"]), said.get("ttl", 20)
    if not _E164.fullmatch(to):
        return "1020", "Invalid params", "`to` must be a number in E.164 form without a leading plus"
    if said["channel"] != "sms" or said["message_type"] != "text":
        return "1020", "Invalid params", "`channel` and `message_type` do not go together"
    if len(text) > _LONGEST_TEXT:
        return "1020", "Invalid params", "`text` is too long"
    if type(ttl) is not int or not 20 <= ttl <= 604_800:
        return "1130", "Invalid TTL", "`ttl` must be between 20 and 604800"
    return None


def _error(status: int, code: str, title: str, detail: str) -> Reply:
    said = {
        "type": f"https://developer.vonage.com/api-errors/messages#{code}",
        "title": title,
        "detail": detail,
        "instance": str(uuid.uuid4()),
    }
    return Reply(status, {"content-type": "application/problem+json"}, json.dumps(said))
