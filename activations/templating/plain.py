"""Plain text: links in it, and the text of a message that has only markup."""

import re
import textwrap
from html.parser import HTMLParser

from activations.templating.masking import Mask
from activations.templating.tags import LINK, PLAIN

_WIDTH = 78
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+")
_OF_THE_MESSAGE = re.compile(r"\bmessage\.|\b(?:unsubscribe|preferences)_url\b")
_OPENS = re.compile(r"\{%-?\s*(?:if|unless|case|for|tablerow|capture|ifchanged)\b")
_CLOSES = re.compile(r"\{%-?\s*end")
_TURNS = re.compile(r"\{%-?\s*(?:else|elsif|when)\b")
_HIDDEN = frozenset(("head", "mj-head", "style", "title", "script", "mj-style", "mj-title", "mj-preview"))
_BLOCKS = re.compile(
    r"p|div|h[1-6]|ul|ol|table|blockquote|hr|center|address|"
    r"mj-(?:text|button|image|table|wrapper|section|column|group|hero|divider|spacer|raw|social|navbar)"
)
_LINES = frozenset(("br", "tr", "li", "mj-social-element", "mj-navbar-link"))
_LINKS = frozenset(("a", "mj-button", "mj-navbar-link", "mj-social-element"))
_BULLET = "- "


def with_links(source: str) -> str:
    """A plain text's source with its addresses marked; see LinkTag."""
    mask = Mask(source)

    def marked(found: re.Match[str]) -> str:
        address = _closed(mask, found[0]).rstrip(".,;:!?")
        return _linked(mask, address) + with_rest(found[0][len(address) :])

    def with_rest(rest: str) -> str:
        return _ADDRESS.sub(marked, rest)

    return mask.restored(with_rest(mask.source))


def is_of_message(mask: Mask, address: str) -> bool:
    """Whether an address is one that each message brings itself: to unsubscribe, to the preferences."""
    return any(_OF_THE_MESSAGE.search(mask.piece(word)) for word in mask.word.finditer(address))


def text_of(source: str) -> str:
    """The plain text of a template's MJML or HTML, with its Liquid."""
    mask = Mask(source)
    reader = _Reader(mask)
    reader.feed(mask.source)
    reader.close()
    return mask.restored(mask.literal(reader.text()))


def _linked(mask: Mask, address: str) -> str:
    if is_of_message(mask, address):
        return address
    return mask.stand_in(f"{{% {LINK} {PLAIN}: 0 %}}") + address + mask.stand_in(f"{{% end{LINK} %}}")


def _closed(mask: Mask, text: str) -> str:
    """As much of a text as holds whole what it opens, and closes nothing that was opened before it."""
    opened: list[int] = []
    for word in mask.word.finditer(text):
        piece = mask.piece(word)
        if _OPENS.match(piece):
            opened.append(word.start())
        elif not opened and (_CLOSES.match(piece) or _TURNS.match(piece)):
            return text[: word.start()]
        elif _CLOSES.match(piece):
            opened.pop()
    return text[: opened[0]] if opened else text


class _Reader(HTMLParser):
    """Goes through markup, and keeps what is read of it: paragraphs, each of one line or more."""

    def __init__(self, mask: Mask) -> None:
        super().__init__(convert_charrefs=True)
        self._mask = mask
        self._paragraphs: list[list[str]] = [[""]]
        self._hidden = 0
        self._links: list[tuple[str, int, int]] = []

    def text(self) -> str:
        filled = ("\n".join(filter(None, (self._filled(line) for line in paragraph))) for paragraph in self._paragraphs)
        return "\n\n".join(filter(None, filled))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _HIDDEN:
            self._hidden += 1
        if _BLOCKS.fullmatch(tag):
            self._paragraphs.append([""])
        elif tag in _LINES:
            self._paragraphs[-1].append(_BULLET if tag == "li" else "")
        elif tag in ("td", "th"):
            self._say(" ")
        if tag in _LINKS and (href := given.get("href")):
            self._links.append((href, len(self._paragraphs), len(self._paragraphs[-1][-1])))
        if tag in ("img", "mj-image") and (alt := given.get("alt")):
            self._say(alt)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1
        if tag in _LINKS and self._links:
            self._point_to(*self._links.pop())
        if _BLOCKS.fullmatch(tag):
            self._paragraphs.append([""])

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._say(re.sub(r"\s+", " ", data))

    def _say(self, text: str) -> None:
        line = self._paragraphs[-1][-1]
        # what stands between tags is no text yet
        if text == " " and not line.strip(_BULLET):
            return
        self._paragraphs[-1][-1] = line + (text.lstrip() if not line or line.endswith(" ") else text)

    def _point_to(self, href: str, paragraph: int, start: int) -> None:
        """After what a link says, where it leads; a line of its own says so by a colon."""
        address = _linked(self._mask, href) if _ADDRESS.match(href) or self._mask.word.match(href) else href
        line = self._paragraphs[-1][-1]
        if href.startswith("#") or len(self._paragraphs) != paragraph or line[start:].strip() == href:
            return
        label = line[start:].strip()
        alone = not self._mask.word.sub("", line[:start]).strip(f" {_BULLET}")
        self._paragraphs[-1][-1] = line.rstrip() + (f": {address}" if label and alone else f" ({address})")

    def _filled(self, line: str) -> str:
        line = line.strip()
        if not line.strip(_BULLET):
            return ""
        return textwrap.fill(
            line,
            _WIDTH,
            subsequent_indent="  " if line.startswith(_BULLET) else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
