"""What the shop writes down about people: their details, and what they allow."""

import numpy as np
import polars as pl

from data.simulator.people import People, masked, national
from data.simulator.shop import Shop


def details(people: People, which: np.ndarray, at: np.ndarray, email: np.ndarray, source: str = "shop") -> pl.DataFrame:
    """Rows of `contacts` as of `at` (microseconds), with the address of the slot `email`.

    The shop has numbers in E.164; other systems have them as people write them at home.
    """
    countries = people.countries(which)
    phone = people.phone.gather(which)
    return pl.DataFrame(
        {
            "user_id": people.user_id.gather(which),
            "email": people.email(which, email),
            "phone": phone if source == "shop" else national(phone, countries),
            "first_name": people.first_name.gather(which),
            "last_name": people.last_name.gather(which),
            "birth_date": people.birth_date.gather(which),
            "country": countries,
            "locale": people.locales(which),
            "timezone": masked(people.timezones(which), people.timezone_known[which]),
            "occurred_at": at,
            "_person": which,
            "_email": email,
        }
    ).with_columns(source=pl.lit(source))


def statements(
    people: People,
    which: np.ndarray,
    at: np.ndarray,
    channel: str,
    topic: str,
    status: str,
    evidence: str,
    by_email: np.ndarray | None = None,
) -> pl.DataFrame:
    """Rows of `consents`; of people without an account (`by_email`, slots) about their address alone."""
    nameless = by_email is not None
    none = np.full(len(which), -1)
    return pl.DataFrame(
        {
            "user_id": masked(people.user_id.gather(which), np.full(len(which), not nameless)),
            "email": people.email(which, by_email if by_email is not None else none),
            "occurred_at": at,
            "_person": which,
            "_email": by_email if by_email is not None else none,
        },
        schema_overrides={"email": pl.String},
    ).with_columns(
        channel=pl.lit(channel),
        topic=pl.lit(topic),
        status=pl.lit(status),
        evidence=pl.lit(evidence),
        source=pl.lit("form" if nameless else "shop"),
    )


def allow_at_signup(
    chance: np.random.Generator, people: People, which: np.ndarray, at: np.ndarray
) -> list[pl.DataFrame]:
    """What people allow when they sign up; sets their state and gives the rows of `consents`."""
    likely = people.traits.subscribe_propensity[which]
    # who subscribed before signing up stays subscribed
    people.newsletter[which] |= chance.random(len(which)) < likely
    people.offers[which] = chance.random(len(which)) < likely * 0.85
    has_phone = people.phone.gather(which).is_not_null().to_numpy()
    people.sms[which] = has_phone & (chance.random(len(which)) < 0.35)
    return [
        statements(people, which[given], at[given], channel, topic, "granted", "sign-up form")
        for channel, topic, state in (
            ("email", "newsletter", people.newsletter),
            ("email", "offers", people.offers),
            ("sms", "offers", people.sms),
        )
        for given in [np.flatnonzero(state[which])]
    ]


def change_of_mind(shop: Shop, chance: np.random.Generator, people: People, at: np.ndarray) -> list[pl.DataFrame]:
    """Who takes back on a day what they allowed, or allows it again (`at`: everybody's moment to do so)."""
    leaves = chance.random(len(people)) < 0.0012
    returns = chance.random(len(people)) < 0.0004
    registered = people.registered_at < at
    rows = []
    for channel, topic, state in (
        ("email", "newsletter", people.newsletter),
        ("email", "offers", people.offers),
        ("sms", "offers", people.sms),
    ):
        if channel == "sms":
            returns = np.zeros(len(people), dtype=bool)
        out = np.flatnonzero(state & leaves & registered)
        back = np.flatnonzero(~state & returns & registered)
        rows.append(statements(people, out, at[out], channel, topic, "withdrawn", "unsubscribe link"))
        rows.append(statements(people, back, at[back], channel, topic, "granted", "preference page"))
        state[out] = False
        state[back] = True
    return rows
