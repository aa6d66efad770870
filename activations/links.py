"""Links in messages that say who follows them, and cannot be made up.

Each carries all that it takes to know what it is about, sealed: it is good for as long as its key, whatever becomes of
the contact in the meantime, and shows nobody an address.
"""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from activations.channels.face import UnsendableError, json_object
from activations.outbox import Action
from activations.seals import sealed, unsealed
from activations.shop import Shop

_UNSUBSCRIBE, _PREFERENCES, _OPEN, _CLICK = "unsubscribe", "preferences", "open", "click"
OPEN_PATH, CLICK_PATH = "/o/", "/c/"
PARAMETER = "m"
"""In which the links of pages carry their seal."""
_ADDRESSES = {"email": "email", "sms": "phone", "whatsapp": "phone"}
_IDENTIFIERS = ("user_id", "email", "phone")


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
    user_id: str | None
    email: str | None
    phone: str | None


class Click(NamedTuple):
    """A link of a message, and where it points."""

    sent: Sent
    target: str
    position: int


def message_links(shop: Shop, action: Action, key: bytes) -> dict[str, str]:
    """Who gets a promotional message can leave its topic; what belongs to an order is sent regardless."""
    links = {"preferences_url": preferences_link(shop.preferences_url, action, key)}
    if action.topic_kind != "transactional":
        links["unsubscribe_url"] = unsubscribe_link(shop.unsubscribe_url, action, key)
    return links


def unsubscribe_link(url: str, action: Action, key: bytes) -> str:
    """The link by which whoever reads at this address leaves this topic on this channel."""
    return _page(url, sealed(_UNSUBSCRIBE, [*_sent(action)], key))


def preferences_link(url: str, action: Action, key: bytes) -> str:
    """The link by which this contact chooses what to get."""
    return _page(url, sealed(_PREFERENCES, [*_known(action)], key))


def open_link(shop: Shop, action: Action, key: bytes) -> str:
    """The picture of one transparent dot that tells that a message was opened."""
    return f"{shop.tracking_url.rstrip('/')}{OPEN_PATH}{sealed(_OPEN, [*_sent(action)], key)}"


def click_link(shop: Shop, action: Action, key: bytes, target: str, position: int) -> str:
    """The link that leads to a target and tells that it was followed; `position` tells links of a message apart.

    Raises UnsendableError where the target is no address of a page.
    """
    if not is_page(target):
        raise UnsendableError(f"a link points to {target[:200]!r}, which is no address of a page")
    return f"{shop.tracking_url.rstrip('/')}{CLICK_PATH}{sealed(_CLICK, [*_sent(action), target, position], key)}"


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


def clicking(seal: str, key: bytes) -> Click | None:
    """Where a click link leads, and which message it is in; None where it is not ours."""
    words = unsealed(_CLICK, seal, key)
    return None if words is None else Click(Sent(*words[:-2]), *words[-2:])


@lru_cache(maxsize=10_000)
def is_page(target: str) -> bool:
    """Whether a link may lead there: an http or https address, whole, with a host and without a password."""
    if not target.isascii() or not target.isprintable() or " " in target or "\\" in target:
        return False
    try:
        parts = urlsplit(target)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def _page(url: str, seal: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{PARAMETER}={seal}"


def _sent(action: Action) -> Sent:
    if action.address and action.channel in _ADDRESSES:
        identifier, value = _ADDRESSES[action.channel], action.address
    else:
        profile = json_object("profile", action.profile)
        known = [(name, str(profile[name])) for name in _IDENTIFIERS if profile.get(name)]
        if not known:
            raise UnsendableError("nothing is known by which a link could name the contact")
        identifier, value = known[0]
    return Sent(action.action_id, action.channel, action.topic or "", identifier, value)


def _known(action: Action) -> Known:
    profile = json_object("profile", action.profile)
    known = {name: str(profile[name]) for name in _IDENTIFIERS if profile.get(name)}
    if action.address and action.channel in _ADDRESSES:
        known[_ADDRESSES[action.channel]] = action.address
    return Known(action.action_id, *(known.get(name) for name in _IDENTIFIERS))
