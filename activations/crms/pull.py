"""What colleagues change in a CRM comes into landing: page by page, only what we have not told it ourselves.

Each page is written to disk before it counts as read, so that a crash repeats it, which changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from activations.channels.face import Setting
from activations.crms.deals import EVENTS, ORDERS, deal_event, deal_facts, deal_order, gone_event, gone_fact, gone_order
from activations.crms.face import OWNER, Crm, Record
from activations.crms.memory import Fact, Memory, canonical
from activations.crms.pages import Reading
from activations.crms.registry import CRMS
from activations.crms.settings import FILE, CrmSetting, read_crms
from activations.crms.settings import ORDERS as AS_ORDERS
from activations.crms.whose import IDENTIFIERS, stranger
from activations.delivery.patience import Patience
from activations.errors import HourbellError
from activations.settings.people import mail_addresses, read_people
from activations.settings.shop import read_shop
from activations.spool import spool_file

_COLUMNS = (*IDENTIFIERS, "first_name", "last_name", "birth_date", "country", "locale", "timezone")
_CONTACTS = pl.Schema(
    {
        **dict.fromkeys(("user_id", "source"), pl.String()),
        **dict.fromkeys((name for name in _COLUMNS if name != "user_id"), pl.String()),
        "properties": pl.String(),
        "occurred_at": pl.Datetime("us"),
    }
)
_CONSENTS = pl.Schema(
    {
        **dict.fromkeys(("user_id", "email", "channel", "topic", "status", "evidence", "source"), pl.String()),
        "occurred_at": pl.Datetime("us"),
    }
)
_GONE, _DEALS, _GONE_DEALS = "/gone", "/deals", "/gone deals"
"""Streams of a CRM, each with a place of its own up to which it was read."""


@dataclass(frozen=True)
class Pulled:
    """What was read of a CRM."""

    crm: str
    records: int = 0
    """That have changed there, those of the last minutes once more."""
    contacts: int = 0
    """With something in them that is news to us."""
    withdrawals: int = 0
    deals: int = 0
    """Events of deals."""
    deleted: int = 0
    """Contacts that are there no more."""


def named_crms(setting: Setting, wanted: str | None) -> list[CrmSetting]:
    """The CRM of a name, those of a platform, or all; raises HourbellError where there is none."""
    crms = read_crms(setting.templates)
    found = [crm for crm in crms.values() if wanted in (None, crm.name, crm.platform)]
    if not found:
        there = ", ".join(crms) or "none"
        raise HourbellError(f"{setting.templates / FILE} names no CRM {wanted!r}. There is: {there}.")
    return found


async def pull(setting: Setting, crm: CrmSetting, patience: Patience) -> Pulled:
    """Read what has changed since the last time into the spool, whose files then have to land.

    Raises HourbellError where the CRM cannot be read; what was read before is kept.
    """
    opened = CRMS[crm.platform](setting, crm)
    try:
        with closing(Memory(setting.spool, crm.name, setting.profile.link_key)) as memory:
            return await _pull(setting, crm, opened, memory, patience)
    finally:
        await opened.close()


async def _pull(setting: Setting, crm: CrmSetting, opened: Crm, memory: Memory, patience: Patience) -> Pulled:
    names = {**opened.reads, **crm.pull, OWNER: OWNER}
    if crm.known_by == "user_id":
        names.setdefault("user_id", crm.id_property)
    pulling = _Pulling(setting, crm, opened, memory, Reading(crm.name, memory, setting.now, patience), names)
    account = await pulling.changed(Pulled(crm.name))
    account = await pulling.gone(account)
    if crm.deals is not None:
        account = await pulling.deals(account)
        account = await pulling.gone_deals(account)
    return account


@dataclass(frozen=True)
class _Pulling:
    """One CRM while it is read."""

    setting: Setting
    crm: CrmSetting
    opened: Crm
    memory: Memory
    reading: Reading
    names: Mapping[str, str]
    """Their properties by the columns or properties of ours."""

    async def changed(self, account: Pulled) -> Pulled:
        """What is news about contacts, and who wants no more mail."""
        crm, opened, names = self.crm, self.opened, self.names
        asked = list(dict.fromkeys([*names.values(), crm.id_property, opened.opted_out]))
        people = {
            address.lower(): name for name, address in mail_addresses(read_people(self.setting.templates)).items()
        }
        async for page in self.reading.pages("", lambda cursor: opened.changed(cursor, asked)):
            contacts, consents, learnt = [], [], []
            for record in page.items:
                news, counting = self.memory.seen(_facts(record, crm, asked), page.asked_at)
                learnt += counting
                fresh = {fact.name for fact in news}
                if row := _contact(record, crm, names, fresh, people):
                    contacts.append(row)
                if opened.opted_out in fresh and canonical(record.values[opened.opted_out]) == "true":
                    consents.append(_withdrawal(record, crm, names, opened.opted_out))
            self._spool("contacts", contacts, _CONTACTS)
            self._spool("consents", consents, _CONSENTS)
            self.memory.learnt(learnt, page.cursor, self.setting.now())
            account = replace(
                account,
                records=account.records + len(page.items),
                contacts=account.contacts + len(contacts),
                withdrawals=account.withdrawals + len(consents),
            )
        return account

    async def gone(self, account: Pulled) -> Pulled:
        """Contacts that were deleted."""
        asked = self._identifying
        async for page in self.reading.pages(_GONE, lambda cursor: self.opened.gone(cursor, asked)):
            news, counting = self.memory.seen([gone_fact(record) for record in page.items], page.asked_at)
            fresh = set(news)
            events = [gone_event(record, self.names, self.crm) for record in page.items if gone_fact(record) in fresh]
            self._spool("events", events, EVENTS)
            self.memory.learnt(counting, page.cursor, self.setting.now(), _GONE)
            account = replace(account, deleted=account.deleted + len(events))
        return account

    async def deals(self, account: Pulled) -> Pulled:
        """What is news about deals. One that is nobody's is looked at again when it changes."""
        asked, currency = self._identifying, read_shop(self.setting.templates).currency
        async for page in self.reading.pages(_DEALS, lambda cursor: self.opened.deals(cursor, asked)):
            events, orders, learnt = [], [], []
            for deal in page.items:
                if deal.contact is None:
                    continue
                facts = deal_facts(deal)
                news, counting = self.memory.seen(facts, page.asked_at)
                learnt += counting
                fresh = {fact.name for fact in news}
                if news:
                    # of a deal that is known it is known whether it is closed
                    is_new = {"is_closed", "is_won"} <= fresh
                    events.append(deal_event(deal, self.names, self.crm, is_new=is_new))
                if "order" in fresh and self.crm.deals == AS_ORDERS:
                    orders.append(deal_order(deal, self.names, self.crm, currency, is_placed=deal.is_won))
            self._spool("events", events, EVENTS)
            self._spool("orders", [order for order in orders if order], ORDERS)
            self.memory.learnt(learnt, page.cursor, self.setting.now(), _DEALS)
            account = replace(account, deals=account.deals + len(events))
        return account

    async def gone_deals(self, account: Pulled) -> Pulled:
        """Deals that were deleted, as far as their contact is still known; an order that one was is one no more."""
        asked, currency = self._identifying, read_shop(self.setting.templates).currency
        async for page in self.reading.pages(_GONE_DEALS, lambda cursor: self.opened.gone_deals(cursor, asked)):
            events, orders, learnt = [], [], []
            for deal in page.items:
                news, counting = self.memory.seen([gone_fact(deal)], page.asked_at)
                learnt += counting
                if not news or deal.contact is None:
                    continue
                events.append(deal_event(deal, self.names, self.crm, is_new=False, is_gone=True))
                cancelled, learnt_of_it = self.memory.seen([gone_order(deal)], page.asked_at)
                learnt += learnt_of_it
                if cancelled and self.crm.deals == AS_ORDERS:
                    orders.append(deal_order(deal, self.names, self.crm, currency, is_placed=False))
            self._spool("events", events, EVENTS)
            self._spool("orders", [order for order in orders if order], ORDERS)
            self.memory.learnt(learnt, page.cursor, self.setting.now(), _GONE_DEALS)
            account = replace(account, deals=account.deals + len(events))
        return account

    @cached_property
    def _identifying(self) -> list[str]:
        return list(dict.fromkeys(self.names[ours] for ours in IDENTIFIERS if ours in self.names))

    def _spool(self, table: str, rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> None:
        if rows:
            spool_file(self.setting.spool, table, pl.DataFrame([dict(row) for row in rows], schema))


def _facts(record: Record, crm: CrmSetting, names: Sequence[str]) -> list[Fact]:
    # whom it does not know by our identifier we never told anything
    contact = str(record.values.get(crm.id_property) or f"#{record.number}")
    return [Fact(contact, name, record.values.get(name)) for name in names]


def _contact(
    record: Record, crm: CrmSetting, names: Mapping[str, str], fresh: set[str], people: Mapping[str, str]
) -> dict[str, Any] | None:
    """A row of what is news about a contact, with what tells who it is; None where nothing is."""
    columns: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    has_news = False
    for ours, theirs in names.items():
        value = record.values.get(theirs)
        if ours in _COLUMNS:
            text = canonical(value) or None
            if ours in IDENTIFIERS or theirs in fresh:
                columns[ours] = text
            # a column cannot be taken back
            has_news |= theirs in fresh and text is not None
        elif theirs in fresh:
            properties[ours] = people.get(str(value), value) if ours == OWNER else value
    if not has_news and not properties:
        return None
    return {
        **dict.fromkeys(_CONTACTS),
        **columns,
        "user_id": columns.get("user_id") or stranger(record, crm),
        "source": crm.name,
        "properties": json.dumps(properties) if properties else None,
        "occurred_at": record.changed_at,
    }


def _withdrawal(record: Record, crm: CrmSetting, names: Mapping[str, str], field: str) -> dict[str, Any]:
    """Who wants no e-mail any more. That somebody does is never told by a CRM: it is no consent."""
    user_id = canonical(record.values.get(names.get("user_id", "")))
    return {
        "user_id": user_id or stranger(record, crm),
        "email": canonical(record.values.get(names["email"])) or None,
        "channel": "email",
        "topic": "all",
        "status": "withdrawn",
        "evidence": f"{field} in {crm.name}",
        "source": crm.name,
        "occurred_at": record.changed_at,
    }
