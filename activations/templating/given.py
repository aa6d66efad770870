"""What a template is given of an action."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, TypedDict

from activations.channels.face import json_object, read_profile
from activations.delivery.outbox import Action
from activations.links import LINKS, possible_links
from activations.settings.shop import Shop

Asked = Collection[str] | None
"""Fields of a message that a template asks for; None is any of them."""
MessageFields = Mapping[str, Any] | Callable[[Asked], Mapping[str, Any]]
"""The fields of a message, or what makes those that are asked for."""


class Given(TypedDict):
    """The fields by what they belong to, as the renderer wants them."""

    contact: Mapping[str, Any]
    context: Mapping[str, Any]
    message: MessageFields


def given(shop: Shop, action: Action, link_key: bytes) -> Given:
    """The fields of an action, with the links that every message may have; raises UnsendableError."""
    return {
        "contact": {"locale": action.locale, "timezone": action.timezone, **read_profile(action.profile)},
        # no digit of an amount is lost
        "context": json_object("context", action.context, parse_float=Decimal),
        "message": partial(_message, shop, action, link_key),
    }


def _message(shop: Shop, action: Action, link_key: bytes, asked: Asked) -> Mapping[str, Any]:
    fields: dict[str, Any] = {"topic": action.topic, "variant": action.variant}
    if asked is None or not LINKS.isdisjoint(asked):
        for name, made in possible_links(shop, action, link_key).items():
            if asked is None or name in asked:
                fields[name] = made()
    return fields
