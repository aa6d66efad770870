"""What profiles, segments and eligibility should say, worked out the slow and obvious way."""

from calendar import isleap
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from json import dumps, loads
from typing import Any

from profile_history import History, Row

PRIORITIES = {"crm": 10, "shop": 20, "form": 30, "web": 70, "order": 200, "consent": 210}
ZONES = {"europe/berlin": "Europe/Berlin", "america/new_york": "America/New_York"}
ONE_ZONE = {"DE": "Europe/Berlin", "GB": "Europe/London", "FR": "Europe/Paris"}
TRAITS = ["user_id", "email", "phone", "first_name", "last_name", "birth_date", "country", "locale", "timezone"]
BOUNCES = {"Email Bounced": "hard bounce", "Push Notification Bounced": "address gone"}
PROMOTIONAL = ["newsletter", "offers"]

Profile = dict[str, Any]


def profile(history: History, contact: int, at: datetime) -> Profile | None:
    """The profile of a contact by all that was known at a moment, that moment included; None where nothing was.

    Of a contact that was merged into another nothing more is learnt.
    """
    absorbed = min(
        (
            (merge["merged_at"], merge["into_contact_id"])
            for merge in history.contact_merges
            if merge["contact_id"] == contact
        ),
        default=(datetime.max, None),
    )
    merged_into = absorbed[1] if absorbed[0] <= at else None
    at = min(at, absorbed[0])
    since = {contact: datetime.min}
    for merge in history.contact_merges:
        if merge["into_contact_id"] == contact and merge["merged_at"] <= at:
            since[merge["contact_id"]] = merge["merged_at"]

    def known(rows: Iterable[Row]) -> list[Row]:
        return [
            {**row, "known_at": max(row["effective_at"], since[row["contact_id"]])}
            for row in rows
            if row["contact_id"] in since and row["effective_at"] <= at
        ]

    details, consents, orders = known(history.contact_details), known(history.consent_statements), known(history.orders)
    signals = [event for event in known(history.events) if signal(event)]
    days = _first_of_day(known(history.events))
    placed, revenue = _bought(history, set(since), at)
    seen = [row["occurred_at"] for row in [*details, *consents, *orders, *signals, *days]]
    if not seen:
        return None

    addresses = {(row["order_id"], row["status"]): row["email"] for row in history.stg_orders}
    traits = _traits(details, consents, [{**row, "email": addresses[row["order_id"], row["status"]]} for row in orders])
    bounced = [event.get("email") for event in signals if signal(event) == "hard bounce"]
    lost = [loads(event["properties"])["address"] for event in signals if signal(event) == "address gone"]
    is_erased = any(signal(event) == "erased" for event in signals)
    active = [day["occurred_at"] for day in days if kind(day) != "email_open"]
    engaged = [day["occurred_at"] for day in days if kind(day) != "site"]
    stated = [(row["occurred_at"], row["channel"], row["topic"], row["status"]) for row in consents]
    gone = [row["occurred_at"] for row in signals if signal(row) == "unsubscribed"]
    stated += [(at, channel, "all", "withdrawn") for at in gone for channel in ("email", "audience")]
    result: Profile = {
        **traits,
        "locale": traits["locale"] or "en",
        "timezone": traits["timezone"] or ONE_ZONE.get(traits["country"]) or "UTC",
        "properties": _properties(details),
        "first_seen_at": min(seen),
        "orders_count": len(placed),
        "revenue": revenue,
        "first_order_at": min(placed, default=None),
        "last_order_at": max(placed, default=None),
        "active_days": len({moment.date() for moment in active}),
        "last_active_at": max(active, default=None),
        "last_email_engaged_at": max(engaged, default=None),
        "last_consent_at": max((moment for moment, *_ in stated), default=None),
        "is_hard_bounced": None in bounced or traits["email"] in bounced,
        "lost_addresses": [] if is_erased else sorted(lost),
        "has_complained": any(signal(event) == "complaint" for event in signals),
        "is_erased": is_erased,
        "merged_into_contact_id": merged_into,
        "stated": stated,
        "views": [row["occurred_at"] for row in known(history.events) if row["event"] == "Product Viewed"],
    }
    result["next_birthday"] = None if is_erased or merged_into else _next_birthday(traits["birth_date"], at.date())
    result["email_consented"] = not is_erased and any(agrees(result, "email", topic) for topic in PROMOTIONAL)
    if is_erased:
        result |= dict.fromkeys([*set(TRAITS) - {"locale", "timezone"}, "properties"])
    return result


def kind(event: Row) -> str | None:
    """What an event says of a contact's activity."""
    kinds = {"Email Opened": "email_open", "Email Link Clicked": "email_click", "Email Delivered": None}
    return None if signal(event) or event["event"] in BOUNCES else kinds.get(event["event"], "site")


def signal(event: Row) -> str | None:
    """What an event says of how a contact may be written to."""
    if event["event"] in BOUNCES:
        return BOUNCES[event["event"]] if loads(event["properties"])["type"] == "hard" else None
    return {"Email Marked as Spam": "complaint", "Unsubscribed": "unsubscribed", "Contact Erased": "erased"}.get(
        event["event"]
    )


def _first_of_day(events: list[Row]) -> list[Row]:
    firsts: dict[tuple[int, date, str], Row] = {}
    for event in sorted(events, key=lambda row: (row["effective_at"], row["occurred_at"])):
        of_kind = kind(event)
        if of_kind:
            firsts.setdefault((event["contact_id"], event["occurred_at"].date(), of_kind), event)
    return list(firsts.values())


def _bought(history: History, members: set[int], at: datetime) -> tuple[list[datetime], Decimal]:
    """When each order that counts was placed, and the money that stayed."""
    statuses: dict[str, dict[str, Row]] = {}
    for row in history.orders:
        if row["effective_at"] <= at:
            statuses.setdefault(row["order_id"], {})[row["status"]] = row
    placed, revenue = [], Decimal(0)
    for order in statuses.values():
        owner = order.get("placed") or order.get("refunded")
        if not owner or owner["contact_id"] not in members or "cancelled" in order:
            continue
        if "placed" in order:
            placed.append(order["placed"]["occurred_at"])
            revenue += order["placed"]["total"]
        if "refunded" in order:
            refund = order["refunded"]
            revenue -= refund["total"] if refund["refunded"] is None else refund["refunded"]
    return placed, revenue


def _traits(details: list[Row], consents: list[Row], orders: list[Row]) -> Profile:
    statements = [
        *details,
        *({"source": "consent", **_only(row, ["email", "phone", "occurred_at", "known_at"])} for row in consents),
        *({"source": "order", **_only(row, ["email", "country", "occurred_at", "known_at"])} for row in orders),
    ]

    result: Profile = dict.fromkeys(TRAITS)
    for row in sorted(statements, key=lambda row: (*_trust(row), *_as_sorted(row))):
        result |= {trait: value for trait in TRAITS if (value := _cleaned(trait, row)) is not None}
    return result


def _as_sorted(row: Row) -> list[tuple[bool, str]]:
    """Of two statements that are equally to be trusted, the one counts that sorts last."""
    return [(_cleaned(trait, row) is None, str(_cleaned(trait, row))) for trait in TRAITS]


def _trust(row: Row) -> tuple[Any, ...]:
    return -PRIORITIES.get(row["source"], 100), row["occurred_at"], row["known_at"]


def _next_birthday(born: date | None, today: date) -> date | None:
    if born is None:
        return None
    birthdays = []
    for year in (today.year, today.year + 1):
        leap_day = (born.month, born.day) == (2, 29) and not isleap(year)
        birthdays.append(date(year, 2, 28) if leap_day else born.replace(year=year))
    return min(birthday for birthday in birthdays if birthday >= today)


def _birthday_within(born: date | None, today: date, period: timedelta) -> bool:
    birthday = _next_birthday(born, today)
    return birthday is not None and birthday - today <= period


def _only(row: Row, columns: list[str]) -> Row:
    return {column: row.get(column) for column in columns}


def _cleaned(trait: str, row: Row) -> Any:
    value = row.get(trait)
    if value is None or value in (" ", "??", "Germany", "Mars/Olympus"):
        return None
    if trait == "birth_date":
        return value if value.year >= 1900 else None
    return {
        "country": str(value).upper(),
        "locale": str(value).replace("_", "-"),
        "timezone": ZONES.get(str(value).lower()),
    }.get(trait, value)


def _properties(details: list[Row]) -> dict[str, Any] | None:
    values: dict[str, Any] = {}
    best: dict[str, tuple[Any, ...]] = {}
    for row in details:
        for key, value in loads(row["properties"] or "{}").items():
            # of two that are equally to be trusted, the one that sorts last as JSON text
            rank = (*_trust(row), dumps(value))
            if key not in best or rank > best[key]:
                best[key], values[key] = rank, value
    return {key: value for key, value in values.items() if value is not None} or None


def stated(profile: Profile, channel: str, topic: str) -> str | None:
    """What was stated last for a channel and topic; of two at the same time the withdrawal."""
    fitting = [
        (moment, status)
        for moment, on_channel, about, status in profile["stated"]
        if on_channel in (channel, "all") and (about == topic or (about == "all" and topic in PROMOTIONAL))
    ]
    return max(fitting)[1] if fitting else None


def agrees(profile: Profile, channel: str, topic: str) -> bool:
    """Whether a contact wants a promotional topic."""
    return stated(profile, channel, topic) == "granted" and not profile["has_complained"]


def _days(number: int) -> timedelta:
    return timedelta(days=number)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _elapsed(since: datetime | None, at: datetime, least: int, less_than: int = 10**5) -> bool:
    return since is not None and _days(least) <= at - since < _days(less_than)


SEGMENTS: dict[str, Callable[[Profile, datetime], bool]] = {
    "birthday_soon": lambda it, at: _birthday_within(it["birth_date"], at.date(), _days(7)),
    "newsletter_subscribers": lambda it, at: it["email"] is not None and agrees(it, "email", "newsletter"),
    "prospects": lambda it, at: it["orders_count"] == 0 and bool(it["email"] or it["phone"]),
    "first_time_buyers": lambda it, at: it["orders_count"] == 1 and _elapsed(it["last_order_at"], at, 0, 90),
    "repeat_buyers": lambda it, at: it["orders_count"] >= 2 and _elapsed(it["last_order_at"], at, 0, 90),
    "vip_customers": lambda it, at: it["orders_count"] >= 5 or it["revenue"] >= 1000,
    "lapsing_customers": lambda it, at: it["orders_count"] > 0 and _elapsed(it["last_order_at"], at, 60, 90),
    "lapsed_customers": lambda it, at: it["orders_count"] > 0 and _elapsed(it["last_order_at"], at, 90),
    "frequent_browsers": lambda it, at: sum(_elapsed(viewed, at, 0, 14) for viewed in it["views"]) >= 3,
    "engaged_contacts": lambda it, at: _elapsed(_latest(it["last_active_at"], it["last_email_engaged_at"]), at, 0, 30),
    "dormant_contacts": lambda it, at: _elapsed(
        _latest(
            it["first_seen_at"],
            it["last_active_at"],
            it["last_email_engaged_at"],
            it["last_order_at"],
            it["last_consent_at"],
        ),
        at,
        90,
    ),
    "unengaged_subscribers": lambda it, at: (
        it["email"] is not None
        and agrees(it, "email", "newsletter")
        and _elapsed(_latest(it["last_consent_at"], it["last_email_engaged_at"]), at, 90)
    ),
}


def segments(profile: Profile | None, at: datetime) -> set[str]:
    """The segments that a contact belongs to at a moment."""
    if profile is None or profile["is_erased"] or profile["merged_into_contact_id"] is not None:
        return set()
    return {name for name, belongs in SEGMENTS.items() if belongs(profile, at)}
