"""What colleagues are told of a contact, on whatever channel they read."""

from collections.abc import Mapping
from typing import Any

from activations.channels.face import UnsendableError, json_object
from activations.delivery.outbox import Action
from activations.mime import one_line
from activations.templating.rendering import Templates


def rendered_notice(templates: Templates, action: Action, details: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text of a notice, as the step wrote them in Liquid; raises UnsendableError."""
    subject, text = details.get("subject"), details.get("text")
    if not isinstance(subject, str) or not isinstance(text, str):
        raise UnsendableError("the context has no subject and text")
    contact = {"locale": action.locale, "timezone": action.timezone, **json_object("profile", action.profile)}
    context = details.get("context") or {}
    subject, text = (templates.render_text(source, contact=contact, context=context) for source in (subject, text))
    return one_line(subject), text
