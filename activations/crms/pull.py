"""What colleagues change in a CRM comes into landing: page by page, only what we have not told it ourselves.

Each page is written to disk before it counts as read, so that a crash repeats it, which changes nothing.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from activations.channels.batches import NotAnsweredError
from activations.channels.face import Setting
from activations.crms.face import OWNER, Crm, Cursor, Record
from activations.crms.memory import Fact, Memory, canonical
from activations.crms.registry import CRMS
from activations.crms.settings import FILE, CrmSetting, read_crms
from activations.delivery.patience import Patience
from activations.errors import HourbellError
from activations.settings.people import mail_addresses, read_people
from activations.spool import spool_file

_IDENTIFIERS = ("email", "phone", "user_id")
_COLUMNS = (*_IDENTIFIERS, "first_name", "last_name", "birth_date", "country", "locale", "timezone")
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
_BEGINNING = datetime(1970, 1, 1)
_OVERLAP = timedelta(minutes=10)
"""A search shows what has changed only after a while, and clocks differ."""


@dataclass(frozen=True)
class Pulled:
    """What was read of a CRM."""

    crm: str
    records: int = 0
    """That have changed there, those of the last minutes once more."""
    contacts: int = 0
    """With something in them that is news to us."""
    withdrawals: int = 0


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
    asked = list(dict.fromkeys([*names.values(), crm.id_property, opened.opted_out]))
    people = {address.lower(): name for name, address in mail_addresses(read_people(setting.templates)).items()}
    stored = memory.cursor()
    reached = Cursor.of(stored).changed_at if stored else _BEGINNING
    cursor: Cursor | None = Cursor(max(_BEGINNING, reached - _OVERLAP))
    account = Pulled(crm.name)
    while cursor is not None:
        asked_at = setting.now()
        records, cursor = await _page(opened, cursor, asked, patience, crm.name)
        contacts, consents, learnt = [], [], []
        for record in records:
            news, counting = memory.seen(_facts(record, crm, asked), asked_at)
            learnt += counting
            fresh = {fact.name for fact in news}
            if row := _contact(record, crm, names, fresh, people):
                contacts.append(row)
            if opened.opted_out in fresh and canonical(record.values[opened.opted_out]) == "true":
                consents.append(_withdrawal(record, crm, names, opened.opted_out))
        if contacts:
            spool_file(setting.spool, "contacts", pl.DataFrame(contacts, _CONTACTS))
        if consents:
            spool_file(setting.spool, "consents", pl.DataFrame(consents, _CONSENTS))
        reached = max([reached, *(record.changed_at for record in records)])
        memory.learnt(learnt, Cursor(reached).text, setting.now())
        account = Pulled(
            crm.name,
            account.records + len(records),
            account.contacts + len(contacts),
            account.withdrawals + len(consents),
        )
    return account


async def _page(
    opened: Crm, cursor: Cursor, names: Sequence[str], patience: Patience, name: str
) -> tuple[list[Record], Cursor | None]:
    attempts = 0
    while True:
        try:
            return await opened.changed(cursor, names)
        except NotAnsweredError as error:
            attempts += 1
            pause = patience.pause(attempts, attempts, error.answer.retry_after)
            if error.answer.status != "retry" or attempts == patience.attempts or pause > patience.longest:
                raise HourbellError(
                    f"{name} could not be read to the end: {error.answer.reason}. What was read is kept; pull again."
                ) from error
        await asyncio.sleep(pause)


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
            if ours in _IDENTIFIERS or theirs in fresh:
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
        "user_id": columns.get("user_id") or _stranger(record, crm),
        "source": crm.name,
        "properties": json.dumps(properties) if properties else None,
        "occurred_at": record.changed_at,
    }


def _withdrawal(record: Record, crm: CrmSetting, names: Mapping[str, str], field: str) -> dict[str, Any]:
    """Who wants no e-mail any more. That somebody does is never told by a CRM: it is no consent."""
    user_id = canonical(record.values.get(names.get("user_id", "")))
    return {
        "user_id": user_id or _stranger(record, crm),
        "email": canonical(record.values.get(names["email"])) or None,
        "channel": "email",
        "topic": "all",
        "status": "withdrawn",
        "evidence": f"{field} in {crm.name}",
        "source": crm.name,
        "occurred_at": record.changed_at,
    }


def _stranger(record: Record, crm: CrmSetting) -> str:
    """Of whom the CRM does not know our id; its own numbers must not be taken for ours."""
    return f"{crm.platform}:{record.number}"
