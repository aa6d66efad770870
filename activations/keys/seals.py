"""Words of ours in a link: nobody else can read them, make them up, or change one bit of them.

Sealed with AES-SIV (RFC 5297), which needs no chance: the same words give the same seal, so that a message that is
rendered again is the same message.
"""

import base64
import hmac
from binascii import b2a_base64
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from activations.texts import Seal

_LONGEST = 8_000
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def sealed(purpose: str, words: list[Any], key: bytes) -> Seal:
    """The words as a part of a link; what is sealed for one purpose is good for no other."""
    whole = _cipher(key).encrypt(orjson.dumps(words), [purpose.encode()])
    return Seal(b2a_base64(whole, newline=False).translate(_URL_SAFE, b"=").decode())


def unsealed(purpose: str, seal: str, key: bytes) -> list[Any] | None:
    """The words of a seal; None where it is not of this key and purpose, or was changed."""
    if len(seal) > _LONGEST or not seal.isascii():
        return None
    try:
        whole = base64.b64decode(seal + "=" * (-len(seal) % 4), altchars=b"-_", validate=True)
        # the last letter has bits that decoding ignores: they are not ours to ignore
        if base64.urlsafe_b64encode(whole).rstrip(b"=").decode() != seal:
            return None
        words = orjson.loads(_cipher(key).decrypt(whole, [purpose.encode()]))
    except (ValueError, InvalidTag):
        return None
    return words if isinstance(words, list) else None


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hmac.digest(key, b"what links say", "sha512"))
