"""Meta's Cloud API as the sandbox plays it: messages by template, and the same one any number of times."""

import json
import re
import uuid
from collections.abc import Mapping

from activations.sandbox.reply import TOKEN, ProviderAnswer, Reply

_PATH = re.compile(r"/whatsapp/v[0-9]+\.[0-9]/[0-9]+/messages")
_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_NOT_ON_WHATSAPP = "15005559999"


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Meta says to a request to send a message."""
    if not _PATH.fullmatch(path):
        return ProviderAnswer("", _error(404, 100, "Unsupported post request"))
    if headers.get("authorization") != f"Bearer {TOKEN}":
        return ProviderAnswer("", _error(401, 190, "Invalid OAuth access token"))
    try:
        said = json.loads(body)
        to = str(said.get("to", ""))
    except (ValueError, AttributeError):
        return ProviderAnswer("", _error(400, 100, "Invalid parameter", "The body is no JSON object."))
    if fault := _fault(said, to):
        return ProviderAnswer(to, _error(400, *fault))
    message_id = f"wamid.{uuid.uuid4().hex}"
    taken = {
        "messaging_product": "whatsapp",
        "contacts": [{"input": to, "wa_id": to}],
        "messages": [{"id": message_id, "message_status": "accepted"}],
    }
    return ProviderAnswer(to, Reply(200, {"content-type": "application/json"}, json.dumps(taken)), message_id)


def _fault(said: Mapping[str, object], to: str) -> tuple[int, str, str] | None:
    """What is wrong with a message: a code, its title, and what it is about."""
    if said.get("messaging_product") != "whatsapp" or not to:
        return 100, "Invalid parameter", "messaging_product and to are required."
    if not _NUMBER.fullmatch(to):
        return 131009, "Parameter value is not valid", "to is no telephone number."
    template = said.get("template")
    if said.get("type") != "template" or not isinstance(template, dict):
        return 131047, "Re-engagement message", "Only a template may begin a conversation."
    if not template.get("name") or not isinstance(template.get("language"), dict):
        return 131008, "Required parameter is missing", "A template has a name and a language."
    for component in template.get("components", ()):
        for parameter in component.get("parameters", ()):
            text = parameter.get(parameter.get("type"))
            if not isinstance(text, str) or not text:
                return 131008, "Required parameter is missing", f"Parameter of {component.get('type')} lacks its text."
            if "\n" in text or "\t" in text or " " * 5 in text:
                return 132012, "Parameter format does not match", "No line break, tab or more than four spaces."
    if to == _NOT_ON_WHATSAPP:
        return 131026, "Message undeliverable", "The recipient is not on WhatsApp."
    return None


def _error(status: int, code: int, message: str, details: str = "") -> Reply:
    said = {
        "error": {
            "message": f"(#{code}) {message}",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": details},
            "fbtrace_id": uuid.uuid4().hex[:11],
        }
    }
    return Reply(status, {"content-type": "application/json"}, json.dumps(said))
