"""SendGrid's event webhook, signed with ECDSA (its Signed Event Webhook must be switched on)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from activations.collector.providers.face import (
    Kind,
    Posted,
    Provider,
    RefusedError,
    Report,
    action_of,
    check_fresh,
    digest,
    from_epoch,
    json_of,
    keys,
    said,
)

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_KINDS: Mapping[str, Kind] = {
    "processed": "queued",
    "deferred": "deferred",
    "delivered": "delivered",
    "dropped": "rejected",
    "bounce": "bounced",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed",
}
_REASONS = {
    "invalid": "invalid",
    "unsubscribed address": "unsubscribed",
    "spam reporting address": "spam",
    "bounce": "bounced",
    "bounced address": "bounced",
    "blocked": "blocked",
    "expired": "timed_out",
}
# the rest of an event are the custom arguments of the message
_OWN_WORDS = (
    "anymail_id asm_group_id attempt bounce_classification category cert_err email event ip marketing_campaign_id "
    "marketing_campaign_name pool post_type reason response send_at sg_content_type sg_event_id sg_machine_open "
    "sg_message_id sg_template_id sg_template_name smtp-id status timestamp tls type url url_offset useragent"
)
_OWN = frozenset(_OWN_WORDS.split())


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret SENDGRID is the verification key of the webhook's settings, which is a public one."""
    check(posted, keys(secrets, "SENDGRID"), now)
    events = json_of(posted.body)
    if not isinstance(events, list):
        raise RefusedError("its body is no list of events")
    return [_report(event) for event in events if isinstance(event, dict)]


def check(posted: Posted, public_keys: Sequence[str], now: datetime) -> None:
    """Raises RefusedError unless the body was signed with one of the keys."""
    timestamp = posted.headers.get(TIMESTAMP, "")
    try:
        signature = base64.b64decode(posted.headers.get(SIGNATURE, ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("its signature cannot be read") from error
    if not any(_is_of(key, signature, timestamp.encode() + posted.body) for key in public_keys):
        raise RefusedError("its signature is not SendGrid's")
    check_fresh(timestamp, now)


def _is_of(key: str, signature: bytes, signed: bytes) -> bool:
    try:
        public = load_der_public_key(base64.b64decode(key, validate=True))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _report(event: dict[str, Any]) -> Report:
    name = said(event, "event") or ""
    kind = _KINDS.get(name, "unknown")
    event_id = said(event, "sg_event_id")
    reason = (said(event, "type") or said(event, "reason") or "").lower()
    is_dropped = name == "dropped"
    category = event.get("category", ())
    return Report(
        kind,
        event_id or digest(event),
        from_epoch(event.get("timestamp")),
        recipient=said(event, "email"),
        event_id=event_id,
        message_id=said(event, "anymail_id") or said(event, "smtp-id"),
        action_id=action_of(event.get("action_id")),
        reject_reason=_REASONS.get(reason, "other") if is_dropped else None,
        mta_response=None if is_dropped else said(event, "response") or said(event, "reason"),
        tags=category if isinstance(category, str) else tuple(category),
        metadata={key: value for key, value in event.items() if key not in _OWN},
        click_url=said(event, "url"),
        user_agent=said(event, "useragent"),
        # a block is for now: a full mailbox, or a mailbox provider that does not want us today
        is_hard=name == "bounce" and reason != "blocked",
        is_machine=event.get("sg_machine_open") in (True, "true"),
    )


PROVIDER = Provider("sendgrid", receive)
