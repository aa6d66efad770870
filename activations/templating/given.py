"""What a template is given of an action."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, TypedDict

from activations.channels.face import json_object, read_profile
from activations.delivery.outbox import Action
from activations.links import LINKS, possible_links
from activations.settings.shop import Shop


class Given(TypedDict):
    """The fields by what they belong to, as the renderer wants them."""

    contact: Mapping[str, Any]
    context: Mapping[str, Any]
    message: Mapping[str, Any]


def given(shop: Shop, action: Action, link_key: bytes, asked: Collection[str] | None = None) -> Given:
    """The fields of an action, with the links that every message may have, for templates to make them.

    `asked` are the fields of `message` that are wanted; None is any of them. Raises UnsendableError.
    """
    links = {} if asked is not None and LINKS.isdisjoint(asked) else possible_links(shop, action, link_key)
    return {
        "contact": {"locale": action.locale, "timezone": action.timezone, **read_profile(action.profile)},
        # no digit of an amount is lost
        "context": json_object("context", action.context, parse_float=Decimal),
        "message": {
            "topic": action.topic,
            "variant": action.variant,
            **links,
        },
    }
