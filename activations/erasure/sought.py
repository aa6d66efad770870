"""What names a person in a file that has no columns, so that it can be looked for in bytes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

_BOUND = r"[^0-9A-Za-z_-]"
_KEY = r"(?i:user_?id|anonymous_?id|distinct_?id)[\\\"']*\s*[:=]\s*[\\\"']*"
"""What stands before an id where it is said to be one."""
_LONG_ENOUGH = 8


@dataclass(frozen=True)
class Sought:
    """Addresses and numbers, wherever they stand but in those of `others`; ids of users and browsers as whole words.

    An id that may be anything else (12, anna) is looked for only where it is said to be an id.
    """

    addresses: tuple[str, ...]
    ids: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Longer ones of other people, as joann@shop.example has in it ann@shop.example."""

    @classmethod
    def of(cls, identifiers: Iterable[tuple[str, str]], others: Iterable[str] = ()) -> "Sought":
        """By types and values of identifiers, and the longer addresses of other people."""
        found = sorted(set(identifiers))
        return cls(
            tuple(value.lower() for kind, value in found if kind in ("email", "phone")),
            tuple(value for kind, value in found if kind in ("user_id", "anonymous_id")),
            tuple(sorted({other.lower() for other in others})),
        )

    def has_address(self, text: bytes) -> bool:
        lower = text.lower()
        if not any(word in lower for word in self._words):
            return False
        for other in self._others:
            lower = lower.replace(other, b"\0")
        return any(word in lower for word in self._words)

    def has_id(self, text: bytes) -> bool:
        """`text` begins and ends with what can be part of no id."""
        return any(word in text for word in self._plain_ids) and self._pattern.search(text) is not None

    def names(self, text: bytes) -> bool:
        """Whether a whole text names one of them."""
        return self.has_address(text) or self.has_id(b"\n" + text + b"\n")

    @cached_property
    def _words(self) -> list[bytes]:
        return [word.encode() for word in self.addresses]

    @cached_property
    def _others(self) -> list[bytes]:
        return [other.encode() for other in self.others]

    @cached_property
    def _plain_ids(self) -> list[bytes]:
        return [each.encode() for each in self.ids]

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        telling = [re.escape(each) for each in self.ids if _is_telling(each)]
        others = [re.escape(each) for each in self.ids if not _is_telling(each)]
        ways = [f"{_BOUND}(?:{'|'.join(telling)})(?={_BOUND})"] if telling else []
        ways += [f"{_KEY}(?:{'|'.join(others)})(?={_BOUND})"] if others else []
        return re.compile("|".join(ways).encode())


def _is_telling(value: str) -> bool:
    """Whether it is hardly a word or a number of anything else."""
    return len(value) >= _LONG_ENOUGH and any(map(str.isdigit, value)) and any(map(str.isalpha, value))
