"""Links in messages that say who follows them, and cannot be made up.

Each carries all that it takes to know what it is about, sealed: it is good for as long as its key, whatever becomes of
the contact in the meantime, and shows nobody an address.
"""

import hmac
import re
import string
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple
from urllib.parse import urlsplit

from activations.addresses.channel_addresses import ADDRESS_OF
from activations.channels.face import ShortLink, UnsendableError, read_profile
from activations.delivery.outbox import Action, sent_at
from activations.keys.seals import sealed, unsealed
from activations.settings.shop import Shop
from activations.texts import Same, Seal, Text, once

_UNSUBSCRIBE, _PREFERENCES, _OPEN, _CLICK = "unsubscribe", "preferences", "open", "click"
_FORM, _CONFIRM = "ask", "confirm"
OPEN_PATH, CLICK_PATH, FORM_PATH, CONFIRM_PATH = "/o/", "/c/", "/f/", "/confirm/"
SHORT_PATH = "/l/"
PARAMETER = "m"
"""In which the links of pages carry their seal."""
LINKS = frozenset({"preferences_url", "unsubscribe_url"})
"""The links that a message may have."""
_IDENTIFIERS = ("user_id", "email", "phone")
_PLAIN = re.compile(r"[!-\[\]-~]+")
_SITE = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_LETTERS = string.digits + string.ascii_letters
_LENGTH = 11
"""Of a short link's token: 65 bits, which nobody hits upon."""
_TOKENS = len(_LETTERS) ** _LENGTH


class Sent(NamedTuple):
    """A message that a link is in, and who got it."""

    action_id: int
    channel: str
    topic: str
    identifier: str
    """Which of user_id, email and phone `value` is."""
    value: str


class Known(NamedTuple):
    """Whose preferences a link is about, by all that we know them by."""

    action_id: int
    channel: str
    topic: str
    """Of the message, which they got."""
    user_id: str | None
    email: str | None
    phone: str | None
    sent_at: str | None = None
    """Where the link says it; by one that is old nothing is shown."""


class Click(NamedTuple):
    """A link of a message, and where it points."""

    sent: Sent
    target: str
    position: int


class Asked(NamedTuple):
    """Who is asked by a form, and which of its fields they have given."""

    action_id: int | None
    user_id: str | None
    email: str | None
    phone: str | None
    given: list[str]


class Confirmed(NamedTuple):
    """What somebody agreed to in a form, and is to say once more from their address."""

    form: str
    identifier: str
    value: str
    channel: str
    topic: str
    label: str
    asked_at: str


def message_links(shop: Shop, action: Action, key: bytes) -> dict[str, str]:
    """Who gets a promotional message can leave its topic; what belongs to an order is sent regardless."""
    return {name: made() for name, made in possible_links(shop, action, key).items()}


def possible_links(shop: Shop, action: Action, key: bytes) -> dict[str, Callable[[], str]]:
    """The same, each to be made if a template asks for it, as sealing takes its time."""
    if not is_known(action):
        # a device or a browser, and nothing else: a template that needs a link says so
        return {}
    links: dict[str, Callable[[], str]] = {}
    links["preferences_url"] = partial(preferences_link, shop.preferences_url, action, key)
    if action.topic_kind != "transactional":
        links["unsubscribe_url"] = partial(unsubscribe_link, shop.unsubscribe_url, action, key)
    return links


def unsubscribe_link(url: str, action: Action, key: bytes) -> str:
    """The link by which whoever reads at this address leaves this topic on this channel."""
    return _page(url, sealed(_UNSUBSCRIBE, [*_sent(action)], key))


def preferences_link(url: str, action: Action, key: bytes) -> str:
    """The link by which this contact chooses what to get."""
    return _page(url, sealed(_PREFERENCES, [*_known(action)[:-1], sent_at(action).isoformat()], key))


def preferences_of(sent: Sent, key: bytes) -> str:
    """The seal of the preferences of whoever got a message, as a part of a link."""
    known = {sent.identifier: sent.value}
    words = [sent.action_id, sent.channel, sent.topic, *(known.get(name) for name in _IDENTIFIERS)]
    return sealed(_PREFERENCES, words, key)


def open_link(shop: Shop, action: Action, key: bytes) -> str:
    """The picture of one transparent dot that tells that a message was opened."""
    return Followed(shop, action, key).opened()


def click_link(shop: Shop, action: Action, key: bytes, target: str, position: int) -> str:
    """The link that leads to a target and tells that it was followed; `position` tells links of a message apart.

    Raises UnsendableError where the target is no address of a page.
    """
    return Followed(shop, action, key).click(target, position)


class Followed:
    """Makes the links of one message by which it is seen what becomes of it."""

    __slots__ = ("_base", "_key", "_sent")

    def __init__(self, shop: Shop, action: Action, key: bytes) -> None:
        self._base = shop.tracking_url
        self._sent = _sent(action)
        self._key = key

    def opened(self) -> str:
        """As `open_link`."""
        return Text((_path(self._base, OPEN_PATH), sealed(_OPEN, [*self._sent], self._key)))

    def click(self, target: str, position: int) -> str:
        """As `click_link`."""
        if not _leads_to_page(target):
            raise UnsendableError(f"a link points to {target[:200]!r}, which is no address of a page")
        return Text((_path(self._base, CLICK_PATH), sealed(_CLICK, [*self._sent, target, position], self._key)))


class Shortening:
    """Makes links of one message short. What they stand for is in `made`, and has to be kept."""

    def __init__(self, shop: Shop, action: Action, key: bytes) -> None:
        self._base = short_base(shop)
        self._sent = _sent(action)
        self._key = key
        self.made: dict[str, ShortLink] = {}

    def __call__(self, target: str) -> str:
        """The short link to a page, the same each time; raises UnsendableError where it is none."""
        if not is_page(target):
            raise UnsendableError(f"a link points to {target[:200]!r}, which is no address of a page")
        token = _token(f"{self._sent.action_id} {target}", self._key)
        self.made.setdefault(token, ShortLink(token, target, len(self.made) + 1, *self._sent))
        return self._base + token


def short_base(shop: Shop) -> str:
    """How short links begin."""
    return (shop.short_url or shop.tracking_url).rstrip("/") + SHORT_PATH


def form_link(shop: Shop, action: Action, key: bytes, form: str) -> str:
    """The link to a form of forms.yml that asks this contact for what they have not given yet."""
    profile = read_profile(action.profile)
    known = _known(action)
    told = {**profile, "email": known.email, "phone": known.phone}
    given = sorted(name for name, value in told.items() if value is not None and str(value).strip())
    words = [*Asked(action.action_id, known.user_id, known.email, known.phone, given)]
    return _page(f"{shop.tracking_url.rstrip('/')}{FORM_PATH}{form}", sealed(_FORM, words, key))


def confirm_link(base: str, confirmed: Confirmed, key: bytes) -> str:
    """The link by which whoever reads at an address says once more that they agree."""
    return f"{base.rstrip('/')}{CONFIRM_PATH}{sealed(_CONFIRM, [*confirmed], key)}"


def unsubscribing(seal: str, key: bytes) -> Sent | None:
    """Who leaves what by an unsubscribe link; None where it is not ours."""
    words = unsealed(_UNSUBSCRIBE, seal, key)
    return None if words is None else Sent(*words)


def choosing(seal: str, key: bytes) -> Known | None:
    """Who chooses by a preferences link; None where it is not ours."""
    words = unsealed(_PREFERENCES, seal, key)
    return None if words is None else Known(*words)


def opening(seal: str, key: bytes) -> Sent | None:
    """Which message an open link is in; None where it is not ours."""
    words = unsealed(_OPEN, seal, key)
    return None if words is None else Sent(*words)


def asking(seal: str, key: bytes) -> Asked | None:
    """Who is asked by a form link; None where it is not ours."""
    words = unsealed(_FORM, seal, key)
    return None if words is None else Asked(*words)


def confirming(seal: str, key: bytes) -> Confirmed | None:
    """What a confirm link says once more; None where it is not ours."""
    words = unsealed(_CONFIRM, seal, key)
    return None if words is None else Confirmed(*words)


def clicking(seal: str, key: bytes) -> Click | None:
    """Where a click link leads, and which message it is in; None where it is not ours."""
    words = unsealed(_CLICK, seal, key)
    return None if words is None else Click(Sent(*words[:-2]), *words[-2:])


def is_page(target: str) -> bool:
    """Whether a link may lead there: an http or https address, whole, with a host and without a password."""
    # what follows the host says nothing of that
    site = _SITE.match(target)
    return site is not None and _is_site(site[0]) and _PLAIN.fullmatch(target) is not None


_leads_to_page = once(is_page)


@lru_cache(maxsize=1_000)
def _is_site(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def _token(text: str, key: bytes) -> str:
    number = int.from_bytes(hmac.digest(key, f"short link {text}".encode(), "sha256")) % _TOKENS
    letters = []
    for _ in range(_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


@lru_cache(maxsize=100)
def _path(base: str, path: str) -> Same:
    return Same(base.rstrip("/") + path)


@lru_cache(maxsize=100)
def _query(url: str) -> Same:
    return Same(f"{url}{'&' if '?' in url else '?'}{PARAMETER}=")


def _page(url: str, seal: Seal) -> str:
    return Text((_query(url), seal))


def is_known(action: Action) -> bool:
    """Whether anything is known by which a link could name the contact."""
    return bool(action.address and action.channel in ADDRESS_OF) or bool(_identifiers(action.profile))


def _sent(action: Action) -> Sent:
    if action.address and action.channel in ADDRESS_OF:
        identifier, value = ADDRESS_OF[action.channel], action.address
    else:
        known = _identifiers(action.profile)
        if not known:
            raise UnsendableError("nothing is known by which a link could name the contact")
        identifier, value = next(iter(known.items()))
    return Sent(action.action_id, action.channel, action.topic or "", identifier, value)


def _known(action: Action) -> Known:
    stated = read_profile(action.profile)
    own = ADDRESS_OF.get(action.channel) if action.address else None
    user_id, email, phone = [
        action.address if name == own else str(value) if (value := stated.get(name)) else None for name in _IDENTIFIERS
    ]
    return Known(action.action_id, action.channel, action.topic or "", user_id, email, phone)


@lru_cache(maxsize=10)
def _identifiers(profile: str | None) -> Mapping[str, str]:
    """By what a contact is known; kept, because a message has several links, one after the other."""
    stated = read_profile(profile)
    return {name: str(stated[name]) for name in _IDENTIFIERS if stated.get(name)}
