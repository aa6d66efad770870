"""Messages of the shop's website, in the shape of Segment's spec."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from data.simulator.catalogue import Catalogue
from data.simulator.people import People, masked
from data.simulator.shop import NEVER, Shop, hex_ids
from data.simulator.vocabulary import ORIGINS


@dataclass
class Visits:
    """Visits by position: who, from when (UTC microseconds), on which device slot, and whence.

    `origin` is a position in `ORIGINS`. `known_from` is since when the visitor's `user_id` is known, by a
    log-in or a sign-up; `NEVER` without.
    """

    person: np.ndarray
    at: np.ndarray
    device: np.ndarray
    origin: np.ndarray
    known_from: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def and_then(self, other: "Visits") -> "Visits":
        """These visits and then the other ones, which are counted on from these."""
        return Visits(
            person=np.concatenate([self.person, other.person]),
            at=np.concatenate([self.at, other.at]),
            device=np.concatenate([self.device, other.device]),
            origin=np.concatenate([self.origin, other.origin]),
            known_from=np.concatenate([self.known_from, other.known_from]),
        )


@dataclass
class EventLog:
    """Collects the messages of a day's visits."""

    shop: Shop
    people: People
    _parts: list[pl.DataFrame] = field(default_factory=list)

    def page(self, visit: np.ndarray, at: np.ndarray, path: pl.Series) -> None:
        """`page` calls."""
        properties = pl.DataFrame({"path": path}).with_columns(url="https://shop.example" + pl.col("path"))
        self._add("page", None, visit, at, properties=properties)

    def track(
        self,
        event: str,
        visit: np.ndarray,
        at: np.ndarray,
        properties: pl.DataFrame,
        email: np.ndarray | None = None,
    ) -> None:
        """`track` calls; `email` is the slot of an address that was typed in, -1 for none."""
        self._add("track", event, visit, at, properties=properties, email=email)

    def identify(
        self,
        chance: np.random.Generator,
        visits: Visits,
        visit: np.ndarray,
        at: np.ndarray,
        in_full: bool = False,
    ) -> None:
        """`identify` calls: the address, often the number, and in full also the name, language and zone."""
        who = visits.person[visit]
        slot = self.people.email_slot(who, at)
        email = _as_typed(chance, self.people.email(who, slot))
        phone = self.people.phone.gather(who)
        if not in_full:
            phone = masked(phone, chance.random(len(who)) < 0.4)
        traits = pl.DataFrame({"email": email, "phone": phone})
        if in_full:
            traits = traits.with_columns(
                first_name=self.people.first_name.gather(who),
                last_name=self.people.last_name.gather(who),
                locale=self.people.locales(who),
                timezone=masked(self.people.timezones(who), self.people.timezone_known[who]),
            )
        self._add("identify", None, visit, at, traits=traits, email=slot, typed=email, phone=phone)

    def rows(self, chance: np.random.Generator, visits: Visits) -> pl.DataFrame:
        """Every message so far, in order of time; `_person`, `_device` and `_email` say whose it is."""
        if not self._parts:
            return pl.DataFrame()
        rows = pl.concat(self._parts, how="diagonal_relaxed")
        visit, at = rows["_visit"].to_numpy(), rows["occurred_at"].to_numpy()
        person, device = visits.person[visit], visits.device[visit]
        people = self.people
        slot = rows["_email"].to_numpy()
        return rows.with_columns(
            message_id=pl.Series(hex_ids(chance, len(visit), 32)),
            user_id=masked(people.user_id.gather(person), at >= visits.known_from[visit]),
            anonymous_id=people.device(person, device),
            email=pl.coalesce(pl.col("_typed"), people.email(person, slot)),
            context=self._contexts(visits).gather(visit),
            source=pl.lit("web"),
            _person=pl.Series(person),
            _device=pl.Series(device),
        ).sort("occurred_at", maintain_order=True)

    def _add(
        self,
        kind: str,
        event: str | None,
        visit: np.ndarray,
        at: np.ndarray,
        properties: pl.DataFrame | None = None,
        traits: pl.DataFrame | None = None,
        email: np.ndarray | None = None,
        typed: pl.Series | None = None,
        phone: pl.Series | None = None,
    ) -> None:
        if len(visit) == 0:
            return
        none = pl.repeat(None, len(visit), dtype=pl.String, eager=True)
        self._parts.append(
            pl.DataFrame(
                {
                    "type": pl.repeat(kind, len(visit), eager=True),
                    "event": none if event is None else pl.repeat(event, len(visit), eager=True),
                    "properties": none if properties is None else as_json(properties),
                    "traits": none if traits is None else as_json(traits),
                    "phone": none if phone is None else phone,
                    "occurred_at": at // 1000 * 1000,
                    "_typed": none if typed is None else typed,
                    "_visit": visit,
                    "_email": np.full(len(visit), -1) if email is None else email,
                }
            )
        )

    def _contexts(self, visits: Visits) -> pl.Series:
        people = self.people
        frame = pl.DataFrame(
            {
                "device": people.device_types.gather(people.devices[visits.person, visits.device]),
                "locale": people.locales(visits.person),
                "timezone": people.timezones(visits.person),
                "referrer": pl.Series([origin.referrer for origin in ORIGINS]).gather(visits.origin),
                "source": pl.Series([origin.utm_source for origin in ORIGINS]).gather(visits.origin),
                "medium": pl.Series([origin.utm_medium for origin in ORIGINS]).gather(visits.origin),
                "name": pl.Series([origin.utm_campaign for origin in ORIGINS]).gather(visits.origin),
            }
        )
        device = pl.struct(type="device").alias("device")
        page = pl.struct("referrer").alias("page")
        campaign = pl.struct("source", "medium", "name").alias("campaign")
        return frame.select(
            pl.when(pl.col("source").is_null())
            .then(pl.struct(device, "locale", "timezone", page).struct.json_encode())
            .otherwise(pl.struct(device, "locale", "timezone", page, campaign).struct.json_encode())
        ).to_series()


def as_json(frame: pl.DataFrame) -> pl.Series:
    """Each row as a JSON object."""
    return frame.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def product_properties(shop: Shop, catalogue: Catalogue, product: np.ndarray) -> pl.DataFrame:
    """What the e-commerce events of the spec say of a product."""
    product_id = catalogue.product_id.gather(product)
    return pl.DataFrame(
        {
            "product_id": product_id,
            "name": catalogue.name.gather(product),
            "category": catalogue.category.gather(product),
            "price": catalogue.price[product] / 100,
        }
    ).with_columns(currency=pl.lit(shop.currency), url="https://shop.example/p/" + product_id)


def nobody_yet(count: int) -> np.ndarray:
    """`known_from` of visits whose visitor is not known."""
    return np.full(count, NEVER)


def _as_typed(chance: np.random.Generator, emails: pl.Series) -> pl.Series:
    """One in thirty is written with capitals, as telephones like to do."""
    capital = emails.str.slice(0, 1).str.to_uppercase() + emails.str.slice(1).str.replace("@example", "@Example")
    return capital.zip_with(pl.Series(chance.random(len(emails)) < 1 / 30), emails)
