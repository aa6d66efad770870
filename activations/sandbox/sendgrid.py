"""SendGrid as the sandbox plays it: mail/send, which takes the same message any number of times."""

import json
import uuid
from collections.abc import Mapping

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = "/sendgrid/v3/mail/send"
_RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
     "subject", "reply-to", "cc", "bcc"}
)  # fmt: skip


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What SendGrid says to a request to send a mail to one recipient."""
    if path != _PATH:
        return ProviderAnswer("", _error(404, "Not Found"))
    if headers.get("authorization") != f"Bearer {TOKEN}":
        return ProviderAnswer("", _error(401, "The provided authorization grant is invalid, expired, or revoked"))
    try:
        mail = json.loads(body)
        recipient = str(mail["personalizations"][0]["to"][0]["email"])
    except (ValueError, LookupError, TypeError):
        return ProviderAnswer("", _error(400, "Bad Request"))
    if fault := _fault(mail):
        return ProviderAnswer(recipient, _error(400, *fault))
    message_id = uuid.uuid4().hex[:22]
    return ProviderAnswer(recipient, Reply(202, {"X-Message-Id": message_id}), message_id)


def _fault(mail: Mapping[str, object]) -> tuple[str, str] | None:
    """What is wrong with a mail, and in which field."""
    if not mail.get("from"):
        return "The from object must be provided for every email send.", "from"
    if not mail.get("subject"):
        return "The subject is required.", "subject"
    content = mail.get("content")
    if not isinstance(content, list) or not content or not all(part.get("value") for part in content):
        return "The content value must be a string at least one character in length.", "content.0.value"
    if content[0].get("type") != "text/plain" and len(content) > 1:
        return "If present, text/plain and text/html may only be provided once, and text/plain first.", "content"
    named = mail.get("headers")
    if isinstance(named, dict) and _RESERVED & {str(name).lower() for name in named}:
        return "The headers field must not contain reserved keys.", "headers"
    return None


def _error(status: int, message: str, field: str | None = None) -> Reply:
    said = {"errors": [{"message": message, "field": field, "help": None}]}
    return Reply(status, {"content-type": "application/json"}, json.dumps(said))
