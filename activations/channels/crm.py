"""CRMs: properties, owners and lists of contacts, in batches, and only what is not so there already."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

from activations.channels.batches import Entry, NotAnsweredError, not_asked
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.targets import target_of
from activations.channels.unasked import UnaskedChannel
from activations.crms.face import OWNER, Crm, Properties
from activations.crms.memory import Fact, Memory
from activations.crms.registry import CRMS
from activations.crms.settings import FILE, CrmSetting, read_crms
from activations.delivery.outbox import Action
from activations.settings.people import mail_addresses, read_people

_MEMBER = {"join_crm_list": True, "leave_crm_list": False}
_LIST = "list:"
"""Before the name of a list, among the names of properties."""
_REMEMBERED = timedelta(hours=24)
"""Later somebody may have changed it there."""
_SAID_BEFORE = "the CRM has it so already"


class _Told(NamedTuple):
    """A message, and what it is to make so."""

    message: Message
    fact: Fact


def open_channel(setting: Setting) -> "CrmChannel":
    """The channel to the CRMs of crm.yml; raises HourbellError where that cannot be used."""
    crms, opened = open_crms(setting)
    return CrmChannel(setting, crms, opened, mail_addresses(read_people(setting.templates)))


def open_crms(setting: Setting) -> tuple[Mapping[str, CrmSetting], Mapping[str, Crm]]:
    """The CRMs of crm.yml by name, as they are set and as they are reached."""
    setting.profile.needs_http_sandbox()
    crms = read_crms(setting.templates)
    return crms, {name: CRMS[crm.platform](setting, crm) for name, crm in crms.items()}


@dataclass(frozen=True)
class CrmChannel(UnaskedChannel):
    """Keyed: who is told the same of the same contact again has nothing to change."""

    setting: Setting
    crms: Mapping[str, CrmSetting]
    opened: Mapping[str, Crm] = field(repr=False)
    people: Mapping[str, str] = field(repr=False)
    name: str = "crm"
    kinds: frozenset[str] = frozenset({"update_crm", "set_crm_owner", *_MEMBER})
    idempotency: Idempotency = "keyed"
    batch_size: int = 1_000
    push_size: int = 500
    window: timedelta | None = _REMEMBERED
    rate: float | None = None

    @property
    def provider(self) -> str:
        return "crm" if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; by what the CRM knows it is said by the profile."""
        return address or ""

    def target(self, action: Action) -> str | None:
        """A contact's property or list."""
        try:
            context = json_object("context", action.context)
            crm, contact = contact_at(self.crms, action, context)
            name, _ = self._wanted(action.kind, context, crm)
        except UnsendableError:
            return None
        return target_of(self.setting.profile.link_key, self.name, crm.name, contact.casefold(), name)

    def render(self, action: Action, message_id: str) -> Message:
        context = json_object("context", action.context)
        crm, contact = contact_at(self.crms, action, context)
        name, value = self._wanted(action.kind, context, crm)
        content = {"contact": contact, "name": name, "value": value}
        return Message(action.action_id, message_id, crm.name, json.dumps(content).encode())

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        by_crm: dict[str, list[_Told]] = defaultdict(list)
        for message in batch:
            by_crm[message.address].append(_Told(message, Fact(**json.loads(message.content))))
        answers = []
        for name, told in by_crm.items():
            if name not in self._memories:
                self._memories[name] = memory_of(self.setting, name)
            answers += await self._tell(self.opened[name], self.crms[name], self._memories[name], told)
        return answers

    async def close(self) -> None:
        while self._memories:
            self._memories.popitem()[1].close()
        for crm in self.opened.values():
            await crm.close()

    @cached_property
    def _memories(self) -> dict[str, Memory]:
        """Those that are open, by the CRM."""
        return {}

    def _wanted(self, kind: str, context: Mapping[str, Any], crm: CrmSetting) -> tuple[str, Any]:
        """The name of what is to be made so, and its value."""
        if kind in _MEMBER:
            name = context.get("list")
            if name not in crm.lists:
                raise UnsendableError(f"{FILE} names no list {name!r} of {crm.name}")
            return f"{_LIST}{name}", _MEMBER[kind]
        if kind == "set_crm_owner":
            return OWNER, owner_address(self.people, context.get("owner"))
        field = context.get("field")
        if not isinstance(field, str) or not field.strip() or "value" not in context:
            raise UnsendableError("the context names no field and value")
        return field, context["value"]

    async def _tell(self, crm: Crm, known: CrmSetting, memory: Memory, told: Sequence[_Told]) -> list[Answer]:
        """Tell a CRM what it does not have so yet; of each contact's property the last value counts."""
        last = {(each.fact.contact, each.fact.name): each.fact for each in told}
        now = self.setting.now()
        held = memory.held(last.values(), now - _REMEMBERED)
        messages: dict[tuple[str, str], list[Message]] = defaultdict(list)
        for each in told:
            messages[each.fact.contact, each.fact.name].append(each.message)
        answers = [_so_already(message) for place in held for message in messages[place]]
        fresh = [fact for place, fact in last.items() if place not in held]
        memory.telling(fresh, now)
        lists = [fact for fact in fresh if fact.name.startswith(_LIST)]
        properties = [fact for fact in fresh if not fact.name.startswith(_LIST)]
        replies: list[tuple[Fact, list[Answer]]] = []
        for name, member in dict.fromkeys((fact.name, fact.value) for fact in lists):
            theirs = [fact for fact in lists if (fact.name, fact.value) == (name, member)]
            entries = [Entry(fact.contact, messages[fact.contact, fact.name]) for fact in theirs]
            said = await crm.enlist(known.lists[name.removeprefix(_LIST)], entries, member=member)
            replies += _by_fact(theirs, messages, said)
        replies += await self._set(crm, properties, messages)
        now = self.setting.now()
        taken = [fact for fact, said in replies if said[0].status == "accepted"]
        # the CRM shows by what it knows a contact, too
        memory.told([*taken, *(Fact(fact.contact, known.id_property, fact.contact) for fact in taken)], now)
        memory.not_told([fact for fact, said in replies if said[0].status == "rejected"])
        return [*answers, *(answer for _, said in replies for answer in said)]

    async def _set(
        self, crm: Crm, facts: Sequence[Fact], messages: Mapping[tuple[str, str], Sequence[Message]]
    ) -> list[tuple[Fact, list[Answer]]]:
        """Set properties and owners, one entry a contact, because a batch may name nobody twice."""
        replies = []
        values: dict[str, dict[str, Any]] = defaultdict(dict)
        owned = [fact for fact in facts if fact.name == OWNER and fact.value is not None]
        try:
            owners = await crm.owners() if owned else {}
        except NotAnsweredError as error:
            answers = not_asked([Entry(None, messages[fact.contact, OWNER]) for fact in owned], error.answer)
            replies += _by_fact(owned, messages, answers)
            facts = [fact for fact in facts if fact not in owned]
            owners = {}
        going = []
        for fact in facts:
            if fact.name == OWNER and fact.value is not None and fact.value not in owners:
                reason = "the CRM has no colleague with the owner's address"
                replies.append(
                    (fact, [Answer(each.action_id, "rejected", reason) for each in messages[fact.contact, OWNER]])
                )
                continue
            values[fact.contact][fact.name] = owners.get(fact.value) if fact.name == OWNER else fact.value
            going.append(fact)
        entries = [
            Entry(Properties(contact, stated), [each for name in stated for each in messages[contact, name]])
            for contact, stated in values.items()
        ]
        return [*replies, *_by_fact(going, messages, await crm.update(entries))]


def memory_of(setting: Setting, crm: str) -> Memory:
    """What a CRM is known to hold."""
    return Memory(setting.spool, crm, setting.profile.link_key)


def contact_at(crms: Mapping[str, CrmSetting], action: Action, context: Mapping[str, Any]) -> tuple[CrmSetting, str]:
    """The CRM that an action is for, and by what it knows the contact; raises UnsendableError."""
    name, profile = context.get("crm"), json_object("profile", action.profile)
    if not isinstance(name, str) or name not in crms:
        raise UnsendableError(f"{FILE} names no CRM {name!r}")
    contact = profile.get(crms[name].known_by)
    if not contact:
        raise UnsendableError(f"the contact has no {crms[name].known_by}, by which {name} knows it")
    return crms[name], str(contact)


def owner_address(people: Mapping[str, str], owner: object) -> str | None:
    """The e-mail address of an owner, who may be named as in people.yml; nobody is None. Raises UnsendableError."""
    if owner is None:
        return None
    address = people.get(str(owner), str(owner))
    if "@" not in address:
        raise UnsendableError(f"people.yml has no address of the owner {owner!r}")
    return address.lower()


def _so_already(message: Message) -> Answer:
    return Answer(message.action_id, "accepted", _SAID_BEFORE, message.message_id, is_called=False)


def _by_fact(
    facts: Sequence[Fact], messages: Mapping[tuple[str, str], Sequence[Message]], answers: Sequence[Answer]
) -> list[tuple[Fact, list[Answer]]]:
    """The answers to each fact's messages."""
    known = {answer.action_id: answer for answer in answers}
    return [(fact, [known[each.action_id] for each in messages[fact.contact, fact.name]]) for fact in facts]
