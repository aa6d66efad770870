"""Postmark's webhooks. It signs nothing: the user name and password in their URL show that they are its own."""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from activations.collector.providers.face import (
    Kind,
    Posted,
    Provider,
    RefusedError,
    Report,
    action_of,
    digest,
    from_iso,
    keys,
    object_of,
    part,
    said,
)

_RECORDS: Mapping[str, Kind] = {
    "Bounce": "bounced",
    "Click": "clicked",
    "Delivery": "delivered",
    "Open": "opened",
    "SpamComplaint": "complained",
    "SubscriptionChange": "unsubscribed",
}
# what a bounce, or a change of a subscription, is by its type
_TYPES: Mapping[str, tuple[Kind, str | None]] = {
    "HardBounce": ("bounced", "bounced"),
    "SoftBounce": ("bounced", "bounced"),
    "DnsError": ("bounced", "bounced"),
    "VirusNotification": ("bounced", "other"),
    "SpamNotification": ("bounced", "spam"),
    "Transient": ("deferred", None),
    "OpenRelayTest": ("deferred", None),
    "Unsubscribe": ("unsubscribed", "unsubscribed"),
    "Subscribe": ("subscribed", None),
    "AutoResponder": ("autoresponded", None),
    "ChallengeVerification": ("autoresponded", None),
    "AddressChange": ("autoresponded", None),
    "BadEmailAddress": ("rejected", "invalid"),
    "SpamComplaint": ("complained", "spam"),
    "ManuallyDeactivated": ("rejected", "blocked"),
    "Unconfirmed": ("rejected", None),
    "Blocked": ("rejected", "blocked"),
    "DMARCPolicy": ("rejected", "blocked"),
    "SMTPApiError": ("failed", None),
    "TemplateRenderingFailed": ("failed", None),
    "ManualSuppression": ("unsubscribed", "unsubscribed"),
    "Unknown": ("unknown", None),
}
_HARD = frozenset({"HardBounce", "BadEmailAddress"})
_TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret POSTMARK is user:password, as in https://user:password@links.shop.example/webhooks/postmark."""
    check(posted, keys(secrets, "POSTMARK"))
    return [_report(object_of(posted.body))]


def check(posted: Posted, users: Sequence[str]) -> None:
    """Raises RefusedError unless the request came with a user name and password that are ours."""
    scheme, _, given = posted.headers.get("authorization", "").partition(" ")
    try:
        plain = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("its user name and password cannot be read") from error
    # each is compared, so that the time tells nothing
    matching = [hmac.compare_digest(user.encode(), plain) for user in users]
    if scheme.lower() != "basic" or not any(matching):
        raise RefusedError("its user name and password are not ours")


def _report(record: dict[str, Any]) -> Report:
    name = said(record, "RecordType") or ""
    kind = _RECORDS.get(name, "unknown")
    told: str | None = None
    if kind in ("bounced", "complained"):
        told = said(record, "Type")
    elif kind == "unsubscribed":
        told = said(record, "SuppressionReason") if record.get("SuppressSending", True) else "Subscribe"
    kind, reason = _TYPES.get(told or "", (kind, None))
    number = record.get("ID")
    metadata = part(record, "Metadata")
    moments = [moment for at in _TIMES if (moment := from_iso(record.get(at)))]
    return Report(
        kind,
        f"{name}/{number}" if number else digest(record),
        moments[0] if moments else None,
        recipient=said(record, "Email") or said(record, "Recipient"),
        event_id=None if number is None else str(number),
        message_id=said(record, "MessageID"),
        action_id=action_of(part(metadata, "action_id")),
        reject_reason=reason,
        description=said(record, "Description"),
        mta_response=said(record, "Details"),
        tags=(record["Tag"],) if isinstance(record.get("Tag"), str) else (),
        metadata=metadata if isinstance(metadata, dict) else {},
        click_url=said(record, "OriginalLink"),
        user_agent=said(record, "UserAgent"),
        is_hard=told in _HARD,
    )


PROVIDER = Provider("postmark", receive)
