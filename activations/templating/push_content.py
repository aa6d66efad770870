"""What a notification says, whether it goes to an app or to a browser: push.yml of a template."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from activations.channels.face import UnsendableError, json_object
from activations.delivery.outbox import Action
from activations.links import message_links
from activations.templating.files import PUSH
from activations.templating.rendering import Templates

_FIELDS = frozenset({"title", "body", "url", "image", "collapse"})


class Notification(NamedTuple):
    """A notification. `collapse` names what it is about: of several that wait, only the newest is shown."""

    title: str
    body: str
    url: str | None
    image: str | None
    collapse: str | None


def render_notification(templates: Templates, action: Action, link_key: bytes) -> Notification:
    """The notification of an action; raises UnsendableError naming what is wrong."""
    if action.template is None:
        raise UnsendableError("no template is named")
    fields = templates.render_fields(
        action.template,
        PUSH,
        contact={"locale": action.locale, "timezone": action.timezone, **json_object("profile", action.profile)},
        context=json_object("context", action.context, parse_float=Decimal),
        message={
            "topic": action.topic,
            "variant": action.variant,
            **message_links(templates.shop, action, link_key),
        },
    )
    return _checked(f"template {action.template}: {PUSH}", fields)


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
    return Notification(*(fields.get(name) or None for name in Notification._fields))  # type: ignore[arg-type]


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
