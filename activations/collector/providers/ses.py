"""Amazon SES by way of SNS, which signs what it posts with a certificate of Amazon's.

The certificate is handed in and never fetched: whoever can name its address could have us call any other. A message
that is signed with one that we do not have is refused, and the log names the one that is missing.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from activations.collector.providers.face import (
    Kind,
    Posted,
    Provider,
    RefusedError,
    Report,
    action_of,
    check_fresh,
    from_iso,
    keys,
    listed,
    object_of,
    part,
    said,
)

_HOST = re.compile(r"sns\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}
_CERTIFICATE_OF = "sns.amazonaws.com"
_KINDS: Mapping[str, Kind] = {
    "Send": "queued",
    "DeliveryDelay": "deferred",
    "Delivery": "delivered",
    "Reject": "rejected",
    "Rendering Failure": "failed",
    "Bounce": "bounced",
    "Open": "opened",
    "Click": "clicked",
    "Complaint": "complained",
    "Subscription": "unsubscribed",
}


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret SES names our topics by their ARN, and SNS_CERTIFICATES has certificates of SNS in PEM."""
    topics = keys(secrets, "SES")
    keys(secrets, "SNS_CERTIFICATES")
    envelope = object_of(posted.body)
    check(envelope, topics, secrets["SNS_CERTIFICATES"], now)
    if envelope["Type"] != "Notification":
        return []
    record = object_of((said(envelope, "Message") or "").encode())
    return list(_reports(record, f"{envelope['MessageId']}"))


def subscribe_url(posted: Posted) -> str | None:
    """Where a person confirms that SNS may post to us, if that is what it asks. To be read once it is believed."""
    envelope = object_of(posted.body)
    return said(envelope, "SubscribeURL") if said(envelope, "Type") == "SubscriptionConfirmation" else None


def check(envelope: Mapping[str, Any], topics: Sequence[str], certificates: str, now: datetime) -> None:
    """Raises RefusedError unless it is of one of our topics, and signed lately with a certificate of SNS."""
    kind, topic = said(envelope, "Type") or "", said(envelope, "TopicArn") or ""
    if kind not in _SIGNED:
        raise RefusedError("it is no message of SNS")
    if topic not in topics:
        # anybody can have a topic, and SNS signs for them all
        raise RefusedError("it is of no topic of ours")
    url = said(envelope, "SigningCertURL") or ""
    _check_host(url, topic)
    algorithm = _HASHES.get(said(envelope, "SignatureVersion") or "")
    try:
        signature = base64.b64decode(said(envelope, "Signature") or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("its signature cannot be read") from error
    present = [(name, said(envelope, name)) for name in _SIGNED[kind]]
    signed = "".join(f"{name}\n{value}\n" for name, value in present if value is not None).encode()
    if algorithm is None or not any(
        _is_of(certificate, signature, signed, algorithm, now) for certificate in _certificates(certificates)
    ):
        raise RefusedError(f"its signature is by no certificate of ours; it names {url}")
    moment = from_iso(said(envelope, "Timestamp"))
    check_fresh(None if moment is None else moment.replace(tzinfo=UTC).timestamp(), now)


def _check_host(url: str, topic: str) -> None:
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError as error:
        raise RefusedError("its certificate's address cannot be read") from error
    found = _HOST.fullmatch(host)
    of_region = topic.split(":")[3:4]
    if parts.scheme != "https" or not found or port not in (None, 443) or user is not None or [found[1]] != of_region:
        raise RefusedError("its certificate is not at the SNS of the topic's region")


def _certificates(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise RefusedError("the certificates of SNS that we have cannot be read") from error


def _is_of(
    certificate: x509.Certificate, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm, now: datetime
) -> bool:
    names = [name.value for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    public = certificate.public_key()
    moment = now.replace(tzinfo=UTC)
    is_valid = certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc
    if names != [_CERTIFICATE_OF] or not is_valid or not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(signature, signed, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _reports(record: dict[str, Any], dedupe: str) -> Iterator[Report]:
    name = said(record, "eventType") or said(record, "notificationType") or ""
    kind = _KINDS.get(name, "unknown")
    told = part(record, "failure" if kind == "failed" else name[:1].lower() + name[1:])
    is_hard = kind == "bounced" and said(told, "bounceType") == "Permanent"
    tags = part(record, "mail", "tags")
    message_ids = [
        said(header, "value")
        for header in listed(record, "mail", "headers")
        if (said(header, "name") or "").lower() == "message-id"
    ]
    for number, (recipient, answer) in enumerate(_recipients(record, told)):
        yield Report(
            kind,
            f"{dedupe}/{number}",
            from_iso(said(told, "timestamp") or said(record, "mail", "timestamp")),
            recipient=recipient,
            event_id=dedupe,
            message_id=next(iter(message_ids), None) or said(record, "mail", "messageId"),
            action_id=action_of(next(iter(listed(tags, "action_id")), None)),
            reject_reason=_reason(kind, told),
            description=said(told, "bounceSubType") or said(told, "reason") or said(told, "errorMessage"),
            mta_response=answer or said(told, "smtpResponse"),
            metadata=tags if isinstance(tags, dict) else {},
            click_url=said(told, "link"),
            user_agent=said(told, "userAgent"),
            is_hard=is_hard,
        )


def _reason(kind: Kind, told: Any) -> str | None:
    if kind == "rejected":
        return "blocked"
    if kind == "bounced":
        return "bounced"
    return "spam" if kind == "complained" else None


def _recipients(record: dict[str, Any], told: Any) -> list[tuple[str | None, str | None]]:
    """Whom it is about, each with what their mail server said."""
    for name in ("bouncedRecipients", "complainedRecipients", "delayedRecipients"):
        if found := listed(told, name):
            return [(said(one, "emailAddress"), said(one, "diagnosticCode")) for one in found]
    recipients = listed(told, "recipients") or listed(record, "mail", "destination") or [None]
    return [(recipient if isinstance(recipient, str) else None, None) for recipient in recipients]


PROVIDER = Provider("ses", receive, asks=subscribe_url)
