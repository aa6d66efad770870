"""E-mail by Postmark's email/batch: up to 500 messages a call, each with an answer of its own."""

from collections.abc import Sequence
from typing import Any

import orjson

from activations import mime
from activations.carriers.api import MEGABYTE, Api, ApiCarrier, in_doubt, json_headers, open_api, read_json
from activations.carriers.face import Mail
from activations.carriers.mail_settings import read_mail_settings
from activations.channels.face import Answer, Message, Setting
from activations.channels.receivers import REASON_LENGTH
from activations.transport.http import HttpAnswer

PROVIDER = "postmark"
_STREAM = (r"[a-z0-9][a-z0-9-]*", "the id of a message stream, as in broadcast")
_TAKEN = 0
_LATER = frozenset({100, 429})
"""Maintenance, and too many calls."""
_REFUSES_US = frozenset({10, 400, 401, 405, 412, 413})
"""What Postmark finds wrong with the token, the sender or the account, and not with the one message."""
_STREAMS = range(1220, 1300)
"""What it finds wrong with the stream."""
_MEND = "mend HOURBELL_TOKEN_POSTMARK, the sender or mail.yml"


def open_carrier(setting: Setting, sender: str) -> ApiCarrier:
    """The carrier by the server whose token is HOURBELL_TOKEN_POSTMARK; `sender` has to be confirmed there."""
    streams = read_mail_settings(setting.templates, PROVIDER, {"promotional": _STREAM, "transactional": _STREAM})
    headers = json_headers(x_postmark_server_token=setting.profile.token(PROVIDER))
    api = Api(
        PROVIDER,
        "Postmark",
        "api.postmarkapp.com",
        "/email/batch",
        mend=_MEND,
        encode=lambda mail: encode(mail, streams["promotional" if mail.is_promotional else "transactional"]),
        headers=lambda url, body: headers,
        largest=10 * MEGABYTE,
        call_size=500,
        largest_call=50 * MEGABYTE,
        together=lambda contents: b"[" + b",".join(contents) + b"]",
        of_each=of_each,
        refuses_us=_refuses_us,
    )
    return open_api(setting, api)


def encode(mail: Mail, stream: str) -> bytes:
    return orjson.dumps(
        {
            "From": mime.plain_mailbox(mail.sender_name, mail.sender),
            "To": mail.recipient,
            "Subject": mail.subject,
            "TextBody": mail.text,
            "HtmlBody": mail.html,
            # the id of the message is Postmark's own
            "Headers": [{"Name": name, "Value": value} for name, value in mail.headers.items()],
            "Metadata": {"action_id": str(mail.action_id)},
            "MessageStream": stream,
        }
    )


def of_each(messages: Sequence[Message], said: str) -> list[Answer]:
    """What Postmark says of each message of a batch: a list in the same order."""
    results = read_json(said)
    if not isinstance(results, list) or len(results) != len(messages):
        return in_doubt(messages)
    return [_answer(message, result) for message, result in zip(messages, results, strict=True)]


def _answer(message: Message, result: Any) -> Answer:
    if not isinstance(result, dict) or _is_of_another(message, result):
        return in_doubt([message])[0]
    known_as = result.get("MessageID")
    # while it is slow it takes messages without a code
    code = result.get("ErrorCode", _TAKEN if known_as else None)
    reason = " ".join(f"{code} {result.get('Message') or ''}".split())[:REASON_LENGTH]
    if type(code) is not int:
        return in_doubt([message])[0]
    if code == _TAKEN:
        return Answer(message.action_id, "accepted", provider_message_id=str(known_as or message.message_id))
    if code in _LATER:
        return Answer(message.action_id, "retry", reason)
    if _is_about_us(code):
        return Answer(message.action_id, "postponed", f"{PROVIDER}: {reason}: {_MEND}")
    return Answer(message.action_id, "rejected", reason)


def _is_of_another(message: Message, result: dict[str, Any]) -> bool:
    # a domain may be written in two ways
    to, wanted = (str(address or "").rpartition("@")[0].casefold() for address in (result.get("To"), message.address))
    return to not in ("", wanted)


def _is_about_us(code: object) -> bool:
    return code in _REFUSES_US or code in _STREAMS


def _refuses_us(said: HttpAnswer) -> bool:
    stated = read_json(said.text)
    return isinstance(stated, dict) and _is_about_us(stated.get("ErrorCode"))
