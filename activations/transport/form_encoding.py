"""Forms as HTTP has them: the same letters as urllib's, which looks at each of them in its turn."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote_plus

_SPECIAL = re.compile(r"[^A-Za-z0-9_.~% -]")
_quoted_letter = lru_cache(maxsize=1_000)(quote_plus)


def quoted(text: str) -> str:
    """A name or a value of a form."""
    if text.isascii() and text.isalnum():
        return text
    # first the sign that others are written with, and last the blank, which becomes one of them
    text = text.replace("%", "%25")
    for letter in set(_SPECIAL.findall(text)):
        text = text.replace(letter, _quoted_letter(letter))
    return text.replace(" ", "+")


def form_body(fields: Mapping[str, str]) -> bytes:
    """A form as the body of a call."""
    return "&".join([f"{quoted(name)}={quoted(value)}" for name, value in fields.items()]).encode()
