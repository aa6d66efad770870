"""Webhooks as providers post them, signed with keys of the tests."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from activations.collector.providers.face import Posted
from activations.collector.providers.sendgrid import SIGNATURE, TIMESTAMP

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOW = datetime(2026, 3, 2, 10)
MAILGUN_KEY = "TEST_WEBHOOK_SIGNING_KEY"
POSTMARK_USER = "hourbell:pass:word"
SENDGRID_KEY = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
SECRETS = {
    "SENDGRID": base64.b64encode(
        SENDGRID_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode(),
    # while a key is changed there are two
    "MAILGUN": f"{MAILGUN_KEY} TEST_API_KEY",
    "POSTMARK": POSTMARK_USER,
}


def recorded(file: str) -> list[dict[str, Any]]:
    """The webhooks of a file of ../shared/data; the test is skipped where it is not here."""
    path = DATA / file
    if not path.exists():
        pytest.skip(f"../shared/data/{file} is not here")
    return list(json.loads(path.read_text()))


def provider_of(case: Mapping[str, Any]) -> str:
    return str(case["path"]).split("/")[2]


def as_posted(case: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Posted:
    """A recorded webhook as it came, with further headers."""
    kind, body = case["content_type"], case["body"]
    if kind.startswith("multipart"):
        content = multipart(body, kind.partition("boundary=")[2])
    else:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
    given = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value.removeprefix("b'").removesuffix("'")
        for name, value in case["headers"].items()
    }
    return Posted(
        f"https://links.shop.example/webhooks/{provider_of(case)}",
        {"content-type": kind, **given, **(headers or {})},
        content,
    )


def multipart(fields: Mapping[str, str | list[str]], boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return f"{''.join(parts)}--{boundary}--\r\n".encode()


def sendgrid_headers(body: bytes, at: datetime = NOW) -> dict[str, str]:
    timestamp = str(int(at.replace(tzinfo=UTC).timestamp()))
    signature = SENDGRID_KEY.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def postmark_headers() -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(POSTMARK_USER.encode()).decode()}"}


def mailgun_post(token: str, event: Mapping[str, Any], at: datetime = NOW) -> Posted:
    timestamp = str(int(at.replace(tzinfo=UTC).timestamp()))
    signature = hmac.new(MAILGUN_KEY.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    body = {"signature": {"timestamp": timestamp, "token": token, "signature": signature}, "event-data": event}
    return Posted(
        "https://links.shop.example/webhooks/mailgun",
        {"content-type": "application/json"},
        json.dumps(body).encode(),
    )
