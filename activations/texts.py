"""Texts in pieces, most of which are the same in every message, so that what is made of those is kept."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, final

T = TypeVar("T")


@final
class Same(str):
    """A piece that is the same in every message of a template. What is made of it stays with it, and goes with it."""

    __slots__ = ("made",)
    made: dict[Callable[[str], Any], Any]
    """By what made it."""

    def __new__(cls, text: str = "") -> "Same":
        piece = super().__new__(cls, text)
        piece.made = {}
        return piece


class Seal(str):
    """A piece of letters, digits, hyphens and underscores: wherever a text stands, they stand as they are."""

    __slots__ = ()


class Text(str):
    """A text that knows its pieces."""

    __slots__ = ("pieces",)
    pieces: Sequence[str]

    def __new__(cls, pieces: Sequence[str]) -> "Text":
        text = str.__new__(cls, "".join(pieces))
        text.pieces = pieces
        return text


def pieces_of(text: str) -> Sequence[str]:
    """The pieces of a text; one that knows none is one."""
    return text.pieces if isinstance(text, Text) else (text,)


def by_piece(make: Callable[[str], T], of_seal: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Makes something of each piece of a text: once of what is the same in every message, and of nothing else, as what
    is kept must not grow with the messages."""

    def once(piece: Same) -> T:
        piece.made[make] = made = make(piece)
        return made

    def of_each(text: str) -> list[T]:
        return [
            (known if (known := piece.made.get(make)) is not None else once(piece))
            if type(piece) is Same
            else of_seal(piece)
            if type(piece) is Seal
            else make(piece)
            for piece in pieces_of(text)
        ]

    return of_each


def once(make: Callable[[str], T]) -> Callable[[str], T]:
    """Makes something of a text: once of what is the same in every message."""

    def of(text: str) -> T:
        if type(text) is not Same:
            return make(text)
        if make not in text.made:
            text.made[make] = make(text)
        made: T = text.made[make]
        return made

    return of


def escaped(text: str) -> str:
    """A text as markup has it: the same letters as markupsafe's, and no more than a text."""
    return (
        text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;").replace('"', "&#34;")
    )


def _escaped_piece(piece: str) -> str:
    return Same(escaped(piece)) if type(piece) is Same else escaped(piece)


in_markup = by_piece(_escaped_piece, lambda seal: seal)
"""The pieces of a text as markup has them."""
