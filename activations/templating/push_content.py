"""What a notification says, whether it goes to an app or to a browser: push.yml of a template."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from activations.channels.face import ShortLink, UnsendableError
from activations.delivery.outbox import Action
from activations.templating.field_files import PUSH
from activations.templating.given import given
from activations.templating.rendering import Templates
from activations.templating.tracking import text_tracking_of

_AFTER_HOST = re.compile(r"[/?#]")
_FIELDS = frozenset({"title", "body", "url", "image", "collapse"})


class Notification(NamedTuple):
    """A notification. `collapse` names what it is about: of several that wait, only the newest is shown."""

    title: str
    body: str
    url: str | None
    image: str | None
    collapse: str | None
    links: tuple[ShortLink, ...] = ()


def render_notification(templates: Templates, action: Action, link_key: bytes) -> Notification:
    """The notification of an action; raises UnsendableError naming what is wrong."""
    if action.template is None:
        raise UnsendableError("no template is named")
    fields = templates.render_fields(action.template, PUSH, **given(templates.shop, action, link_key))
    said = _checked(f"template {action.template}: {PUSH}", fields)
    if said.url is None:
        return said
    links = text_tracking_of(templates.shop, action, link_key)
    return said._replace(url=links.plain(said.url), links=links.made)


def _checked(where: str, fields: Mapping[str, Any]) -> Notification:
    if unknown := fields.keys() - _FIELDS:
        raise UnsendableError(f"{where} has {', '.join(sorted(unknown))}, which no notification has")
    if strangers := [name for name, value in fields.items() if not isinstance(value, str)]:
        raise UnsendableError(f"{where}: {strangers[0]} is no text")
    for name in ("title", "body"):
        if not fields.get(name):
            raise UnsendableError(f"{where} has no {name}")
    for name in ("url", "image"):
        if (given := fields.get(name)) and not _is_link(given):
            raise UnsendableError(f"{where}: {name} must be a whole address that begins with https://")
    url, image, collapse = (fields.get(name) or None for name in ("url", "image", "collapse"))
    return Notification(fields["title"], fields["body"], url, image, collapse)


def _is_link(text: str) -> bool:
    # what follows the host says nothing of that
    return text[:8].lower() == "https://" and _has_host(_AFTER_HOST.split(text[8:], 1)[0])


@lru_cache(maxsize=1_000)
def _has_host(host: str) -> bool:
    try:
        parts = urlsplit(f"https://{host}")
    except ValueError:
        return False
    return bool(parts.hostname) and parts.username is None
