"""Texts in pieces, most of which are the same in every message, so that what is made of those is kept."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
_KEPT = 2_000


class Same(str):
    """A piece that is the same in every message of a template."""

    __slots__ = ()


class Text(str):
    """A text that knows its pieces."""

    __slots__ = ("pieces",)
    pieces: Sequence[str]

    def __new__(cls, pieces: Sequence[str]) -> "Text":
        text = super().__new__(cls, "".join(pieces))
        text.pieces = pieces
        return text


def pieces_of(text: str) -> Sequence[str]:
    """The pieces of a text; one that knows none is one."""
    return text.pieces if isinstance(text, Text) else (text,)


def kept(make: Callable[[str], T]) -> Callable[[str], T]:
    """What `make` makes of a piece, made once of what is the same in every message, and of nothing else: what is kept
    must not grow with the messages."""
    once = lru_cache(maxsize=_KEPT)(make)

    def made(piece: str) -> T:
        return once(piece) if piece.__class__ is Same else make(piece)

    return made


def escaped(text: str) -> str:
    """A text as markup has it: the same letters as markupsafe's, and no more than a text."""
    return (
        text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;").replace('"', "&#34;")
    )
