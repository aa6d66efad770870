"""Several webhooks in one call: a JSON array of them, and what the answer to it says of each.

An endpoint that takes batches takes each `id` in them once; which others came in the same call may differ when it is
made again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from activations.channels.face import Answer, Message, Status
from activations.channels.receivers import LATER, REASON_LENGTH

ANSWERS_BYTES = 1 << 20


def batched(messages: Sequence[Message]) -> Message:
    """Messages of one endpoint as one; the same messages give the same one."""
    ids = "\n".join(message.message_id for message in messages)
    key = f"hourbell-batch-{hashlib.sha256(ids.encode()).hexdigest()[:32]}"
    content = b"[" + b",".join(message.content for message in messages) + b"]"
    return Message(messages[0].action_id, key, messages[0].address, content)


def answers_of_each(messages: Sequence[Message], answer: Answer) -> list[Answer]:
    """What the answer to a call says of each message in it.

    It holds for all of them, unless it accepts and lists `results`, each with the `id` of a webhook and its `status` as
    one of HTTP. Whatever such a list leaves out or says unclearly is in doubt.
    """
    if answer.status != "accepted":
        return [answer._replace(action_id=message.action_id) for message in messages]
    results = _results(answer.reason or "")
    if results is None:
        return [_accepted(message) for message in messages]
    return [_answer(message, results.get(message.message_id)) for message in messages]


def _results(text: str) -> Mapping[str, Mapping[str, Any]] | None:
    """Results by id; None where an answer has none."""
    if len(text.encode()) >= ANSWERS_BYTES:
        # the rest may say that something was refused
        return {}
    try:
        listed = json.loads(text)
    except ValueError:
        return None
    if isinstance(listed, dict):
        listed = listed.get("results")
    if not isinstance(listed, list):
        return None
    return {str(result["id"]): result for result in listed if isinstance(result, dict) and "id" in result}


def _answer(message: Message, result: Mapping[str, Any] | None) -> Answer:
    if result is None:
        return Answer(message.action_id, "in doubt", "the answer to the batch does not say what became of it")
    status, reason = result.get("status"), " ".join(str(result.get("reason") or "").split())
    said = f"{status} {reason}".strip()[:REASON_LENGTH]
    if type(status) is int and 200 <= status < 300:
        return _accepted(message)
    meaning: Status = "in doubt"
    if type(status) is int and status in LATER:
        meaning = "retry"
    elif type(status) is int and 400 <= status < 500:
        meaning = "rejected"
    return Answer(message.action_id, meaning, said)


def _accepted(message: Message) -> Answer:
    return Answer(message.action_id, "accepted", provider_message_id=message.message_id)
