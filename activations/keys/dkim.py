"""Sign e-mails with DKIM (RFC 6376: rsa-sha256, relaxed/relaxed); the same message gets the same signature."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from activations.errors import HourbellError

_SIGNED = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Feedback-ID", "List-Unsubscribe",
    "List-Unsubscribe-Post",
)  # fmt: skip
_SHORTEST_KEY = 1024
_LINE = 72
_SPACE = re.compile(rb"[ \t]+")
_FOLDED = re.compile(rb"\r\n(?=[ \t])")
_BLANK_END = re.compile(rb"(?:\r\n)*\Z")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")


@dataclass(frozen=True)
class DkimKey:
    """A key, and the selector under which its public half stands in the sender's DNS."""

    selector: str
    key: RSAPrivateKey = field(repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is handed to another process of the same delivery."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _handed_over, (self.selector, pem)


def _handed_over(selector: str, pem: bytes) -> DkimKey:
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, RSAPrivateKey)
    return DkimKey(selector, key)


def dkim_key(environment: Mapping[str, str]) -> DkimKey | None:
    """The key that the environment names (HOURBELL_DKIM_KEY_FILE, HOURBELL_DKIM_SELECTOR); None where it names none.

    Raises HourbellError where it cannot be used.
    """
    path, selector = (
        environment.get(name, "").strip() for name in ("HOURBELL_DKIM_KEY_FILE", "HOURBELL_DKIM_SELECTOR")
    )
    if not path and not selector:
        return None
    if not path or not _LABEL.fullmatch(selector):
        raise HourbellError("DKIM needs both HOURBELL_DKIM_KEY_FILE, a file, and HOURBELL_DKIM_SELECTOR, a DNS name.")
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except OSError as error:
        raise HourbellError(f"HOURBELL_DKIM_KEY_FILE cannot be read: {error.strerror}: {path}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # what is wrong with a key is not to be told with the key
        raise HourbellError(f"HOURBELL_DKIM_KEY_FILE holds no private key in PEM without a password: {path}") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _SHORTEST_KEY:
        raise HourbellError(f"HOURBELL_DKIM_KEY_FILE must hold an RSA key of {_SHORTEST_KEY} bits or more: {path}")
    return DkimKey(selector, key)


def signed(content: bytes, key: DkimKey, *, domain: str, signed_at: datetime) -> bytes:
    """The message with a signature in front. `signed_at` is naive UTC, and none of the clock."""
    head, _, body = content.partition(b"\r\n\r\n")
    headers = [(line.partition(b":")[0].decode().lower(), line) for line in _unfolded(head)]
    last = dict(headers)
    # each name once more than it is there, so that nobody can add another
    names = [name for name in _SIGNED for _ in range(1 + (name.lower() in last))]
    tags = {
        "v": "1",
        "a": "rsa-sha256",
        "c": "relaxed/relaxed",
        "d": domain,
        "s": key.selector,
        "t": str(int(signed_at.replace(tzinfo=UTC).timestamp())),
        "bh": base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode(),
        "h": ":".join(names),
        "b": "",
    }
    unsigned = "DKIM-Signature: " + _folded(tags)
    lines = [_relaxed_header(last[name.lower()]) for name in _SIGNED if name.lower() in last]
    to_sign = b"".join([*(line + b"\r\n" for line in lines), _relaxed_header(unsigned.encode().replace(b"\r\n", b""))])
    signature = base64.b64encode(key.key.sign(to_sign, padding.PKCS1v15(), SHA256())).decode()
    parts = [signature[start : start + _LINE] for start in range(0, len(signature), _LINE)]
    return (unsigned + "\r\n ".join(parts) + "\r\n").encode() + content


def _folded(tags: Mapping[str, str]) -> str:
    """The tags, a line each; the list of headers is broken where it is too long."""
    text = []
    for name, value in tags.items():
        if name == "h":
            words = value.split(":")
            value = ":\r\n  ".join(":".join(words[start : start + 5]) for start in range(0, len(words), 5))
        text.append(f"{name}={value}")
    return ";\r\n ".join(text)


def _unfolded(head: bytes) -> list[bytes]:
    return _FOLDED.sub(b"", head).split(b"\r\n")


def _relaxed_header(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return name.strip().lower() + b":" + _SPACE.sub(b" ", value).strip()


def _relaxed_body(body: bytes) -> bytes:
    lines = [_SPACE.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    relaxed = _BLANK_END.sub(b"", b"\r\n".join(lines), count=1)
    return relaxed + b"\r\n" if relaxed else b""
