"""Signatures by the Standard Webhooks scheme."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from activations.errors import HourbellError
from activations.keys.signing import is_signed, signed_headers, signing_key

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "standard_webhooks.json"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1614265330
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_documented_vector() -> None:
    key = signing_key(SECRET)
    assert signed_headers(key, HEADERS["webhook-id"], NOW, BODY) == HEADERS
    assert is_signed(key, HEADERS, BODY, now=NOW)
    for name in HEADERS:
        assert not is_signed(key, {**HEADERS, name: ""}, BODY, now=NOW)
    assert not is_signed(key, HEADERS, BODY + b" ", now=NOW)
    assert not is_signed(key, HEADERS, BODY, now=NOW + 301)


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not beside this checkout")
def test_all_vectors() -> None:
    vectors: list[dict[str, Any]] = json.loads(VECTORS.read_text())
    wrong = [
        vector["name"]
        for vector in vectors
        if is_signed(signing_key(vector["secret"]), vector["headers"], vector["body"].encode(), now=vector["now"])
        != vector["valid"]
    ]
    assert not wrong
    assert len(vectors) > 15


@given(body=st.text().map(lambda text: json.dumps({"text": text}).encode()), number=st.integers(0, 2**63))
def test_the_reference_implementation_agrees(body: bytes, number: int) -> None:
    headers = signed_headers(signing_key(SECRET), f"hourbell-{number}", int(time.time()), body)
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "not base64!", "whsec_a"])
def test_a_secret_that_is_none_is_not_quoted(secret: str) -> None:
    with pytest.raises(HourbellError) as raised:
        signing_key(secret)
    assert not secret.removeprefix("whsec_") or secret not in str(raised.value)
