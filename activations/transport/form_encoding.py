"""Forms as HTTP has them: the same letters as urllib's, which looks at each of them in its turn."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote_plus

_SPECIAL = re.compile(r"[^A-Za-z0-9_.~-]")
_quoted_letter = lru_cache(maxsize=1_000)(quote_plus)


def quoted(text: str) -> str:
    """A name or a value of a form."""
    return _SPECIAL.sub(lambda found: _quoted_letter(found[0]), text)


def form_body(fields: Mapping[str, str]) -> bytes:
    """A form as the body of a call."""
    return "&".join([f"{quoted(name)}={quoted(value)}" for name, value in fields.items()]).encode()
