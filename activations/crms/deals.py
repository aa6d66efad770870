"""Deals and deletions of a CRM, as rows of the input contract: events, and orders where crm.yml says so."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from activations.crms.face import Deal, Record
from activations.crms.memory import Fact
from activations.crms.settings import CrmSetting
from activations.crms.whose import identifiers

EVENTS = pl.Schema(
    {
        **dict.fromkeys(("message_id", "type", "event", "user_id", "email", "phone"), pl.String()),
        **dict.fromkeys(("properties", "source"), pl.String()),
        "occurred_at": pl.Datetime("us"),
    }
)
ORDERS = pl.Schema(
    {
        **dict.fromkeys(
            ("order_id", "status", "user_id", "email", "phone", "currency", "total", "source"), pl.String()
        ),
        "occurred_at": pl.Datetime("us"),
    }
)
_ORDER, _GONE = "order", "gone"
Row = dict[str, Any]


def deal_facts(deal: Deal) -> list[Fact]:
    """What is known of a deal, so that only what is news of it lands."""
    told = {**_told(deal), "is_closed": deal.is_closed, "is_won": deal.is_won, _ORDER: _order_status(deal)}
    return [Fact(_name(deal), name, value) for name, value in told.items()]


def gone_fact(item: Deal | Record) -> Fact:
    """That something is not there any more; deleted again, it is news again."""
    return Fact(_name(item) if isinstance(item, Deal) else f"#{item.number}", _GONE, item.changed_at.isoformat())


def gone_order(deal: Deal) -> Fact:
    """That no order of it stands any more."""
    return Fact(_name(deal), _ORDER, None)


def deal_event(deal: Deal, names: Mapping[str, str], crm: CrmSetting, *, is_new: bool, is_gone: bool = False) -> Row:
    """What has become of a deal."""
    assert deal.contact is not None
    event = (
        "Deal Deleted"
        if is_gone
        else "Deal Won"
        if deal.is_won
        else "Deal Lost"
        if deal.is_closed
        else "Deal Opened"
        if is_new
        else "Deal Changed"
    )
    properties = {"deal_id": deal.number, **_told(deal)}
    return _event(crm, event, f"deal/{deal.number}", deal.changed_at, deal.contact, names, properties)


def gone_event(record: Record, names: Mapping[str, str], crm: CrmSetting) -> Row:
    """That a contact was deleted in a CRM: nobody asked to be forgotten by it, and merging deletes, too."""
    properties = {"crm_id": record.number}
    return _event(crm, "CRM Contact Deleted", f"contact/{record.number}", record.changed_at, record, names, properties)


def deal_order(deal: Deal, names: Mapping[str, str], crm: CrmSetting, currency: str, *, is_placed: bool) -> Row | None:
    """The order that a won deal is, or that it is one no more; None where nobody knows what it is worth."""
    assert deal.contact is not None
    total = _amount(deal)
    if total is None:
        return None
    return {
        "order_id": f"{crm.platform}:{deal.number}",
        "status": "placed" if is_placed else "cancelled",
        **identifiers(deal.contact, names, crm),
        "currency": deal.currency or currency,
        "total": str(total),
        "source": crm.name,
        "occurred_at": deal.changed_at,
    }


def _name(deal: Deal) -> str:
    return f"deal {deal.number}"


def _told(deal: Deal) -> dict[str, Any]:
    return {
        "name": deal.name,
        "stage": deal.stage,
        "pipeline": deal.pipeline,
        "amount": deal.amount,
        "currency": deal.currency,
        "closes_on": deal.closes_on,
    }


def _order_status(deal: Deal) -> str | None:
    return "placed" if deal.is_won and _amount(deal) is not None else None


def _amount(deal: Deal) -> Decimal | None:
    try:
        amount = Decimal(deal.amount or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _event(
    crm: CrmSetting,
    event: str,
    what: str,
    at: datetime,
    contact: Record,
    names: Mapping[str, str],
    properties: Mapping[str, Any],
) -> Row:
    return {
        # the same page read again is the same event
        "message_id": f"{crm.name}/{what}/{at.isoformat()}",
        "type": "track",
        "event": event,
        **identifiers(contact, names, crm),
        "properties": json.dumps({name: value for name, value in properties.items() if value is not None}),
        "source": crm.name,
        "occurred_at": at,
    }
