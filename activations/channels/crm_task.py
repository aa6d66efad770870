"""Tasks in a CRM for the people inside, about a contact."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from activations.channels.batches import Entry
from activations.channels.crm import contact_at, open_crms, owner_address
from activations.channels.face import Answer, Message, Setting, UnsendableError, json_object
from activations.channels.unasked import BlindChannel
from activations.crms.face import Crm, Task
from activations.crms.settings import CrmSetting
from activations.delivery.outbox import Action, sent_at
from activations.settings.people import mail_addresses, read_people


def open_channel(setting: Setting) -> "CrmTaskChannel":
    """The channel to the task lists of the CRMs of crm.yml; raises HourbellError where that cannot be used."""
    crms, opened = open_crms(setting)
    return CrmTaskChannel(setting, crms, opened, mail_addresses(read_people(setting.templates)))


@dataclass(frozen=True)
class CrmTaskChannel(BlindChannel):
    """Blind: neither HubSpot nor Salesforce takes a key for a task, and the same subject may well come twice."""

    setting: Setting
    crms: Mapping[str, CrmSetting]
    opened: Mapping[str, Crm] = field(repr=False)
    people: Mapping[str, str] = field(repr=False)
    name: str = "crm_task"
    kinds: frozenset[str] = field(default=frozenset({"create_crm_task"}), kw_only=True)

    @property
    def provider(self) -> str:
        return "crm" if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; by what the CRM knows it is said by the profile."""
        return address or ""

    def render(self, action: Action, message_id: str) -> Message:
        context = json_object("context", action.context)
        crm, contact = contact_at(self.crms, action, context)
        subject = context.get("subject")
        if not isinstance(subject, str) or not subject.strip():
            raise UnsendableError("the context names no subject of the task")
        content = {
            "contact": contact,
            "subject": " ".join(subject.split()),
            "body": str(context.get("body") or ""),
            "due_at": _due_at(action, context).isoformat(),
            "owner": owner_address(self.people, context.get("owner")),
        }
        return Message(action.action_id, message_id, crm.name, json.dumps(content).encode())

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        by_crm: dict[str, list[Entry]] = defaultdict(list)
        for message in batch:
            said = json.loads(message.content)
            task = Task(**{**said, "due_at": datetime.fromisoformat(said["due_at"])})
            by_crm[message.address].append(Entry(task, [message]))
        return [answer for name, entries in by_crm.items() for answer in await self.opened[name].create(entries)]

    async def close(self) -> None:
        for crm in self.opened.values():
            await crm.close()


def _due_at(action: Action, context: Mapping[str, Any]) -> datetime:
    """When the task is due: so many days after it was decided."""
    days = context.get("due_in_days", 0)
    if not isinstance(days, int | float) or not 0 <= days <= 366:
        raise UnsendableError("due_in_days is no number of days from 0 to 366")
    return sent_at(action) + timedelta(days=days)
