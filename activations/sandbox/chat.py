"""Incoming webhooks of Slack and of a workflow in Teams, as the sandbox plays them: they take the same post any number
of times. A room whose name says so is one that is gone."""

import json
import uuid
from collections.abc import Mapping

from activations.sandbox.reply import ProviderAnswer, Reply

GONE, ARCHIVED = "gone", "archived"
_PLAIN = {"content-type": "text/plain; charset=utf-8"}
_CARD = "application/vnd.microsoft.card.adaptive"


def slack(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What Slack says to a post to a room."""
    room = path.rpartition("/")[2]
    if room == GONE:
        return ProviderAnswer(room, Reply(404, _PLAIN, "no_service"))
    if room == ARCHIVED:
        return ProviderAnswer(room, Reply(410, _PLAIN, "channel_is_archived"))
    stated = _stated(headers, body)
    if stated is None:
        return ProviderAnswer(room, Reply(400, _PLAIN, "invalid_payload"))
    text = stated.get("text")
    if not isinstance(text, str) or not text.strip():
        return ProviderAnswer(room, Reply(400, _PLAIN, "no_text"))
    return ProviderAnswer(room, Reply(200, _PLAIN, "ok"), uuid.uuid4().hex)


def teams(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What the workflow behind a room in Teams says to a post; it takes it, and puts it there later."""
    room = path.rpartition("/")[2]
    if room == GONE:
        return ProviderAnswer(room, _error(404, "WorkflowNotFound", "The workflow could not be found."))
    if room == ARCHIVED:
        said = "Could not execute workflow trigger 'manual' with state 'Disabled': trigger is not enabled."
        return ProviderAnswer(room, _error(400, "WorkflowTriggerIsNotEnabled", said))
    stated = _stated(headers, body)
    attachments = None if stated is None else stated.get("attachments")
    is_card = isinstance(attachments, list) and all(
        isinstance(each, dict)
        and each.get("contentType") == _CARD
        and isinstance(each.get("content"), dict)
        and each["content"].get("type") == "AdaptiveCard"
        and each["content"].get("body")
        for each in attachments
    )
    if stated is None or stated.get("type") != "message" or not attachments or not is_card:
        return ProviderAnswer(room, _error(400, "InvalidRequestContent", "The request content is not valid."))
    return ProviderAnswer(room, Reply(202), uuid.uuid4().hex)


def _stated(headers: Mapping[str, str], body: bytes) -> dict[str, object] | None:
    if not headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        stated = json.loads(body)
    except ValueError:
        return None
    return stated if isinstance(stated, dict) else None


def _error(status: int, code: str, message: str) -> Reply:
    said = {"error": {"code": code, "message": message}}
    return Reply(status, {"content-type": "application/json"}, json.dumps(said))
