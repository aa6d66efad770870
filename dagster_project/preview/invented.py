"""What is not known of a contact who has not entered, or is made up: what is usual stands in for it."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from dagster_project.ticks.windows import Window

# contact_profiles has them; the rest of an invented profile is what is usual
PERSON: Mapping[str, Any] = {
    "user_id": "example-1",
    "email": "alex@shop.example",
    # one of those that are kept for stories
    "phone": "+447700900123",
    "first_name": "Alex",
    "last_name": "Example",
    "birth_date": date(1990, 5, 17),
    # addresses of nobody, each as its channel wants it
    "properties": json.dumps(
        {
            "push_token": "example:APA91b-of-nobody",
            "web_push_subscription": {
                "endpoint": "https://fcm.googleapis.com/fcm/send/example",
                "keys": {
                    "p256dh": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
                    "auth": "AAAAAAAAAAAAAAAAAAAAAA",
                },
            },
            "address": {"street": "12 Mill Lane", "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"},
        }
    ),
}
INVENTED_CONTACT = -1
# what lists of things in a context are called
LISTS = ("products", "recommendations", "offers", "items")
MADE_BY_ENTRIES = frozenset(
    {
        "enrollment_id",
        "contact_id",
        "reached_at",
        "occurred_at",
        "assignment",
        "holdout_share",
        "definition_version",
        "tick_end",
    }
)
_FEW = 20
_REACHED_BY = ("email", "phone", "properties", "timezone", "locale")


def invent_profile(connection: duckdb.DuckDBPyConnection, at: datetime) -> dict[str, Any]:
    """A person who is not there, otherwise like most; known from a day before, so that steps find them."""
    (locale, timezone, country), *_ = connection.execute(
        "select coalesce(mode(locale), 'en'), coalesce(mode(timezone), 'UTC'), coalesce(mode(country), 'GB') "
        "from contacts.contact_profiles"
    ).fetchall()
    profile = {
        "contact_id": INVENTED_CONTACT,
        **PERSON,
        "locale": locale,
        "timezone": timezone,
        "country": country,
        "first_seen_at": at - timedelta(days=100),
        "orders_count": 0,
        "revenue": 0,
        "active_days": 3,
        "email_consented": True,
        "is_hard_bounced": False,
        "lost_addresses": [],
        "has_complained": False,
        "is_erased": False,
        "is_repeated": False,
        "valid_from": at - timedelta(days=1),
        "tick_end": at,
    }
    known = columns_of(connection, "contacts.contact_profile_versions")
    insert(connection, "contacts.contact_profile_versions", {name: profile[name] for name in profile if name in known})
    return profile


def agree_to_all(connection: duckdb.DuckDBPyConnection, profile: Mapping[str, Any], at: datetime) -> None:
    """Let a person who is not there be reached by every channel, and have agreed to every topic."""
    since = at - timedelta(days=1)
    contact = profile["contact_id"]
    insert(
        connection,
        "contacts.consent_statements",
        {
            "contact_id": contact,
            "channel": "all",
            "topic": "all",
            "status": "granted",
            "occurred_at": since,
            "effective_at": since,
        },
    )
    connection.execute(
        "insert into eligibility.eligibility_changes by name select $contact as contact_id, channels.channel, topic, "
        "case address_type when 'email' then $email when 'phone' then $phone when 'contact' then $contact::varchar "
        "else $properties::json ->> address_type end as address, "
        "true as is_reachable, true as is_consented, "
        "$since::timestamp as stated_at, $timezone as timezone, $locale as locale, false as is_erased, "
        "$since::timestamp as tick_end "
        "from configuration.channels as channels cross join configuration.topics as topics "
        "where topics.channel = channels.channel or (topics.channel is null and address_type <> 'none')",
        {"contact": contact, "since": since, **{name: profile[name] for name in _REACHED_BY}},
    )


def repeat_profile(connection: duckdb.DuckDBPyConnection, contact: int, window: Window) -> None:
    """Write down a profile anew where a month begins, as ticks do, so that it is found however far a way leads."""
    connection.execute(
        "insert into contacts.contact_profile_versions by name "
        "select versions.* replace (months.month as valid_from) from contacts.contact_profile_versions as versions "
        "cross join (select unnest(generate_series(date_trunc('month', $start::timestamp) + interval '1 month', "
        "$end::timestamp, interval '1 month')) as month) as months where versions.contact_id = $contact "
        "qualify row_number() over (partition by months.month order by versions.valid_from desc) = 1",
        {"contact": contact, "start": window.start, "end": window.end},
    )


def invent_entry(
    connection: duckdb.DuckDBPyConnection, table: str, profile: Mapping[str, Any], at: datetime, currency: str
) -> dict[str, Any]:
    """What an entry carries: the contact's own traits, else what is usual among those who have entered. Nobody's own
    value is taken that others do not share.
    """
    carried = {}
    for column, type_name in columns_of(connection, table).items():
        if column in MADE_BY_ENTRIES:
            continue
        if column in profile:
            carried[column] = profile[column]
        elif column == "currency":
            carried[column] = currency
        else:
            carried[column] = _usual(connection, table, column, type_name, at)
    return carried


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Names and types, in their order."""
    return dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() where schema_name || '.' || table_name = ? "
            "order by column_index",
            [table],
        ).fetchall()
    )


def insert(connection: duckdb.DuckDBPyConnection, table: str, row: Mapping[str, Any]) -> None:
    """Put a row in, by the names of its columns."""
    connection.execute(
        f"insert into {table} ({', '.join(row)}) values ({', '.join('?' for _ in row)})", list(row.values())
    )


def _usual(connection: duckdb.DuckDBPyConnection, table: str, column: str, type_name: str, at: datetime) -> Any:
    if type_name.startswith("TIMESTAMP") or type_name == "DATE":
        distance = _asked(connection, f"median(epoch(cast({column} as timestamp)) - epoch(reached_at)) from {table}")
        days = timedelta(days=-90 if column.startswith("last_") else 14)
        moment = at + (days if distance is None else timedelta(seconds=round(distance)))
        return moment.date() if type_name == "DATE" else moment
    if any(part in type_name for part in ("INT", "DECIMAL", "DOUBLE", "FLOAT")):
        usual = _asked(connection, f"cast(median({column}) as {type_name}) from {table}")
        return 3 if usual is None else usual
    if type_name == "BOOLEAN":
        return bool(_asked(connection, f"mode({column}) from {table}"))
    shared = _asked(
        connection,
        f"{column} from {table} where {column} is not null "
        f"and (select count(distinct {column}) from {table}) <= {_FEW} "
        f"group by {column} having count(distinct contact_id) > 1 order by count(*) desc, {column} limit 1",
    )
    if shared is not None or type_name != "VARCHAR":
        return shared
    return example_of(column)


def example_of(column: str) -> str:
    """A text that can be seen to be none of anybody's."""
    return f"example {column.removesuffix('_id').replace('_', ' ')}"


def example_products(url: str, currency: str) -> list[dict[str, Any]]:
    """A list of products as the block `product` shows them."""

    def product(place: int, title: str, price: float) -> dict[str, Any]:
        name = title.lower().replace(" ", "-")
        page, picture = f"{url}/p/{name}", f"{url}/pictures/{name}.jpg"
        told = {"title": title, "price": price, "currency": currency, "url": page, "image": picture}
        return {"place": place, "product_id": name, **told}

    return [product(1, "A stoneware jug", 34), product(2, "Two linen towels", 22.5)]


def _asked(connection: duckdb.DuckDBPyConnection, question: str) -> Any:
    rows = connection.execute(f"select {question}").fetchall()
    return rows[0][0] if rows else None
