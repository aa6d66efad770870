"""What the surfaces have in common: whom a message is for, for how long it is shown, and where it may lead."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from activations.channels.face import UnsendableError, json_object
from activations.delivery.outbox import Action, sent_at
from activations.periods import period
from activations.templating.given import given
from activations.templating.rendering import Templates

SHOWN_FOR = "shown_for"
_IDENTIFIERS = ("user_id", "email", "phone", "anonymous_id")


def rendered_fields(templates: Templates, action: Action, part: str, link_key: bytes) -> dict[str, str]:
    """The fields of a message as they read; raises UnsendableError."""
    if action.template is None:
        raise UnsendableError("no template is named")
    return templates.render_surface(action.template, part, **given(templates.shop, action, link_key))


def shown_until(action: Action, fields: Mapping[str, str]) -> datetime:
    """Until when it is shown: for as long as the template says, else as long as it may be sent."""
    if SHOWN_FOR in fields:
        return sent_at(action) + period(fields[SHOWN_FOR])
    if action.expires_at is None:
        raise UnsendableError("neither the step nor the template says for how long it is shown")
    return action.expires_at


def identifier(action: Action) -> str:
    """By what engagement names the contact, as JSON; raises UnsendableError where nothing is known."""
    profile = json_object("profile", action.profile)
    for name in _IDENTIFIERS:
        if profile.get(name):
            return json.dumps({name: str(profile[name])})
    raise UnsendableError("nothing is known by which engagement could name the contact")


def user_id(action: Action) -> str | None:
    """The id that the business gives the contact."""
    known = json_object("profile", action.profile).get("user_id")
    return str(known) if known else None


def about(action: Action) -> dict[str, str | None]:
    """What engagement says of a message."""
    return {
        "action_id": str(action.action_id),
        "workflow": action.workflow,
        "step": action.step,
        "topic": action.topic,
        "variant": action.variant,
    }


def checked_link(link: str) -> str:
    """A link that a page or an app may follow: http, https, or a path of its own; raises UnsendableError."""
    try:
        parts = urlsplit(link)
        is_page = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_page = False
    is_path = link.startswith("/") and not link.startswith("//")
    if not (is_page or is_path) or not link.isprintable() or " " in link or "\\" in link:
        raise UnsendableError(f"a link points to {link[:200]!r}, which is no address of a page")
    return link


def contact_address(address: str | None) -> str:
    """The contact's own id, as the outbox gives it for a channel without addresses; raises UnsendableError."""
    if not address or not address.removeprefix("-").isdecimal():
        raise UnsendableError("no contact")
    return address


def reported(event: str, message_id: str, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Engagement with a message, as a row of the table events."""
    return {
        "message_id": message_id,
        "type": "track",
        "event": event,
        **json.loads(row["identifier"]),
        "properties": row["about"],
        "source": "hourbell",
        "occurred_at": now,
    }
