"""Salesforce, by its REST API: collections of two hundred, campaigns as lists, tasks, owners, a query for changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar
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
)
from activations.channels.face import Answer, Setting
from activations.channels.receivers import Receivers
from activations.crms.face import OWNER, Cursor, Deal, Record, Task
from activations.crms.settings import FILE, CrmSetting
from activations.keys.access_tokens import AccessTokens, AuthorisedPool
from activations.transport.http import HttpAnswer, HttpPool

VERSION = "v64.0"
_BATCH = 200
_ASKED = 100
"""Contacts named in one query, whose address may not be endless."""
_PAGE = 2_000
_CHANGED = "SystemModstamp"
_OF_DEALS = ("Name", "StageName", "Amount", "CloseDate", "IsClosed", "IsWon")
_LATER = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG"})
_IS_SO_ALREADY = frozenset({"DUPLICATE_VALUE", "ENTITY_IS_DELETED"})
"""Somebody is in the campaign already, or has left it."""
_LIMIT = "REQUEST_LIMIT_EXCEEDED"
_HOUR, _MOMENT = "3600", "5"
Read = TypeVar("Read", Record, Deal)


def open_crm(setting: Setting, crm: CrmSetting) -> "Salesforce":
    """The org at the url, entered as the connected app `client` whose secret is the token."""
    profile = setting.profile
    profile.needs_http_sandbox()
    secret = profile.token(crm.name)
    pool = HttpPool(profile)
    base = crm.url.rstrip("/") if profile.is_live else f"{profile.http_sandbox}/salesforce"
    mend = f"mend {FILE} or the token"
    tokens = AccessTokens(
        pool,
        f"{base}/services/oauth2/token",
        lambda: {"grant_type": "client_credentials", "client_id": crm.client, "client_secret": secret},
        setting.now,
        mend,
    )
    authorised = AuthorisedPool(pool, tokens.token, tokens.forget)
    receivers = Receivers(authorised, setting.now, mend, in_batches=True, plainly=_plainly)
    return Salesforce(crm, pool, Batches(crm.name, receivers), f"{base}/services/data/{VERSION}")


@dataclass(frozen=True)
class Salesforce:
    """Keyed for what is set, by an external id. A task is created as often as it is asked for."""

    crm: CrmSetting
    pool: HttpPool = field(repr=False)
    batches: Batches = field(repr=False)
    base: str
    batch_size: int = _BATCH
    opted_out: str = "HasOptedOutOfEmail"
    _owners: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def reads(self) -> Mapping[str, str]:
        return {"email": "Email", "phone": "Phone", "first_name": "FirstName", "last_name": "LastName"}

    async def update(self, entries: Sequence[Entry]) -> list[Answer]:
        return await self.batches.send(entries, _BATCH, self.update_call, _said_of_each)

    def update_call(self, entries: Sequence[Entry]) -> Call:
        """The request that sets properties by the external id, and creates who is not there yet."""
        records = [
            {
                "attributes": {"type": self.crm.object},
                self.crm.id_property: entry.content.contact,
                **{_theirs(name): value for name, value in entry.content.values.items()},
            }
            for entry in entries
        ]
        url = f"{self.base}/composite/sobjects/{self.crm.object}/{self.crm.id_property}"
        return Call(url, json_body({"allOrNone": False, "records": records}), "PATCH")

    async def enlist(self, number: str, entries: Sequence[Entry], *, member: bool) -> list[Answer]:
        if member:
            return await self.batches.send(
                entries, _BATCH, lambda part: self._insert([self._member(number, entry) for entry in part]), _so_already
            )
        try:
            members = await self._members(number, [entry.content for entry in entries])
        except NotAnsweredError as error:
            return not_asked(entries, error.answer)
        # who is not in the campaign has left it
        gone = [entry for entry in entries if entry.content not in members]
        there = [Entry(members[entry.content], entry.messages) for entry in entries if entry.content in members]

        def call_of(part: Sequence[Entry]) -> Call:
            query = urlencode({"ids": ",".join(entry.content for entry in part), "allOrNone": "false"})
            return Call(f"{self.base}/composite/sobjects?{query}", method="DELETE")

        return [*answered_alike(gone, Said("accepted")), *await self.batches.send(there, _BATCH, call_of, _so_already)]

    async def create(self, entries: Sequence[Entry]) -> list[Answer]:
        try:
            owners = await self.owners() if any(entry.content.owner for entry in entries) else {}
        except NotAnsweredError as error:
            return not_asked(entries, error.answer)
        strangers = [entry for entry in entries if entry.content.owner and entry.content.owner not in owners]
        known = [entry for entry in entries if not entry.content.owner or entry.content.owner in owners]
        refused = answered_alike(strangers, Said("rejected", "the CRM has no colleague with the owner's address"))

        def call_of(part: Sequence[Entry]) -> Call:
            return self._insert([self._task(entry.content, owners) for entry in part])

        return [*refused, *await self.batches.send(known, _BATCH, call_of, _said_of_each)]

    async def owners(self) -> Mapping[str, str]:
        if not self._owners:
            found = await self._query("SELECT Id, Email FROM User WHERE IsActive = true")
            self._owners.update({str(each["Email"]).lower(): str(each["Id"]) for each in found if each.get("Email")})
        return self._owners

    async def changed(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Record], Cursor | None]:
        return _page(await self._changed(self.crm.object, self._fields(names), cursor), lambda row: _record(row, names))

    async def gone(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Record], Cursor | None]:
        rows = await self._changed(self.crm.object, self._fields(names), cursor, is_deleted=True)
        return _page(rows, lambda row: _record(row, names))

    async def deals(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Deal], Cursor | None]:
        rows = await self._changed("Opportunity", self._of_deals(names), cursor)
        return _page(rows, lambda row: _deal(row, names))

    async def gone_deals(self, cursor: Cursor, names: Sequence[str]) -> tuple[list[Deal], Cursor | None]:
        rows = await self._changed("Opportunity", self._of_deals(names), cursor, is_deleted=True)
        return _page(rows, lambda row: _deal(row, names))

    def _fields(self, names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(["Id", _CHANGED, *(_asked(name) for name in names)]))

    def _of_deals(self, names: Sequence[str]) -> list[str]:
        of_contact = ", ".join(f"Contact.{field}" for field in self._fields([name for name in names if name != OWNER]))
        role = f"(SELECT {of_contact} FROM OpportunityContactRoles ORDER BY IsPrimary DESC LIMIT 1)"
        return ["Id", _CHANGED, *_OF_DEALS, role]

    async def _changed(
        self, kind: str, fields: Sequence[str], cursor: Cursor, *, is_deleted: bool = False
    ) -> list[Mapping[str, Any]]:
        """A page of what changed, or of what was deleted and is in the bin; raises NotAnsweredError."""
        moment = f"{cursor.changed_at.isoformat(timespec='milliseconds')}Z"
        since = f"{_CHANGED} >= {moment}"
        if cursor.number:
            since = f"({_CHANGED} > {moment} OR ({_CHANGED} = {moment} AND Id > {_quoted(cursor.number)}))"
        if is_deleted:
            since = f"IsDeleted = true AND {since}"
        return await self._query(
            f"SELECT {', '.join(fields)} FROM {kind} WHERE {since} ORDER BY {_CHANGED} ASC, Id ASC LIMIT {_PAGE}",
            "queryAll" if is_deleted else "query",
        )

    async def close(self) -> None:
        await self.pool.close()

    async def _query(self, soql: str, resource: str = "query") -> list[Mapping[str, Any]]:
        """All rows of a query, page by page; raises NotAnsweredError."""
        url = f"{self.base}/{resource}/?{urlencode({'q': soql})}"
        rows: list[Mapping[str, Any]] = []
        while True:
            stated = await self.batches.ask(Call(url, method="GET"))
            if not isinstance(stated, dict):
                raise NotAnsweredError(Answer(0, "rejected", "the answer to a query cannot be read"))
            rows += stated.get("records", [])
            if stated.get("done", True):
                return rows
            url = f"{self.base}/query/{str(stated['nextRecordsUrl']).rpartition('/')[2]}"

    async def _members(self, campaign: str, contacts: Sequence[str]) -> dict[str, str]:
        """Ids of campaign members, by what their contacts are known by; raises NotAnsweredError.

        Salesforce finds a contact however its letters are written, and answers in its own spelling.
        """
        name, who = self.crm.id_property, self.crm.object
        exact: dict[str, str] = {}
        for start in range(0, len(contacts), _ASKED):
            wanted = ", ".join(_quoted(contact) for contact in contacts[start : start + _ASKED])
            rows = await self._query(
                f"SELECT Id, {who}.{name} FROM CampaignMember "
                f"WHERE CampaignId = {_quoted(campaign)} AND {who}.{name} IN ({wanted})"
            )
            exact |= {str(row[who][name]): str(row["Id"]) for row in rows}
        folded = {contact.lower(): number for contact, number in exact.items()}
        # where the field tells letters apart, two may differ in nothing else
        found = {contact: exact.get(contact) or folded.get(contact.lower()) for contact in contacts}
        return {contact: number for contact, number in found.items() if number}

    def _member(self, campaign: str, entry: Entry) -> dict[str, Any]:
        who = {self.crm.id_property: entry.content}
        return {"attributes": {"type": "CampaignMember"}, "CampaignId": campaign, self.crm.object: who}

    def _task(self, task: Task, owners: Mapping[str, str]) -> dict[str, Any]:
        owner = {"OwnerId": owners[task.owner]} if task.owner else {}
        return {
            "attributes": {"type": "Task"},
            "Subject": task.subject,
            "Description": task.body,
            "Status": "Not Started",
            "Priority": "Normal",
            "ActivityDate": task.due_at.date().isoformat(),
            **owner,
            # known by the external id, so that it need not be looked up
            "Who": {"attributes": {"type": self.crm.object}, self.crm.id_property: task.contact},
        }

    def _insert(self, records: Sequence[Mapping[str, Any]]) -> Call:
        return Call(f"{self.base}/composite/sobjects", json_body({"allOrNone": False, "records": records}))


def _said_of_each(entries: Sequence[Entry], stated: Any) -> list[Said]:
    """The results stand in the order of the records."""
    if not isinstance(stated, list) or len(stated) != len(entries):
        silent = Said("in doubt", "the answer to the batch does not say what became of it")
        return [silent] * len(entries)
    return [_said(result) for result in stated]


def _so_already(entries: Sequence[Entry], stated: Any) -> list[Said]:
    return [
        Said("accepted") if said.reason and said.reason.partition(":")[0] in _IS_SO_ALREADY else said
        for said in _said_of_each(entries, stated)
    ]


def _said(result: Mapping[str, Any]) -> Said:
    if result.get("success"):
        return Said("accepted", known_as=str(result.get("id") or "") or None)
    errors = result.get("errors") or [{}]
    code = str(errors[0].get("statusCode"))
    return Said("retry" if code in _LATER else "rejected", f"{code}: {errors[0].get('message')}")


def _page(
    rows: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], Read]
) -> tuple[list[Read], Cursor | None]:
    """What stands on a page, and where the next begins."""
    found = [read(row) for row in rows]
    if len(rows) < _PAGE:
        return found, None
    return found, Cursor(_changed_at(rows[-1]), str(rows[-1]["Id"]))


def _changed_at(stated: Mapping[str, Any]) -> datetime:
    # its offset is +0000
    moment = datetime.fromisoformat(str(stated[_CHANGED]).replace("+0000", "+00:00"))
    return moment.astimezone(UTC).replace(tzinfo=None)


def _record(stated: Mapping[str, Any], names: Sequence[str]) -> Record:
    values = {name: stated.get(name) for name in names}
    if OWNER in values:
        email = (stated.get("Owner") or {}).get("Email")
        values[OWNER] = str(email).lower() if email else None
    return Record(str(stated["Id"]), _changed_at(stated), values)


def _deal(stated: Mapping[str, Any], names: Sequence[str]) -> Deal:
    name, stage, amount, closes_on, closed, won = (stated.get(field) for field in _OF_DEALS)
    roles = (stated.get("OpportunityContactRoles") or {}).get("records") or []
    contact = roles[0].get("Contact") if roles else None
    return Deal(
        str(stated["Id"]),
        _changed_at(stated),
        name,
        stage,
        None,
        None if amount is None else str(amount),
        # only an org of several currencies has a field for it
        None,
        closes_on,
        bool(closed),
        bool(won),
        _record(contact, names) if contact else None,
    )


def _plainly(said: HttpAnswer) -> HttpAnswer:
    """Salesforce's answers in the terms of HTTP: what a day may hold is refused as if it were forbidden."""
    if said.status != 403 or _LIMIT not in said.text:
        return said
    rest = _MOMENT if "oncurrent" in said.text else _HOUR
    return replace(said, status=429, headers={**said.headers, "Retry-After": rest})


def _theirs(name: str) -> str:
    return "OwnerId" if name == OWNER else name


def _asked(name: str) -> str:
    return "Owner.Email" if name == OWNER else name


def _quoted(text: str) -> str:
    """A text within SOQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
