"""Webhooks about text messages as providers post them, signed with keys of the tests."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from provider_posts import NOW

from activations.collector.providers.face import Posted

TWILIO_TOKEN, VONAGE_SECRET, META_SECRET = "a token of the tests", "a" * 32, "app secret"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"
_SNS_KEY = rsa.generate_private_key(65537, 2048)

BOUNCE: dict[str, Any] = {
    "eventType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {"emailAddress": "a@shop.example", "diagnosticCode": "smtp; 550 user unknown"},
            {"emailAddress": "b@shop.example"},
        ],
        "timestamp": "2026-03-02T09:59:00.000Z",
    },
    "mail": {
        "messageId": "0102",
        "timestamp": "2026-03-02T09:58:00.000Z",
        "destination": ["a@shop.example"],
        "headers": [{"name": "Message-ID", "value": "<17.hourbell@shop.example>"}],
        "tags": {"action_id": ["17"], "ses:configuration-set": ["main"]},
    },
}


def certificate(name: str = "sns.amazonaws.com", key: rsa.RSAPrivateKey = _SNS_KEY, *, until: datetime = NOW) -> str:
    """A certificate that is valid until a day after the given time."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=300))
        .not_valid_after(until + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


SECRETS = {
    # a token has no spaces in it; what is set is read as words
    "TWILIO": TWILIO_TOKEN.replace(" ", ""),
    "VONAGE": VONAGE_SECRET,
    "META": META_SECRET.replace(" ", ""),
    "META_VERIFY": "verify-me",
    "SES": TOPIC,
    "SNS_CERTIFICATES": certificate(),
}


def twilio_post(
    fields: Mapping[str, str], url: str = "https://links.shop.example/webhooks/twilio", token: str = SECRETS["TWILIO"]
) -> Posted:
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    return Posted(url, headers, urlencode(fields).encode())


def vonage_post(body: Mapping[str, Any], at: datetime = NOW, secret: str = VONAGE_SECRET, **claims: Any) -> Posted:
    content = json.dumps(body).encode()
    said = {
        "iat": int(at.replace(tzinfo=UTC).timestamp()),
        "jti": "1",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(content).hexdigest(),
        "api_key": "abc",
        **claims,
    }
    token = jwt.encode(said, secret, algorithm="HS256")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return Posted("https://links.shop.example/webhooks/vonage", headers, content)


def meta_post(value: Mapping[str, Any], secret: str = SECRETS["META"]) -> Posted:
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": value}]}]}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Posted("https://links.shop.example/webhooks/meta", {"x-hub-signature-256": f"sha256={signature}"}, body)


def sns_post(message: Mapping[str, Any] | str, *, key: rsa.RSAPrivateKey = _SNS_KEY, **changes: str) -> Posted:
    """A message of SNS; changes without a signature of their own are signed."""
    envelope = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": f"{NOW:%Y-%m-%dT%H:%M:%S}.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    more = () if envelope["Type"] == "Notification" else ("SubscribeURL", "Token")
    names = sorted({"Message", "MessageId", "Timestamp", "TopicArn", "Type", "Subject", *more} & envelope.keys())
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in names).encode()
    algorithm = hashes.SHA256() if envelope["SignatureVersion"] == "2" else hashes.SHA1()
    signature = base64.b64encode(key.sign(signed, padding.PKCS1v15(), algorithm)).decode()
    return Posted(
        "https://links.shop.example/webhooks/ses",
        {"content-type": "text/plain; charset=UTF-8"},
        json.dumps({"Signature": signature, **envelope}).encode(),
    )
