"""HubSpot, by its CRM API v3: batches of a hundred, lists, tasks, owners, and a search for what changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from activations.channels.batches import (
    Batches,
    Call,
    Entry,
    NotAnsweredError,
    Said,
    answered_alike,
    json_body,
    not_asked,
    status_of,
)
from activations.channels.face import Answer, Setting
from activations.channels.receivers import Receivers
from activations.crms.face import OWNER, Cursor, Deal, Record, Task
from activations.crms.hubspot_reading import (
    CONTACTS,
    DEALS,
    OF_DEALS,
    OWNER_ID,
    PAGE,
    archived,
    contacts,
    deal_of,
    listed,
    next_of,
    record_of,
    search,
    theirs,
    whose,
)
from activations.crms.settings import FILE, CrmSetting
from activations.delivery.patience import Pace
from activations.keys.access_tokens import AuthorisedPool
from activations.transport.http import HttpAnswer, HttpPool

_API = "https://api.hubapi.com"
_CALLS_A_SECOND = 10.0
"""The least that any account may make: a hundred in ten seconds."""
_SEARCHES_A_SECOND = 4.0
"""All apps of an account together may make five."""
_BATCH = 100
_MEMBERSHIPS = 10_000
_TASK_OF_CONTACT = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}
_PARTLY = 207
_MILLISECOND = timedelta(milliseconds=1)
_BUSY = {423: "2", 477: "30"}
"""Statuses of its own: locked by many writes, being moved; and how long to wait where it does not say."""
_DAY = "86400"


def open_crm(setting: Setting, crm: CrmSetting) -> "HubSpot":
    """The account that the token of a private app belongs to."""
    profile = setting.profile
    profile.needs_http_sandbox()
    token = profile.token(crm.name)
    pool = HttpPool(profile)

    async def known() -> str:
        return token

    authorised = AuthorisedPool(pool, known, pace=Pace(_CALLS_A_SECOND) if profile.is_live else None)
    receivers = Receivers(authorised, setting.now, f"mend {FILE} or the token", in_batches=True, plainly=_plainly)
    base = _API if profile.is_live else f"{profile.http_sandbox}/hubspot"
    searches = Pace(_SEARCHES_A_SECOND) if profile.is_live else None
    return HubSpot(crm, pool, Batches(crm.name, receivers), base, searches)


@dataclass(frozen=True)
class HubSpot:
    """Keyed for what is set: told again, it has nothing to change. A task is created as often as it is asked for."""

    crm: CrmSetting
    pool: HttpPool = field(repr=False)
    batches: Batches = field(repr=False)
    base: str
    searches: Pace | None = None
    batch_size: int = _BATCH
    opted_out: str = "hs_email_optout"
    _owners: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def reads(self) -> Mapping[str, str]:
        return {"email": "email", "phone": "phone", "first_name": "firstname", "last_name": "lastname"}

    async def update(self, entries: Sequence[Entry]) -> list[Answer]:
        return await self.batches.send(entries, _BATCH, self.update_call, self._said_of_updates)

    def update_call(self, entries: Sequence[Entry]) -> Call:
        """The request that sets properties, and creates who is not there yet."""
        inputs = [
            {
                "idProperty": self.crm.id_property,
                "id": entry.content.contact,
                "properties": {theirs(name): _written(value) for name, value in entry.content.values.items()},
                # with it each record has its own answer
                "objectWriteTraceId": entry.messages[0].message_id,
            }
            for entry in entries
        ]
        return Call(f"{self.base}{CONTACTS}/batch/upsert", json_body({"inputs": inputs}))

    async def enlist(self, number: str, entries: Sequence[Entry], *, member: bool) -> list[Answer]:
        try:
            known = await self._numbers([entry.content for entry in entries])
        except NotAnsweredError as error:
            return not_asked(entries, error.answer)
        missing = [entry for entry in entries if entry.content not in known]
        # who is not there is on no list
        unknown = Said("rejected", "the CRM does not know this contact") if member else Said("accepted")
        answers = answered_alike(missing, unknown)
        there = [Entry(known[entry.content], entry.messages) for entry in entries if entry.content in known]

        def call_of(part: Sequence[Entry]) -> Call:
            url = f"{self.base}/crm/v3/lists/{number}/memberships/{'add' if member else 'remove'}"
            return Call(url, json_body([entry.content for entry in part]), "PUT")

        def read(part: Sequence[Entry], stated: Any) -> list[Said]:
            gone = set(map(str, listed(stated, "recordIdsMissing")))
            return [unknown if entry.content in gone else Said("accepted") for entry in part]

        return [*answers, *await self.batches.send(there, _MEMBERSHIPS, call_of, read)]

    async def create(self, entries: Sequence[Entry]) -> list[Answer]:
        try:
            known = await self._numbers([entry.content.contact for entry in entries])
            owners = await self.owners() if any(entry.content.owner for entry in entries) else {}
        except NotAnsweredError as error:
            return not_asked(entries, error.answer)
        there, answers = [], []
        for entry in entries:
            task: Task = entry.content
            if task.contact not in known:
                answers += answered_alike([entry], Said("rejected", "the CRM does not know this contact"))
            elif task.owner and task.owner not in owners:
                answers += answered_alike(
                    [entry], Said("rejected", "the CRM has no colleague with the owner's address")
                )
            else:
                owner = owners[task.owner] if task.owner else None
                there.append(
                    Entry(_task(task, known[task.contact], owner, entry.messages[0].message_id), entry.messages)
                )

        def call_of(part: Sequence[Entry]) -> Call:
            inputs = [entry.content for entry in part]
            return Call(f"{self.base}/crm/v3/objects/tasks/batch/create", json_body({"inputs": inputs}))

        return [*answers, *await self.batches.send(there, _BATCH, call_of, _said_of_tasks)]

    async def owners(self) -> Mapping[str, str]:
        if self._owners:
            return self._owners
        found: dict[str, str] = {}
        after = ""
        while True:
            query = urlencode({"limit": 500, **({"after": after} if after else {})})
            stated = await self.batches.ask(Call(f"{self.base}/crm/v3/owners/?{query}", method="GET"))
            for owner in listed(stated, "results"):
                if owner.get("email"):
                    found[str(owner["email"]).lower()] = str(owner["id"])
            after = str(next_of(stated) or "")
            if not after:
                self._owners.update(found)
                return found

    async def changed(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Record], Cursor | None]:
        stated = await self._search(CONTACTS, cursor, [theirs(name) for name in names])
        colleagues = {number: email for email, number in (await self.owners()).items()} if OWNER in names else {}
        found = [record_of(each, names, colleagues) for each in stated]
        return found, self._next(cursor, found)

    async def gone(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Record], Cursor | None]:
        properties = [theirs(name) for name in names]
        stated, following = await archived(self.batches, self.base, CONTACTS, cursor, properties)
        return [record_of(each, names, {}) for each in stated], following

    async def deals(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Deal], Cursor | None]:
        found = await self._with_contacts(await self._search(DEALS, cursor, OF_DEALS), names)
        return found, self._next(cursor, found)

    async def gone_deals(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Deal], Cursor | None]:
        stated, following = await archived(self.batches, self.base, DEALS, cursor, OF_DEALS)
        return await self._with_contacts(stated, names), following

    async def _search(self, objects: str, cursor: Cursor, properties: Sequence[str]) -> list[Any]:
        if self.searches is not None:
            await self.searches.wait()
        return await search(self.batches, self.base, objects, cursor, properties)

    async def _with_contacts(self, stated: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Deal]:
        by_deal = await whose(self.batches, self.base, stated)
        known = await contacts(self.batches, self.base, sorted(set(by_deal.values())), names)
        return [deal_of(each, known.get(by_deal.get(str(each["id"]), ""))) for each in stated]

    async def close(self) -> None:
        await self.pool.close()

    @staticmethod
    def _next(cursor: Cursor, found: Sequence[Record] | Sequence[Deal]) -> Cursor | None:
        full = len(found) == PAGE
        if cursor.number:
            # all of that one moment, and then on from the next
            return Cursor(cursor.changed_at, found[-1].number) if full else Cursor(_later(cursor.changed_at))
        if not full:
            return None
        last = found[-1].changed_at
        # a page of one and the same moment is gone through by number
        return Cursor(last) if last > cursor.changed_at else Cursor(cursor.changed_at, "0")

    async def _numbers(self, contacts: Sequence[str]) -> dict[str, str]:
        """HubSpot's own ids of contacts, by what they are known by; raises NotAnsweredError."""
        found: dict[str, str] = {}
        name = self.crm.id_property
        wanted = list(dict.fromkeys(contacts))
        for start in range(0, len(wanted), _BATCH):
            inputs = [{"id": contact} for contact in wanted[start : start + _BATCH]]
            body = {"idProperty": name, "inputs": inputs, "properties": [name], "propertiesWithHistory": []}
            stated = await self.batches.ask(Call(f"{self.base}{CONTACTS}/batch/read", json_body(body)))
            found |= {str(each["properties"].get(name)).lower(): str(each["id"]) for each in listed(stated, "results")}
        return {contact: found[contact.lower()] for contact in wanted if contact.lower() in found}

    def _said_of_updates(self, entries: Sequence[Entry], stated: Any) -> list[Said]:
        return _said_by_trace(entries, stated, [entry.messages[0].message_id for entry in entries])


def _said_of_tasks(entries: Sequence[Entry], stated: Any) -> list[Said]:
    return _said_by_trace(entries, stated, [entry.content["objectWriteTraceId"] for entry in entries])


def _said_by_trace(entries: Sequence[Entry], stated: Any, traces: Sequence[str]) -> list[Said]:
    """What a batch says of each of its records: those that were written, and errors that name the others."""
    errors = listed(stated, "errors")
    if not errors:
        results = listed(stated, "results")
        numbers = {str(each.get("objectWriteTraceId")): str(each.get("id")) for each in results}
        return [Said("accepted", known_as=numbers.get(trace)) for trace in traces]
    refused = {}
    for error in errors:
        for trace in error.get("context", {}).get("objectWriteTraceId", []):
            code = {"RATE_LIMITS": 429, "VALIDATION_ERROR": 400, "CONFLICT": 409}.get(str(error.get("category")), 400)
            refused[trace] = Said(status_of(code), f"{error.get('category')}: {error.get('message')}")
    written = {str(each.get("objectWriteTraceId")): str(each.get("id")) for each in listed(stated, "results")}
    silent = Said("in doubt", "the answer to the batch does not say what became of it")
    return [
        refused.get(trace) or (Said("accepted", known_as=written[trace]) if trace in written else silent)
        for trace in traces
    ]


def _task(task: Task, number: str, owner: str | None, trace: str) -> dict[str, Any]:
    properties = {
        "hs_timestamp": f"{task.due_at.isoformat(timespec='milliseconds')}Z",
        "hs_task_subject": task.subject,
        "hs_task_body": task.body,
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "TODO",
    }
    if owner:
        properties[OWNER_ID] = owner
    return {
        "properties": properties,
        "associations": [{"to": {"id": number}, "types": [_TASK_OF_CONTACT]}],
        "objectWriteTraceId": trace,
    }


def _plainly(said: HttpAnswer) -> HttpAnswer:
    """HubSpot's answers in the terms of HTTP."""
    if said.status == _PARTLY:
        return replace(said, status=200)
    if said.status in _BUSY:
        return replace(said, status=429, headers={"Retry-After": _BUSY[said.status], **said.headers})
    if said.status == 429 and "Retry-After" not in said.headers:
        return replace(said, headers={**said.headers, "Retry-After": _rest(said)})
    return said


def _rest(said: HttpAnswer) -> str:
    """Seconds for which a limit holds: the rest of the day, or the interval of calls a second."""
    try:
        policy = json.loads(said.text or "{}").get("policyName")
    except (ValueError, AttributeError):
        policy = None
    if policy == "DAILY":
        return _DAY
    interval = said.headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
    return str(max(1, int(interval) // 1_000)) if interval.isdecimal() else "1"


def _later(moment: datetime) -> datetime:
    """A millisecond later: finer than that HubSpot does not ask."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000) + _MILLISECOND


def _written(value: Any) -> str:
    """A value as HubSpot reads it: text, and nothing clears the property."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
