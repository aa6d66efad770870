"""Who we are to a push service (RFC 8292), and what only the browser may read (RFC 8291)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

import http_ece
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from activations.errors import HourbellError

_LIFE = timedelta(hours=12)
"""Half of what a push service takes at most."""
_EARLY = timedelta(hours=1)
_SECRET_BYTES = 16
LARGEST = 4_096 - 86 - 17
"""Bytes of a message: what a push service has to take, without the header of the record and its end."""


class KeysRefusedError(ValueError):
    """These keys are none of a subscription."""


@dataclass(frozen=True)
class BrowserKeys:
    """What a browser gave so that only it can read."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def read(cls, public: object, secret: object) -> "BrowserKeys":
        """From the base64 of a subscription (`p256dh`, `auth`); raises KeysRefusedError."""
        try:
            keys = cls(_unpacked(public), _unpacked(secret))
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), keys.public)
        except KeysRefusedError:
            raise
        except ValueError as error:
            raise KeysRefusedError("the public key is no point of P-256") from error
        if len(keys.secret) != _SECRET_BYTES:
            raise KeysRefusedError(f"the secret has {len(keys.secret)} bytes, and not {_SECRET_BYTES}")
        return keys

    def encrypted(self, content: bytes) -> bytes:
        """Content as one record of aes128gcm, each time under a key that is used for nothing else."""
        sealed: bytes = http_ece.encrypt(
            content,
            private_key=generate_private_key(SECP256R1()),
            dh=self.public,
            auth_secret=self.secret,
            version="aes128gcm",
        )
        return sealed


class Vapid:
    """Signs for the push services, each of which gets a token that serves nowhere else."""

    def __init__(self, key: EllipticCurvePrivateKey, subject: str, now: Callable[[], datetime]) -> None:
        self._key = key
        self._subject = subject
        self._now = now
        self._tokens: dict[str, tuple[datetime, str]] = {}

    @cached_property
    def public_key(self) -> str:
        """As a site gives it to the browser (`applicationServerKey`)."""
        return _packed(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def authorization(self, origin: str) -> str:
        """The header for a push service, signed anew before it ends."""
        now = self._now()
        until, token = self._tokens.get(origin, (datetime.min, ""))
        if now + _EARLY >= until:
            until = now + _LIFE
            claims = {"aud": origin, "exp": int(until.replace(tzinfo=UTC).timestamp()), "sub": self._subject}
            token = jwt.encode(claims, self._key, "ES256")
            self._tokens[origin] = (until, token)
        return f"vapid t={token}, k={self.public_key}"


def read_vapid_key(path: Path) -> EllipticCurvePrivateKey:
    """The key of a file in PEM; raises HourbellError, which never quotes it."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise HourbellError(f"{path} cannot be read: {error.strerror}. Give yourself rights to it.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise HourbellError(
            f"{path} holds no key of P-256 in PEM. Make one with: openssl ecparam -name prime256v1 -genkey -noout"
        )
    return key


@lru_cache
def sandbox_key() -> EllipticCurvePrivateKey:
    """A key that means nothing to anybody."""
    return generate_private_key(SECP256R1())


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unpacked(text: object) -> bytes:
    if not isinstance(text, str) or not text.isascii():
        raise KeysRefusedError("a key is missing")
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
