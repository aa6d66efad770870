"""Twilio as the sandbox plays it: the Messages resource, with its test numbers. It takes the same message any number of
times, as the real one does."""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = re.compile(r"/twilio/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Messages\.json")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_TEXT = 1_600
# Twilio's own numbers for tests
_REFUSED = {
    "+15005550001": (21211, "The 'To' number {to} is not a valid phone number."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Twilio says to a request to send a message."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    to, text = form.get("To", ""), form.get("Body", "")
    at = _PATH.fullmatch(path)
    if at is None:
        return ProviderAnswer(to, _error(404, 20404, f"The requested resource {path} was not found"))
    credentials = base64.b64encode(f"{at[1]}:{TOKEN}".encode()).decode()
    if headers.get("authorization") != f"Basic {credentials}":
        return ProviderAnswer(to, _error(401, 20003, "Authenticate"))
    if not to:
        return ProviderAnswer(to, _error(400, 21604, "A 'To' phone number is required."))
    if not _E164.fullmatch(to):
        return ProviderAnswer(to, _error(400, 21211, f"The 'To' number {to} is not a valid phone number."))
    if to in _REFUSED:
        code, message = _REFUSED[to]
        return ProviderAnswer(to, _error(400, code, message.format(to=to)))
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return ProviderAnswer(to, _error(400, 21603, "A 'From' phone number is required."))
    if not text:
        return ProviderAnswer(to, _error(400, 21602, "Message body is required."))
    if len(text) > _LONGEST_TEXT:
        return ProviderAnswer(to, _error(400, 21617, "The concatenated message body exceeds the 1600 character limit"))
    sid = f"SM{uuid.uuid4().hex}"
    taken = {"sid": sid, "account_sid": at[1], "to": to, "body": text, "status": "queued", "error_code": None}
    return ProviderAnswer(to, Reply(201, {"content-type": "application/json"}, json.dumps(taken)), sid)


def _error(status: int, code: int, message: str) -> Reply:
    said = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Reply(status, {"content-type": "application/json"}, json.dumps(said))
