"""A CRM over HTTP: contacts' properties, set in batches as HubSpot's `batch/upsert` takes them."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from activations.channels.batches import Batches, Entry, open_batches
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.outbox import Action

FILE = "crm.yml"
SETTINGS = {"id_property": ("email", "phone", "user_id")}
"""By which property the CRM knows a contact."""


def open_channel(setting: Setting) -> "CrmChannel":
    """The channel to the CRMs of crm.yml; raises HourbellError where that cannot be used."""
    return CrmChannel(setting, open_batches(setting, FILE, "crm", SETTINGS))


@dataclass(frozen=True)
class CrmChannel:
    """Keyed: who is told the same of the same contact again has nothing to change."""

    setting: Setting
    batches: Batches
    name: str = "crm"
    kinds: frozenset[str] = frozenset({"update_crm"})
    idempotency: Idempotency = "keyed"
    batch_size: int = 1_000
    push_size: int = 100
    """HubSpot takes a hundred contacts at once."""
    window: timedelta | None = timedelta(hours=24)
    """Later somebody may have changed it there."""
    rate: float | None = None
    ask_after: float = 0.0

    @property
    def provider(self) -> str:
        return "crm" if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; by what the CRM knows it is said by the profile."""
        return address or ""

    def message_id(self, action_id: int) -> str:
        return f"hourbell-{action_id}"

    def render(self, action: Action, message_id: str) -> Message:
        context, profile = json_object("context", action.context), json_object("profile", action.profile)
        name, field = context.get("crm"), context.get("field")
        if not isinstance(name, str) or name not in self.batches.endpoints:
            raise UnsendableError(f"{FILE} names no CRM {name!r}")
        if not isinstance(field, str) or not field.strip() or "value" not in context:
            raise UnsendableError("the context names no field and value")
        id_property = self.batches.endpoints[name].settings["id_property"]
        if not profile.get(id_property):
            raise UnsendableError(f"the contact has no {id_property}, by which {name} knows it")
        content = {"id": str(profile[id_property]), "property": field, "value": _written(context["value"])}
        return Message(action.action_id, message_id, name, json.dumps(content).encode())

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        answers = []
        for name, messages in _grouped(batch).items():
            id_property = self.batches.endpoints[name].settings["id_property"]
            answers += await self.batches.post(
                name,
                _entries(messages, id_property),
                lambda entries: {"inputs": [entry.content for entry in entries]},
            )
        return answers

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        await self.batches.close()


def _grouped(batch: Sequence[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = defaultdict(list)
    for message in batch:
        found[message.address].append(message)
    return found


def _entries(messages: Sequence[Message], id_property: str) -> list[Entry]:
    """One entry a contact, because a batch may name nobody twice; of a property the last value counts."""
    properties: dict[str, dict[str, str]] = defaultdict(dict)
    theirs: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        said = json.loads(message.content)
        properties[said["id"]][said["property"]] = said["value"]
        theirs[said["id"]].append(message)
    return [
        Entry({"idProperty": id_property, "id": number, "properties": properties[number]}, theirs[number])
        for number in theirs
    ]


def _written(value: Any) -> str:
    """A value as a CRM reads it: text, and nothing clears the property."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
