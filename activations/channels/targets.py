"""What an action sets, for channels whose actions set what is so from then on.

Such a channel has a method `target(action)`: the same text for all actions that set the same, and None for one that
sets nothing, or cannot be carried at all.
"""

import hashlib
import json
from functools import lru_cache

_BYTES = 12
"""Of a digest: enough that of a billion targets no two meet."""


def target_of(key: bytes, *parts: str) -> str:
    """A digest under the profile's key: the journal keeps it, and nobody is found by it."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=_BYTES, key=_short(key)).hexdigest()


@lru_cache(maxsize=8)
def _short(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
