"""Vonage: what becomes of text messages, and what people text back, by its Messages API or its SMS API.

Each request carries a JSON Web Token that is signed with the account's signature secret and names a hash of the body.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jwt

from activations.collector.providers.face import (
    Kind,
    Posted,
    Provider,
    RefusedError,
    Report,
    action_of,
    check_fresh,
    digest,
    from_iso,
    keys,
    object_of,
    part,
    said,
)

_KINDS: Mapping[str, Kind] = {
    "submitted": "queued",
    "accepted": "queued",
    "buffered": "queued",
    "delivered": "delivered",
    "read": "opened",
    "undeliverable": "bounced",
    "expired": "bounced",
    "failed": "failed",
    "rejected": "rejected",
}
_CHANNELS = {"whatsapp": "whatsapp"}


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret VONAGE is the signature secret of the account."""
    check(posted, keys(secrets, "VONAGE"), now)
    body = object_of(posted.body)
    # the Messages API says message_uuid, the SMS API messageId
    message_id = said(body, "message_uuid") or said(body, "messageId")
    if message_id is None:
        raise RefusedError("it names no message")
    channel = _CHANNELS.get(said(body, "channel") or "", "sms")
    at = from_iso(said(body, "timestamp")) or from_iso(_zoned(said(body, "message-timestamp")))
    status = said(body, "status")
    if status is None:
        sender = said(body, "from") or said(body, "msisdn")
        return [
            Report(
                "received", message_id, at, channel, _number(sender), message_id, message_id, text=said(body, "text")
            )
        ]
    error = said(body, "error", "title") or said(body, "err-code")
    recipient = said(body, "to") if "message_uuid" in body else said(body, "msisdn")
    return [
        Report(
            _KINDS.get(status, "unknown"),
            f"{message_id}/{status}",
            at,
            channel,
            _number(recipient),
            digest(body),
            message_id,
            action_of(body.get("client_ref") or body.get("client-ref")),
            description=said(body, "error", "detail") or error,
            is_hard=status == "undeliverable",
        )
    ]


def check(posted: Posted, signature_secrets: Sequence[str], now: datetime) -> None:
    """Raises RefusedError unless the token is of one of the secrets, fresh, and about this body."""
    scheme, _, token = posted.headers.get("authorization", "").partition(" ")
    claims = next((found for secret in signature_secrets if (found := _claims(token, secret)) is not None), None)
    if scheme.lower() != "bearer" or claims is None:
        raise RefusedError("its token is not Vonage's")
    check_fresh(part(claims, "iat"), now)
    hashed = said(claims, "payload_hash") or ""
    if not hmac.compare_digest(hashlib.sha256(posted.body).hexdigest().encode(), hashed.lower().encode()):
        raise RefusedError("its token is about another body")


def _claims(token: str, secret: str) -> dict[str, Any] | None:
    try:
        # times are held against the time that is handed in
        return dict(
            jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
            )
        )
    except jwt.InvalidTokenError:
        return None


def _number(text: str | None) -> str | None:
    """In E.164 form; Vonage leaves the plus out."""
    return f"+{text}" if text and text.isdigit() else text


def _zoned(text: str | None) -> str | None:
    """The SMS API's times are UTC and do not say so."""
    return f"{text}+00:00" if text and "+" not in text and not text.endswith("Z") else text


PROVIDER = Provider("vonage", receive)
