"""Act on our own contacts: write a property on a profile, start or stop a workflow.

Each is an event that comes back through landing like any other: a property, tag or list as an identify event, the
start or the stop of a workflow as a track event.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.targets import target_of
from activations.channels.unasked import UnaskedChannel
from activations.delivery.outbox import Action
from activations.landed_events import SOURCE, identifiers_of, spool_events

_PROPERTY_KINDS = ("set_property", "unset_property", "add_tag", "remove_tag", "join_list", "leave_list")
_EVENT_NAMES = {"start_workflow": "Workflow Started", "stop_workflow": "Workflow Stopped"}


def open_channel(setting: Setting) -> "ContactProfileChannel":
    """The channel into the profiles of our own contacts."""
    return ContactProfileChannel(setting)


@dataclass(frozen=True)
class ContactProfileChannel(UnaskedChannel):
    """Keyed: an event's id is the action's, and landing takes each id once."""

    setting: Setting
    name: str = "profile"
    provider: str = SOURCE
    kinds: frozenset[str] = frozenset({*_PROPERTY_KINDS, *_EVENT_NAMES})
    idempotency: Idempotency = "keyed"
    batch_size: int = 5_000
    push_size: int = 5_000
    window: timedelta | None = None
    rate: float | None = None

    def validate(self, address: str | None) -> str:
        """The contact's own id; who it is in landing is said by the profile."""
        return address or ""

    def target(self, action: Action) -> str | None:
        """A contact's property; starting and stopping a workflow sets nothing."""
        if action.kind not in _PROPERTY_KINDS:
            return None
        try:
            name = json_object("context", action.context).get("property")
        except UnsendableError:
            return None
        return target_of(self.setting.profile.link_key, self.name, str(action.contact_id), str(name))

    def render(self, action: Action, message_id: str) -> Message:
        context, profile = json_object("context", action.context), json_object("profile", action.profile)
        identifiers = identifiers_of(profile)
        if not identifiers:
            raise UnsendableError("the contact has no user_id, e-mail address or telephone number to write to")
        event = {
            "message_id": message_id,
            **(_track(action.kind, context) if action.kind in _EVENT_NAMES else _identify(context)),
            **identifiers,
            "context": json.dumps({"workflow": action.workflow, "step": action.step}),
            "source": self.provider,
        }
        return Message(action.action_id, message_id, self.validate(action.address), json.dumps(event).encode())

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        now = self.setting.now()
        spool_events(self.setting.spool, [{**json.loads(message.content), "occurred_at": now} for message in batch])
        return [Answer(message.action_id, "accepted", provider_message_id=message.message_id) for message in batch]

    async def close(self) -> None:
        """Nothing is held open."""


def _identify(context: Mapping[str, Any]) -> dict[str, str]:
    name = context.get("property")
    if not isinstance(name, str) or not name.strip() or "value" not in context:
        raise UnsendableError("the context names no property and value")
    return {"type": "identify", "traits": json.dumps({name: context["value"]})}


def _track(kind: str, context: Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(context.get("workflow"), str):
        raise UnsendableError("the context names no workflow")
    return {"type": "track", "event": _EVENT_NAMES[kind], "properties": json.dumps(context)}
