"""Sign and check webhooks by the Standard Webhooks scheme (HMAC-SHA256, `v1`)."""

import base64
import binascii
import hmac
from collections.abc import Mapping

from activations.errors import HourbellError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = 300
"""Seconds by which the clocks of sender and receiver may differ."""
_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key within a secret, as in `whsec_…`; raises HourbellError, which never quotes it."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise HourbellError(f"A secret of a webhook is not as it must be: {_PREFIX} and base64. Copy it once more.")
    return key


def signed_headers(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that show who sent a body, and when."""
    return {ID: webhook_id, TIMESTAMP: str(timestamp), SIGNATURE: _signature(key, webhook_id, str(timestamp), body)}


def is_signed(key: bytes, headers: Mapping[str, str], body: bytes, *, now: int) -> bool:
    """Whether a webhook is of the holder of a key, and fresh."""
    plain = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp = plain.get(ID, ""), plain.get(TIMESTAMP, "")
    if not webhook_id or not (timestamp.isascii() and timestamp.isdigit()) or abs(now - int(timestamp)) > TOLERANCE:
        return False
    wanted = _signature(key, webhook_id, timestamp, body).encode()
    given = plain.get(SIGNATURE, "").split(" ")
    return any(hmac.compare_digest(wanted, signature.encode()) for signature in given)


def _signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
