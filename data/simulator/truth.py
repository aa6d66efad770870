"""The truth of who is who, which nothing in the landed files tells."""

from dataclasses import fields
from datetime import timedelta

import numpy as np
import polars as pl

from data.importers.canonical import TIMESTAMP
from data.simulator.people import EMAIL, NEXT_EMAIL, OWN_DEVICES, Habit, People, Traits, masked
from data.simulator.shop import NEVER, Shop


def truth_of_people(shop: Shop, people: People) -> pl.DataFrame:
    """One row per person: who they are and their traits."""
    everybody = np.arange(len(people))
    return pl.DataFrame(
        {
            "person_id": person_ids(everybody),
            "habit": pl.Series([habit.name.lower() for habit in Habit]).gather(people.habit),
            "first_name": people.first_name,
            "last_name": people.last_name,
            "birth_date": people.birth_date,
            "country": people.countries(everybody),
            "locale": people.locales(everybody),
            "timezone": people.timezones(everybody),
            "first_visit_day": [
                shop.start.date() + timedelta(days=int(day)) if day >= 0 else None for day in people.arrival_day
            ],
            "registered_at": _moment(people.registered_at),
            "newsletter": people.newsletter,
            "offers": people.offers,
            "sms": people.sms,
            **{field.name: getattr(people.traits, field.name) for field in fields(Traits)},
        }
    )


def truth_of_identifiers(shop: Shop, people: People) -> pl.DataFrame:
    """One row per person and identifier: when it was theirs, and when it is first loaded (null: never)."""
    everybody = np.arange(len(people))
    shared_email = people.emails[EMAIL].is_duplicated()
    parts = [
        _identifiers("user_id", everybody, people.user_id, people.registered_at, people.user_id_seen),
        _identifiers("phone", everybody, people.phone, None, people.phone_seen),
    ]
    for slot, values in enumerate(people.emails):
        since = people.email_from[:, slot]
        until = people.email_from[:, slot + 1] if slot < NEXT_EMAIL else np.full(len(people), NEVER)
        part = _identifiers("email", everybody, values, since, people.email_seen[:, slot], until)
        parts.append(part if slot != EMAIL else part.with_columns(is_shared=shared_email))
    for slot in range(people.devices.shape[1]):
        which = np.flatnonzero(people.devices[:, slot] >= 0)
        device = people.devices[which, slot]
        part = _identifiers(
            "anonymous_id", which, people.device_ids.gather(device), None, people.device_seen[which, slot]
        )
        parts.append(part.with_columns(is_shared=pl.lit(slot >= OWN_DEVICES)))
    known = pl.concat(parts).filter(pl.col("value").is_not_null())
    return (
        known.filter((pl.col("valid_from") < shop.end_us) & (pl.col("valid_from") != NEVER))
        .with_columns(
            valid_from=_as_moment("valid_from"),
            valid_until=_as_moment("valid_until"),
            first_seen_at=_as_moment("first_seen_at"),
        )
        .sort("person_id", "kind", "value")
    )


def truth_of_devices(people: People) -> pl.DataFrame:
    """One row per device: whose kind it is, and how many people use it."""
    used = np.bincount(people.devices[people.devices >= 0], minlength=len(people.device_ids))
    return pl.DataFrame(
        {
            "anonymous_id": people.device_ids,
            "kind": people.device_kinds,
            "device_type": people.device_types,
            "people": used,
        }
    ).filter(pl.col("people") > 0)


def person_ids(which: np.ndarray) -> pl.Series:
    """The truth's names of people."""
    return "person-" + pl.Series(which).cast(pl.String).str.zfill(7)


def _identifiers(
    kind: str,
    which: np.ndarray,
    values: pl.Series,
    since: np.ndarray | None,
    seen: np.ndarray,
    until: np.ndarray | None = None,
) -> pl.DataFrame:
    count = len(which)
    return pl.DataFrame(
        {
            "person_id": person_ids(which),
            "kind": pl.repeat(kind, count, eager=True),
            "value": values,
            "is_shared": np.zeros(count, dtype=bool),
            "valid_from": np.full(count, -NEVER) if since is None else since,
            "valid_until": np.full(count, NEVER) if until is None else until,
            "first_seen_at": seen,
        }
    )


def _moment(values: np.ndarray) -> pl.Series:
    return masked(pl.Series(values), values != NEVER).cast(TIMESTAMP)


def _as_moment(name: str) -> pl.Expr:
    return pl.when(pl.col(name).abs() == NEVER).then(None).otherwise(pl.col(name)).cast(TIMESTAMP).alias(name)
