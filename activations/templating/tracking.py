"""What becomes of the links in a message: UTM parameters, and links and a picture that tell of clicks and opens."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

from activations.channels.face import ShortLink
from activations.delivery.outbox import Action
from activations.links import Followed, Shortening, is_known
from activations.settings.shop import Shop
from activations.texts import Same

# without a name or a password before the host, which are there to deceive
_FOLLOWABLE = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?|(?:mailto:|tel:|sms:|#)\S*", re.IGNORECASE)
_PLAIN = re.compile(r"[!-~]*")
_NAMES = re.compile(r"(?:^|&)([^=&]+)")
# what an address may hold as it is
_SAFE = "%/:?#[]@!$&'()*+,;=~"


# not frozen: that would take three times as long, for every message
@dataclass(slots=True, eq=False)
class Tracking:
    """What becomes of the links of one message."""

    utm: tuple[tuple[str, str], ...] = ()
    """Parameters, for links to our own site that do not have them."""
    site: str = ""
    """The address of our own site."""
    ours: tuple[str, ...] = ()
    """How links begin that are never followed up: to unsubscribe, to the preferences."""
    click: Callable[[str, int], str] | None = field(default=None, repr=False)
    """Makes of a page and its position in the mail the link by which the click is seen."""
    pixel: str | None = field(default=None, repr=False)
    """The address of the picture by which it is seen that the mail was opened."""
    short: Shortening | None = field(default=None, repr=False)
    """Makes of a page the link by which the click is seen, in what is text and nothing else."""

    @property
    def made(self) -> tuple[ShortLink, ...]:
        """What the short links of the message stand for, once it is rendered."""
        return tuple(self.short.made.values()) if self.short else ()

    def plain(self, target: str) -> str:
        """The address of a page, told where the reader came from, if it is our own; in texts by way of where clicks are
        seen."""
        if target.startswith(self.ours):
            return target
        told = _with_utm(target, self.site, self.utm) if self.utm else target
        return self.short(told) if self.short and told[:4].lower() == "http" else told

    def href(self, target: str, position: int) -> str:
        """The same, by way of where clicks are seen."""
        if self.click is None or target[:4].lower() != "http" or target.startswith(self.ours):
            return self.plain(target)
        return self.click(self.plain(target), position)


AS_WRITTEN = Tracking()


def tracking_of(shop: Shop, action: Action, key: bytes) -> Tracking:
    """What the shop wants to be done to the links of a message. What is transactional only if it says so."""
    wanted = shop.track if action.topic_kind != "transactional" or "transactional" in shop.track else ()
    followed = Followed(shop, action, key) if wanted else None
    return Tracking(
        _utm(shop.utm, action.workflow, action.step, action.variant),
        shop.url,
        (shop.unsubscribe_url, shop.preferences_url),
        followed.click if followed and "clicks" in wanted else None,
        followed.opened() if followed and "opens" in wanted else None,
    )


def text_tracking_of(shop: Shop, action: Action, key: bytes) -> Tracking:
    """The same for a message that has no room for long links. Parameters stand behind short links only, as each of a
    text's letters may cost a part of it more; their utm_medium is the channel."""
    is_wanted = "texts" in shop.track and (action.topic_kind != "transactional" or "transactional" in shop.track)
    if not is_wanted or not is_known(action):
        return AS_WRITTEN
    stated = None if shop.utm is None else tuple((dict(shop.utm) | {"utm_medium": action.channel}).items())
    return Tracking(
        _utm(stated, action.workflow, action.step, action.variant),
        shop.url,
        (shop.unsubscribe_url, shop.preferences_url),
        short=Shortening(shop, action, key),
    )


def followable(target: str) -> str | None:
    """Where a link may point: to a page, a mailbox, a telephone, a place in the mail itself; None where it may not.

    What an address cannot hold as it is (a blank, a letter of another alphabet) is written as browsers do.
    """
    if not _PLAIN.fullmatch(target):
        target = quote(target, safe=_SAFE)
    return target if _FOLLOWABLE.fullmatch(target) else None


@lru_cache(maxsize=1_000)
def _utm(
    stated: tuple[tuple[str, str], ...] | None, workflow: str, step: str, variant: str | None
) -> tuple[tuple[str, str], ...]:
    if stated is None:
        return ()
    content = f"{step}/{variant}" if variant else step
    return tuple({"utm_campaign": workflow, "utm_content": content, **dict(stated)}.items())


@lru_cache(maxsize=10_000)
def _with_utm(target: str, site: str, utm: tuple[tuple[str, str], ...]) -> str:
    if not _own_site(site).match(target):
        return target
    page, mark, fragment = target.partition("#")
    _, _, query = page.partition("?")
    there = set(_NAMES.findall(query)) if query else ()
    added = _encoded(tuple(pair for pair in utm if pair[0] not in there) if there else utm)
    if added:
        if not query and page.rstrip("?").count("/") == 2:
            page = page.rstrip("?") + "/"
        page += ("&" if query else "" if page.endswith("?") else "?") + added
    # a link that is the same in every message is so with its parameters
    return Same(page + mark + fragment) if isinstance(target, Same) else page + mark + fragment


@lru_cache(maxsize=1_000)
def _encoded(parameters: tuple[tuple[str, str], ...]) -> str:
    return urlencode(parameters, quote_via=quote, safe="/")


@lru_cache(maxsize=100)
def _own_site(site: str) -> re.Pattern[str]:
    """The addresses of a site's pages, and of those below it."""
    host = re.escape((urlsplit(site).hostname or "").removeprefix("www."))
    return re.compile(rf"https?://(?:[\w-]+\.)*{host}(?::\d+)?(?=[/?#]|$)", re.IGNORECASE)
