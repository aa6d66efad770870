"""Text without the people who were erased: what they were known by is taken out, what counts stays."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from activations.erasure.suppression import NUMBER, Suppression

GONE = "erased"
KEPT_KEYS = frozenset({
    "action_id", "audience", "brand", "campaign", "cart_id", "cart_value", "category", "channel", "content", "country",
    "coupon", "currency", "device", "discount", "email_id", "ends_at", "event_id", "item_count", "items", "lead_score",
    "locale", "machine_open", "medium", "name", "order_id", "order_total", "page", "path", "price", "product_id",
    "products", "quantity", "referrer", "revenue", "score", "search", "shipping", "sku", "source", "step", "tax",
    "template", "term", "timezone", "topic", "total", "type", "unit_price", "url", "value", "variant", "workflow",
})  # fmt: skip
"""Of the JSON of an erased person's rows these stay, as figures are made of them: what it was about, never who."""
_URLS = frozenset({"url", "referrer", "search", "page", "path"})
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
# in theory all of these may be part of an address
_BEFORE, _WITHIN = re.compile(r"[!#$%&'*/=?^`{|}~]"), re.compile(r"[^a-zA-Z0-9]")
_PHONE = re.compile(r"(?<![\w+])(?:\+|00)\d[\d ()./-]{5,24}\d(?!\w)")
_ID = re.compile(r"(?<![\w.])\d{12,19}(?![\w.])")
_ID_WITHIN = re.compile(r"\d{12,19}")

Normal = Callable[[str], str | None]


@dataclass(frozen=True)
class Anonymiser:
    """Takes erased people out of text. `words` are theirs in the clear, while they are being erased, and are looked for
    in their own rows only; `email` and `phone` bring what is found into the form that was hashed."""

    suppression: Suppression
    email: Normal
    phone: Normal
    words: Collection[str] = ()

    def text(self, text: str | None) -> str | None:
        """Anybody's text, without the addresses and ids of the erased."""
        if text is None:
            return None
        if "@" in text:
            text = _EMAIL.sub(self._email, text)
        if "+" in text or "00" in text:
            text = _PHONE.sub(self._phone, text)
        return _ID.sub(self._id, text)

    def own_text(self, text: str | None) -> str | None:
        """The text of an erased person."""
        if text is None:
            return None
        text = _PHONE.sub(GONE, _EMAIL.sub(GONE, text))
        if self._words is not None:
            text = self._words.sub(GONE, text)
        return _ID.sub(self._id, text)

    def own_id(self, text: str | None) -> str | None:
        """A text that is made of one of our ids."""
        return None if text is None else _ID_WITHIN.sub(self._id, text)

    def key(self, text: str | None) -> str | None:
        """What a row is known by, without the addresses and ids of the erased, and still different from all others'."""
        if text is None:
            return None
        without = _ID_WITHIN.sub(self._id, text)
        named = _EMAIL.sub(lambda found: self._without(found[0], _WITHIN), self.text(without) or "")
        return without if named == without else self.suppression.pseudonym("key", text)

    def own_json(self, text: str | None) -> str | None:
        """The JSON of an erased person: numbers, and texts that say what it was about. Null where it is none."""
        if text is None:
            return None
        try:
            read = json.loads(text)
        except ValueError:
            return None
        return json.dumps(self._kept(read), ensure_ascii=False, separators=(",", ":"))

    def faults(self, text: str | None) -> str | None:
        """What could not be read of an erased person's row: that it could not, and no more."""
        if text is None:
            return None
        return json.dumps(dict.fromkeys(json.loads(text), GONE))

    def _kept(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._url(inner) if key in _URLS and isinstance(inner, str) else self._kept(inner)
                for key, inner in value.items()
                if key in KEPT_KEYS
            }
        if isinstance(value, list):
            return [self._kept(inner) for inner in value]
        if isinstance(value, str):
            return self.own_text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            number = str(value)
            return int(self._renamed(number)) if _ID.fullmatch(number) else value
        return value

    def _url(self, url: str) -> str | None:
        """An address of a page, with nothing behind it but where the visit came from."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        campaign = urlencode([(name, said) for name, said in parse_qsl(parts.query) if name.startswith("utm_")])
        return self.own_text(urlunsplit((parts.scheme, parts.netloc, parts.path, campaign, "")))

    def _email(self, found: re.Match[str]) -> str:
        return self._without(found[0], _BEFORE)

    def _without(self, text: str, before: re.Pattern[str]) -> str:
        """What looks like an address, with what may stand before it, as in ?ref=ann@shop.example."""
        for start in (0, *(mark.end() for mark in before.finditer(text, 0, text.index("@")))):
            if (rest := self._unless_erased("email", text[start:], self.email(text[start:].rstrip(".")))) == GONE:
                return text[:start] + rest
        return text

    def _phone(self, found: re.Match[str]) -> str:
        return self._unless_erased("phone", found[0], self.phone(re.sub("^00", "+", found[0])))

    def _unless_erased(self, kind: str, found: str, normal: str | None) -> str:
        return GONE if normal is not None and self.suppression.person_of(kind, normal) else found

    def _id(self, found: re.Match[str]) -> str:
        return self._renamed(found[0])

    def _renamed(self, number: str) -> str:
        is_erased = self.suppression.person_of(NUMBER, number) is not None
        return str(self.suppression.new_id(int(number))) if is_erased else number

    @cached_property
    def _words(self) -> re.Pattern[str] | None:
        words = sorted({word for word in self.words if len(word) > 1}, key=len, reverse=True)
        if not words:
            return None
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
