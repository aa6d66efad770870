"""Postmark as the sandbox plays it: email/batch, which answers for each message, and takes the same one any number of
times. Whose address begins with `inactive` is refused.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = "/postmark/email/batch"
_MOST = 500
_ADDRESS = re.compile(r"[^@\s,]+@[^@\s,]+")
# clients of Postmark want one, and a sandbox has no clock
_SUBMITTED_AT = "2026-01-01T00:00:00Z"
_METADATA = {"fields": 10, "name": 20, "value": 80}


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Postmark says to a request to send a batch."""
    if path != _PATH:
        return ProviderAnswer("", _reply(404, {"ErrorCode": 0, "Message": "Not Found"}))
    if headers.get("x-postmark-server-token") != TOKEN:
        return ProviderAnswer("", _reply(401, _said(10, "The Server Token you provided is missing or invalid.")))
    try:
        mails = json.loads(body)
        recipients = ",".join(str(mail["To"]) for mail in mails)
    except (ValueError, LookupError, TypeError):
        return ProviderAnswer("", _reply(422, _said(402, "Received invalid JSON input.")))
    if len(mails) > _MOST:
        return ProviderAnswer(recipients, _reply(422, _said(410, f"You may send up to {_MOST} messages at once.")))
    results, taken = [], []
    for mail in mails:
        if fault := _fault(mail):
            results.append(_said(*fault))
            continue
        message_id = str(uuid.uuid4())
        taken.append((message_id, json.dumps(mail, ensure_ascii=False).encode()))
        results.append({**_said(0, "OK"), "To": mail["To"], "MessageID": message_id, "SubmittedAt": _SUBMITTED_AT})
    return ProviderAnswer(recipients, _reply(200, results), taken=taken)


def _fault(mail: Mapping[str, Any]) -> tuple[int, str] | None:
    """What is wrong with a mail: Postmark's number for it, and how that is said."""
    to = mail["To"]
    if not isinstance(to, str) or not _ADDRESS.fullmatch(to):
        return 300, f"Invalid 'To' address: '{to}'."
    if to.startswith("inactive"):
        return (
            406,
            f"You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: {to}.",
        )
    if not mail.get("From"):
        return 300, "Invalid 'From' address."
    if not mail.get("TextBody") and not mail.get("HtmlBody"):
        return 300, "Provide either email TextBody or HtmlBody or both."
    metadata = mail.get("Metadata") or {}
    if len(metadata) > _METADATA["fields"] or any(
        len(name) > _METADATA["name"] or not isinstance(value, str) or len(value) > _METADATA["value"]
        for name, value in metadata.items()
    ):
        return 300, "Invalid metadata content."
    return None


def _said(code: int, message: str) -> dict[str, object]:
    return {"ErrorCode": code, "Message": message}


def _reply(status: int, stated: object) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(stated))
