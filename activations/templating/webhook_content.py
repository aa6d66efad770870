"""What a webhook says where its template has a webhook.yml: those fields, as JSON, and nothing else of the contact."""

from decimal import Decimal
from typing import Any

import orjson

from activations.channels.face import UnsendableError
from activations.delivery.outbox import Action
from activations.templating.field_files import WEBHOOK
from activations.templating.given import given
from activations.templating.rendering import Templates


def webhook_content(templates: Templates, action: Action, link_key: bytes) -> str:
    """The fields of an action's webhook.yml as a JSON object; raises UnsendableError naming what is wrong."""
    assert action.template is not None
    fields = templates.render_fields(action.template, WEBHOOK, **given(templates.shop, action, link_key))
    try:
        return orjson.dumps(fields, default=_digits).decode()
    except orjson.JSONEncodeError as error:
        raise UnsendableError(f"template {action.template}: {WEBHOOK} cannot be written as JSON: {error}") from error


def _digits(value: Any) -> Any:
    """An amount with each digit that it came with."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{value!r} is no value of JSON")
