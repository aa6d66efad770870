"""MJML and HTML, made once into what a mailbox shows: styles in place, nothing from elsewhere, Liquid left in."""

import re
from collections.abc import Iterator
from functools import lru_cache

import css_inline
from mjml import mjml2html

from activations.channels.face import UnsendableError
from activations.templating.masking import Mask
from activations.templating.plain import is_of_message
from activations.templating.tags import LINK, PICTURE

# in these stand other elements of MJML, and no text
_STRUCTURE = frozenset(
    ("mjml", "mj-body", "mj-wrapper", "mj-section", "mj-column", "mj-group", "mj-hero", "mj-social", "mj-navbar")
) | {"mj-accordion", "mj-accordion-element", "mj-carousel"}
# of these the content is no markup
_PLAIN = frozenset(("mj-title", "mj-preview", "mj-style", "title", "style", "textarea"))
_INLINE_STYLE = re.compile(r"<mj-style inline=\"inline\">(.*?)</mj-style>", re.DOTALL)
_MJML = re.compile(r"<mj-[\w-]+|<mjml")
_LONGEST_LINE = 500
"""A mail may have lines of 998 characters, where a carrier sends it as it is; links get their share of them."""
_HOST = re.compile(r"(?:https?:)?//([\w.-]+\.\w+)")
# names of what a document is written in; nobody asks them for anything
_NO_HOSTS = frozenset({"www.w3.org"})
_RUNS = re.compile(r"<(script|iframe|object|embed|form|base)\b|\son\w+\s*=\s*[\"']", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(<(?P<tag>a|img|td|table|body)\b[^>]*?\s(?P<name>href|src|background)=\")(?P<address>[^\"]*)(?=\")"
)


@lru_cache(maxsize=200)
def html_of(source: str, *, is_mjml: bool) -> str:
    """A template's HTML with its Liquid, as often as it is needed; raises UnsendableError.

    Addresses are marked, so that rendering can follow them up: see LinkTag.
    """
    if found := _RUNS.search(source):
        raise UnsendableError(f"{found[0].strip()!r} in it is no part of a mail")
    mask = Mask(source)
    if is_mjml:
        style = "\n".join(_INLINE_STYLE.findall(mask.source))
        markup = _of_mjml(_INLINE_STYLE.sub("", _in_place(mask)))
        inliner = css_inline.CSSInliner(
            inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=style
        )
    else:
        markup = _in_place(mask)
        inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    try:
        html = inliner.inline(markup)
    except css_inline.InlineError as error:
        raise UnsendableError(f"its styles cannot be read: {error}") from error
    if strangers := _hosts(mask.word.sub(" ", html)) - _hosts(mask.word.sub(" ", mask.source)) - _NO_HOSTS:
        raise UnsendableError(f"it would ask {', '.join(sorted(strangers))} for something that it does not name")
    return mask.restored(_with_links(mask.literal(_in_lines(html, mask)), mask))


def _of_mjml(source: str) -> str:
    try:
        # its own fonts come from elsewhere
        html = str(mjml2html(source, fonts={}))
    except ValueError as error:
        raise UnsendableError(f"it is not valid MJML: {error}") from error
    if left := _MJML.search(html):
        raise UnsendableError(f"it is not valid MJML: {left[0]} is no element of it, or has no place there")
    return html


def _in_place(mask: Mask) -> str:
    """The source with each piece of Liquid as what may stand where it stands: a word, a comment, raw MJML."""
    return "".join(_placed(mask))


def _placed(mask: Mask) -> Iterator[str]:
    inside: list[str] = []
    piece = re.compile(rf"<!--.*?-->|<(?P<end>/?)(?P<tag>[\w-]+)[^>]*?(?P<alone>/?)>|{mask.word.pattern}", re.DOTALL)
    place = 0
    for found in piece.finditer(mask.source):
        yield mask.source[place : found.start()]
        place = found.end()
        tag = (found["tag"] or "").lower()
        word = mask.word.fullmatch(found[0])
        if word is None:
            yield found[0]
            if found["end"] and tag in inside:
                del inside[len(inside) - 1 - inside[::-1].index(tag) :]
            elif tag and not found["end"] and not found["alone"] and (tag.startswith("mj") or tag in _PLAIN):
                inside.append(tag)
        elif inside and inside[-1] in _STRUCTURE:
            yield f"<mj-raw><!--{word[0]}--></mj-raw>"
        elif mask.is_control(word) and not (inside and inside[-1] in _PLAIN):
            yield f"<!--{word[0]}-->"
        else:
            yield word[0]
    yield mask.source[place:]


def _hosts(markup: str) -> set[str]:
    return set(_HOST.findall(markup))


def _in_lines(html: str, mask: Mask) -> str:
    """Broken within tags, where it shows nowhere: no line is longer than a mail's may be, and what differs from message
    to message has lines of its own."""
    lines = [""]
    for line in re.sub(r'(?<=["\w]) (?=(?:style|href|target)=")', "\n", html).splitlines():
        is_same = not mask.word.search(line) and not mask.word.search(lines[-1])
        if is_same and len(lines[-1]) + len(line) < _LONGEST_LINE and "<pre" not in html:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.strip() if "<pre" not in html else line)
    return "\n".join(lines).strip()


def _with_links(html: str, mask: Mask) -> str:
    """Each address marked, those of pages by their position in the mail; not those that the message brings itself."""
    position = 0

    def marked(found: re.Match[str]) -> str:
        nonlocal position
        address = found["address"]
        words = list(mask.word.finditer(address))
        if is_of_message(mask, address):
            return found[0]
        if found["name"] == "href":
            position += 1
            opened = f"{{% {LINK} page: {position} %}}"
        elif words or found["name"] == "src":
            opened = f"{{% {LINK} {PICTURE}: 0 %}}"
        else:
            return found[0]
        return found[1] + mask.stand_in(opened) + address + mask.stand_in(f"{{% end{LINK} %}}")

    return _ADDRESS.sub(marked, html)
