"""Amazon SES as the sandbox plays it: SendBulkEmail, signed, which answers for each message, and takes the same one any
number of times. Whose address begins with `rejected` is refused, and with `throttled` put off.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from activations.keys.aws_signing import Credentials, is_signed
from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = "/ses/v2/email/outbound-bulk-emails"
_MOST, _MOST_BYTES, _LONGEST_DATA, _LONGEST_VALUE, _MOST_HEADERS = 50, 1_000_000, 262_144, 995, 15
_FIELD = re.compile(r"{{{(\w+)}}}")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HEADER_VALUE = re.compile(r"[ -~]*")


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What SES says to a request to send several mails."""
    if path != _PATH:
        return ProviderAnswer("", _error(404, "UnknownOperationException", ""))
    if not is_signed(Credentials(TOKEN, TOKEN), "ses", path, headers, body):
        told = "The request signature we calculated does not match the signature you provided."
        return ProviderAnswer("", _error(403, "SignatureDoesNotMatch", told))
    try:
        call = json.loads(body)
        entries = call["BulkEmailEntries"]
        template = call["DefaultContent"]["Template"]["TemplateContent"]
        recipients = ",".join(entry["Destination"]["ToAddresses"][0] for entry in entries)
        shapes = [fault for entry in entries if (fault := _shape_fault(entry))]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ProviderAnswer("", _error(400, "BadRequestException", "Unable to parse the request"))
    if not call.get("FromEmailAddress"):
        return ProviderAnswer(recipients, _error(400, "BadRequestException", "Missing required field FromEmailAddress"))
    if len(entries) > _MOST or len(body) > _MOST_BYTES:
        return ProviderAnswer(recipients, _error(400, "BadRequestException", "The call is too large"))
    if shapes:
        # one entry that is not as it must be, and none is taken
        return ProviderAnswer(recipients, _error(400, "BadRequestException", shapes[0]))
    results, taken = [], []
    for entry in entries:
        if refused := _refusal(entry):
            results.append(refused)
            continue
        message_id = f"{uuid.uuid4()}-000000"
        kept = {**entry, "FromEmailAddress": call["FromEmailAddress"], "Rendered": _rendered(template, entry)}
        taken.append((message_id, json.dumps(kept, ensure_ascii=False).encode()))
        results.append({"Status": "SUCCESS", "MessageId": message_id})
    return ProviderAnswer(recipients, _reply(200, {"BulkEmailEntryResults": results}), taken=taken)


def _shape_fault(entry: Mapping[str, Any]) -> str | None:
    if len(_data(entry)) > _LONGEST_DATA:
        return "Template data is too long"
    headers = entry.get("ReplacementHeaders", [])
    if len(headers) > _MOST_HEADERS or any(
        len(header["Value"]) > _LONGEST_VALUE or not _HEADER_VALUE.fullmatch(header["Value"]) for header in headers
    ):
        return "Invalid header"
    if any(not _TAG.fullmatch(tag["Value"]) for tag in entry.get("ReplacementTags", [])):
        return "Invalid tag value"
    return None


def _refusal(entry: Mapping[str, Any]) -> dict[str, str] | None:
    address = entry["Destination"]["ToAddresses"][0]
    if address.startswith("throttled"):
        return {"Status": "ACCOUNT_THROTTLED", "Error": "Maximum sending rate exceeded."}
    if address.startswith("rejected") or "@" not in address:
        return {"Status": "MESSAGE_REJECTED", "Error": f"Address {address} is refused"}
    return None


def _rendered(template: Mapping[str, str], entry: Mapping[str, Any]) -> dict[str, str]:
    """The parts of a template with their fields put in, as they stand."""
    fields = json.loads(_data(entry))
    return {part: _FIELD.sub(lambda found: str(fields[found[1]]), text) for part, text in template.items()}


def _data(entry: Mapping[str, Any]) -> str:
    return str(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])


def _error(status: int, kind: str, message: str) -> Reply:
    reply = _reply(status, {"message": message})
    return Reply(status, {**reply.headers, "x-amzn-errortype": kind}, reply.text)


def _reply(status: int, stated: object) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(stated))
