"""Rows that meet every expectation, and for each expectation a row or a table that does not."""

import json
from collections.abc import Mapping
from pathlib import Path

import duckdb

from data.contract import FAULTS, LOADED_AT, LOADED_AT_GIVEN, WHOLE_LINE, Expectation, Table

Row = Mapping[str, str]
"""Column to SQL; `i` is the number of the row."""

OCCURRED = {"occurred_at": "timestamp '2026-03-01 10:00:00' + to_seconds(i)", "source": "'shop'"}

GOOD: Mapping[str, Row] = {
    "contacts": {
        "user_id": "'u' || i",
        "email": "'ann' || i || '@example.com'",
        "phone": "'+447700900123'",
        "first_name": "'Ann'",
        "birth_date": "date '1990-02-03'",
        "country": "'GB'",
        "locale": "'en-GB'",
        "timezone": "'Europe/London'",
        "properties": """'{"size": "M"}'""",
    },
    "consents": {
        "user_id": "'u' || i",
        "channel": "'email'",
        "topic": "'offers'",
        "status": "'granted'",
    },
    "costs": {
        "cost_id": "'c' || i",
        "kind": "'tool'",
        "amount": "12.50",
        "currency": "'GBP'",
        "period_start": "date '2026-03-01'",
        "period_end": "date '2026-03-31'",
    },
    "events": {
        "message_id": "'m' || i",
        "type": "'track'",
        "event": "'Product Viewed'",
        "user_id": "'u' || i",
        "anonymous_id": "'a' || i",
        "email": "'ann' || i || '@example.com'",
        "phone": "'+447700900123'",
        "properties": """'{"product_id": "p1"}'""",
    },
    "order_lines": {
        "order_id": "'o' || i",
        "line_number": "1",
        "product_id": "'p1'",
        "quantity": "2",
        "unit_price": "9.99",
    },
    "orders": {
        "order_id": "'o' || i",
        "status": "'placed'",
        "user_id": "'u' || i",
        "currency": "'GBP'",
        "total": "100",
        "discount": "5",
        "shipping": "4",
        "tax": "20",
        "country": "'GB'",
    },
    "outcomes": {
        "action_id": "i + 1",
        "channel": "'email'",
        "status": "'accepted'",
        "provider": "'sandbox'",
    },
    "products": {
        "product_id": "'p' || i",
        "name": "'Mug'",
        "price": "9.99",
        "currency": "'GBP'",
        "url": "'https://shop.example/p/' || i",
        "image_url": "'https://shop.example/p/' || i || '.png'",
        "is_available": "true",
    },
}

_LONG = "repeat('x', 300000)"
_NOT_AN_ID = "'undefined'"
_EARLY = {"occurred_at": "timestamp '1899-12-30 00:00:00'"}
_LATE = {"occurred_at": "timestamp '2026-03-05 00:00:00'"}
_MAIL = {"email": "'ann at example.com'"}
_PHONE = {"phone": "'call me'"}
_COUNTRY = {"country": "'Atlantis'"}
_CURRENCY = {"currency": "'pounds'"}
_PERIOD = {"period_end": "date '2026-02-01'"}

_EVERYWHERE: Mapping[str, Row] = {
    "occurred_at lies before 1990": _EARLY,
    "occurred_at lies more than a day after loaded_at": _LATE,
    "email is no e-mail address": _MAIL,
    "phone is no telephone number": _PHONE,
    "country is no ISO 3166 two-letter code": _COUNTRY,
    "currency is no ISO 4217 code": _CURRENCY,
    **{
        f"{name} is a placeholder, not an id": {name: _NOT_AN_ID}
        for name in ("user_id", "anonymous_id", "message_id", "order_id", "product_id", "cost_id")
    },
}

_BAD_ROWS: Mapping[str, Mapping[str, Row]] = {
    "contacts": {
        "user_id is longer than 200 characters": {"user_id": _LONG},
        "first_name holds a link or markup, as spam does that wants to be mailed on": {
            "first_name": "'Win https://spam.example'"
        },
        "last_name holds a link or markup, as spam does that wants to be mailed on": {"last_name": "'<b>Lee'"},
        "birth_date lies before 1900": {"birth_date": "date '1815-12-10'"},
        "birth_date lies in the future": {"birth_date": "date '2190-02-03'"},
        "locale is no language and region such as en-GB": {"locale": "'English'"},
        "timezone is no IANA time zone name": {"timezone": "'Europe/Atlantis'"},
    },
    "consents": {
        "nobody is named, by user_id, email or phone": {"user_id": "null"},
        "channel is not known": {"channel": "'telex'"},
        "topic is no name of a topic": {"topic": "'Our Offers!'"},
        "status is neither granted nor withdrawn": {"status": "'maybe'"},
    },
    "costs": {
        "kind is none of tool, time, send, media and incentive": {"kind": "'lunch'"},
        "amount is negative": {"amount": "-1"},
        "the period ends before it starts": _PERIOD,
    },
    "events": {
        "message_id is longer than 200 characters": {"message_id": _LONG},
        "type is no kind of call of Segment's spec": {"type": "'trakc'"},
        "a track call does not name its event": {"event": "null"},
        "nobody is named, by user_id, anonymous_id, email or phone": dict.fromkeys(
            ("user_id", "anonymous_id", "email", "phone"), "null"
        ),
        "properties are longer than 256 KiB": {"properties": f"""'{{"a": "' || {_LONG} || '"}}'"""},
    },
    "order_lines": {
        "line_number is negative": {"line_number": "-1"},
        "quantity is zero": {"quantity": "0"},
        "quantity is more than a million": {"quantity": "2000000"},
        "unit_price is negative": {"unit_price": "-0.01"},
    },
    "orders": {
        "status is none of placed, fulfilled, cancelled and refunded": {"status": "'plcaed'"},
        "total is negative": {"total": "-100", "tax": "null"},
        "discount is negative": {"discount": "-5"},
        "shipping is negative": {"shipping": "-4"},
        "tax is more than the total": {"tax": "101"},
        "more was refunded than the total": {"status": "'refunded'", "refunded": "101"},
        "refunded is negative": {"status": "'refunded'", "refunded": "-1"},
    },
    "outcomes": {
        "action_id is negative, as none of ours is": {"action_id": "-1"},
        "channel is no name of a channel": {"channel": "'e mail'"},
        "status is none of accepted, rejected, failed, expired and unknown": {"status": "'sent'"},
    },
    "products": {
        "name is longer than 500 characters": {"name": _LONG},
        "price is negative": {"price": "-1"},
        "url is no web address": {"url": "'javascript:alert(1)'"},
        "image_url is no web address": {"image_url": "'p1.png'"},
    },
}

_BAD_TABLES: Mapping[str, tuple[int, Row]] = {
    "most rows have no occurred_at that can be read": (1000, {"occurred_at": "null"}),
    "a hundred rows and more share each message_id": (1000, {"message_id": "'m1'"}),
    "a hundred rows and more share each order_id": (1000, {"order_id": "'o1'"}),
    "a hundred rows and more share each action_id": (1000, {"action_id": "1"}),
    "on average, an order is worth nothing": (100, {"total": "0", "tax": "0"}),
    "more than 100,000 costs land at once": (100_001, {}),
}


def bad_row(table: Table, expectation: Expectation) -> Row:
    """What to change in a good row so that it does not meet a row-level expectation."""
    reason = expectation.reason
    if expectation.unreadable == WHOLE_LINE:
        return {**dict.fromkeys(table.column_names, "null"), FAULTS: f"'{json.dumps({WHOLE_LINE: 'a;b'})}'"}
    if reason.endswith("cannot be read as " + reason.rpartition(" ")[2]):
        name = str(expectation.unreadable)
        changes = {} if name == LOADED_AT else {name: "null"}
        return {**changes, FAULTS: f"'{json.dumps({name: 'soon'})}'"}
    if expectation.expect == "column_values_to_not_be_null":
        return {str(expectation.arguments["column"]): "null"}
    return _BAD_ROWS[table.name].get(reason) or _EVERYWHERE[reason]


def bad_table(expectation: Expectation) -> tuple[int, Row]:
    """How many rows a table must have, and what to change in all of them, so that it does not meet a table-level
    expectation."""
    return _BAD_TABLES[expectation.reason]


def landed_file(
    folder: Path, table: Table, rows: int, changes: Mapping[int, Row] | None = None, everywhere: Row | None = None
) -> Path:
    """Write a landed file of good rows, with changes to some of them or to all."""
    columns = []
    good = {**GOOD[table.name], **OCCURRED, **(everywhere or {})}
    good |= {LOADED_AT: "timestamp '2026-03-02 00:00:00'", LOADED_AT_GIVEN: "false"}
    for name, kind in table.landed_types.items():
        cases = " ".join(
            f"when {at} then ({change[name]})::{kind}" for at, change in (changes or {}).items() if name in change
        )
        value = f"({good.get(name, 'null')})::{kind}"
        columns.append(f'{f"case i {cases} else {value} end" if cases else value} as "{name}"')
    target = folder / table.name / f"{len(list(folder.rglob('*'))):032x}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select {', '.join(columns)} from range({rows}) as numbers(i)) to '{target}' (format parquet)"
        )
    return target
