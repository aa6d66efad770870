"""Meta's WhatsApp Cloud API: what becomes of messages, and what people write back, signed with the app's secret."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from activations.collector.providers.face import (
    Kind,
    Posted,
    Provider,
    RefusedError,
    Report,
    action_of,
    from_epoch,
    keys,
    listed,
    object_of,
    part,
    said,
)

SIGNATURE = "x-hub-signature-256"
CHANNEL = "whatsapp"
_KINDS: Mapping[str, Kind] = {
    "sent": "queued",
    "delivered": "delivered",
    "read": "opened",
    "failed": "failed",
}
# no such account; the person has stopped marketing messages
_NOBODY, _HAS_STOPPED = 131026, 131050


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret META is the app's secret."""
    check(posted, keys(secrets, "META"))
    whole = object_of(posted.body)
    return [
        report
        for entry in listed(whole, "entry")
        for change in listed(entry, "changes")
        for report in _reports(part(change, "value"))
    ]


def greet(parameters: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    """What Meta asks before it posts to us: the secret META_VERIFY is the verify token of the webhook's settings."""
    given = parameters.get("hub.verify_token", "").encode()
    matching = [hmac.compare_digest(token.encode(), given) for token in keys(secrets, "META_VERIFY")]
    if parameters.get("hub.mode") != "subscribe" or not any(matching):
        raise RefusedError("its verify token is not ours")
    return parameters.get("hub.challenge", "")


def check(posted: Posted, app_secrets: Sequence[str]) -> None:
    """Raises RefusedError unless the body was signed with one of the secrets.

    The signature has no time in it: what comes again is known by the id of its message.
    """
    given = posted.headers.get(SIGNATURE, "").encode()
    matching = [
        hmac.compare_digest(
            f"sha256={hmac.new(secret.encode(), posted.body, hashlib.sha256).hexdigest()}".encode(), given
        )
        for secret in app_secrets
    ]
    if not any(matching):
        raise RefusedError("its signature is not Meta's")


def _reports(value: Any) -> Iterator[Report]:
    for status in listed(value, "statuses"):
        yield _of_status(status)
    for message in listed(value, "messages"):
        message_id = said(message, "id") or ""
        text = said(message, "text", "body") or said(message, "button", "text") or said(message, "button", "payload")
        yield Report(
            "received",
            message_id,
            from_epoch(part(message, "timestamp")),
            CHANNEL,
            _number(said(message, "from")),
            message_id,
            message_id,
            text=text or said(message, "interactive", "button_reply", "title"),
        )
    for preference in listed(value, "user_preferences"):
        stops = said(preference, "value") == "stop"
        number, at = said(preference, "wa_id"), part(preference, "timestamp")
        yield Report(
            "unsubscribed" if stops else "subscribed",
            f"{number}/{said(preference, 'value')}/{at}",
            from_epoch(at),
            CHANNEL,
            _number(number),
            description=said(preference, "detail"),
        )


def _of_status(status: Any) -> Report:
    message_id, name = said(status, "id") or "", said(status, "status") or ""
    error = next(iter(listed(status, "errors")), None)
    code = part(error, "code")
    return Report(
        "bounced" if code == _NOBODY else _KINDS.get(name, "unknown"),
        f"{message_id}/{name}",
        from_epoch(part(status, "timestamp")),
        CHANNEL,
        _number(said(status, "recipient_id")),
        f"{message_id}/{name}",
        message_id,
        action_of(part(status, "biz_opaque_callback_data")),
        reject_reason="unsubscribed" if code == _HAS_STOPPED else None,
        description=said(error, "title"),
    )


def _number(text: str | None) -> str | None:
    """In E.164 form; Meta leaves the plus out."""
    return f"+{text}" if text and text.isdigit() else text


PROVIDER = Provider("meta", receive, greet)
