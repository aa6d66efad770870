"""Liquid in markup, out of the way of what reads markup: each piece of it is a word, until it is put back."""

import re

LIQUID = re.compile(
    r"\{%-?\s*(?P<whole>comment|raw)\b.*?%\}.*?\{%-?\s*end(?P=whole)\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL
)
_LITERAL = re.compile(r"\{\{|\{%")


class Mask:
    """The pieces of Liquid of a template, by the words that stand for them."""

    def __init__(self, source: str) -> None:
        self.pieces: list[str] = []
        self._mark = "zq"
        while self._mark in source:
            self._mark += "q"
        self.word = re.compile(rf"{self._mark}(\d+)z")
        self.source = LIQUID.sub(lambda match: self.stand_in(match[0]), source)

    def stand_in(self, piece: str) -> str:
        """A word for a piece of Liquid."""
        self.pieces.append(piece)
        return f"{self._mark}{len(self.pieces) - 1}z"

    def piece(self, word: re.Match[str]) -> str:
        return self.pieces[int(word[1])]

    def is_control(self, word: re.Match[str]) -> bool:
        """Whether a word stands for a tag, which says nothing itself."""
        return self.piece(word).startswith("{%")

    def literal(self, markup: str) -> str:
        """Markup in which nothing but what is masked is Liquid."""
        return _LITERAL.sub(lambda match: self.stand_in(f"{{{{ '{match[0]}' }}}}"), markup)

    def restored(self, markup: str) -> str:
        """With the Liquid back in its place, out of the comments that it was put in."""
        bare = re.sub(rf"<!--({self.word.pattern})-->", r"\1", markup)
        return self.word.sub(self.piece, bare)
