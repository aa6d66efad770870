"""The people of the shop: who they are, what they are known by, and what moves them."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
import polars as pl

from data.simulator.clock import local_hours, to_utc
from data.simulator.shop import DAY, NEVER, Shop, hex_ids, pick
from data.simulator.vocabulary import (
    CATEGORIES,
    DEVICE_TYPES,
    DIAL_CODES,
    FIRST_NAMES,
    LAST_NAMES,
    MAIL_DOMAIN_WEIGHTS,
    MAIL_DOMAINS,
    PHONE_RANGES,
    PLACES,
    PLAIN_LETTERS,
    ROLE_NAMES,
)


class Habit(IntEnum):
    """What kind of customer somebody is when the period begins."""

    REGULAR = 0
    OCCASIONAL = 1
    LAPSING = 2
    LAPSED = 3
    VISITOR = 4
    NEWCOMER = 5


OWN_DEVICES = 3
HOUSEHOLD_DEVICE = 3
KIOSK_DEVICE = 4

PUT_OFF_SHARE = 0.1

PREVIOUS_EMAIL, EMAIL, NEXT_EMAIL = 0, 1, 2


@dataclass(frozen=True)
class Traits:
    """What moves each person (one value a person). Nothing of this is in the landed files.

    Rates are visits a day; propensities are probabilities: to put something into a cart in a visit, to go on
    to the checkout, to buy there, to come back to a cart that was left, to log in, to sign up, to allow mail.
    `favourite` is the position of the category liked most; hours are local.

    The rest says how they take messages, for a shop that answers: the chances to open and to click, to leave
    or to complain over one message too many, how many a week they bear, whether their mailbox opens messages
    by machine or is dead, by how much a welcome message multiplies their buying, when they read, and whether
    messages that move others to buy put them off.
    """

    visit_rate: np.ndarray
    peak_hour: np.ndarray
    weekend_taste: np.ndarray
    favourite: np.ndarray
    second_favourite: np.ndarray
    cart_propensity: np.ndarray
    checkout_propensity: np.ndarray
    buy_propensity: np.ndarray
    come_back_propensity: np.ndarray
    login_propensity: np.ndarray
    signup_propensity: np.ndarray
    subscribe_propensity: np.ndarray
    open_propensity: np.ndarray
    click_propensity: np.ndarray
    unsubscribe_propensity: np.ndarray
    complaint_propensity: np.ndarray
    messages_borne_a_week: np.ndarray
    opens_by_machine: np.ndarray
    mailbox_is_dead: np.ndarray
    message_lift: np.ndarray
    reading_hour: np.ndarray
    put_off: np.ndarray


@dataclass
class People:
    """Everybody, by position. Microseconds are UTC since 1970, `NEVER` what does not happen.

    `emails` are three each (before, at and after the start), `devices` five positions within `device_ids`
    (own ones, then the household's and the kiosk's), -1 where there is none. `registered_at` and what people
    allow change while the shop lives; `…_seen` is when an identifier is first loaded.
    """

    habit: np.ndarray
    place: np.ndarray
    first_name: pl.Series
    last_name: pl.Series
    birth_date: pl.Series
    traits: Traits
    arrival_day: np.ndarray
    registered_at: np.ndarray
    user_id: pl.Series
    emails: tuple[pl.Series, pl.Series, pl.Series]
    email_from: np.ndarray
    phone: pl.Series
    timezone_known: np.ndarray
    devices: np.ndarray
    device_ids: pl.Series
    device_kinds: pl.Series
    device_types: pl.Series
    newsletter: np.ndarray
    offers: np.ndarray
    sms: np.ndarray
    user_id_seen: np.ndarray
    phone_seen: np.ndarray
    email_seen: np.ndarray
    device_seen: np.ndarray

    def __len__(self) -> int:
        return len(self.habit)

    def countries(self, which: np.ndarray) -> pl.Series:
        """Country codes."""
        return pl.Series([place.country for place in PLACES]).gather(self.place[which])

    def locales(self, which: np.ndarray) -> pl.Series:
        """Locales, as in en-GB."""
        return pl.Series([place.locale for place in PLACES]).gather(self.place[which])

    def timezones(self, which: np.ndarray) -> pl.Series:
        """Names of the time zones that people live in."""
        return pl.Series([place.timezone for place in PLACES]).gather(self.place[which])

    def email_slot(self, which: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Which of their addresses people give at a time within the period."""
        return np.where(at >= self.email_from[which, NEXT_EMAIL], NEXT_EMAIL, EMAIL)

    def email(self, which: np.ndarray, slot: np.ndarray) -> pl.Series:
        """Addresses; null where the slot is -1."""
        stacked = pl.concat(self.emails)
        return masked(stacked.gather(np.maximum(slot, 0) * len(self) + which), slot >= 0)

    def device(self, which: np.ndarray, slot: np.ndarray) -> pl.Series:
        """Device identifiers; null where the slot is -1."""
        return masked(self.device_ids.gather(self.devices[which, np.maximum(slot, 0)]), slot >= 0)


def masked(values: pl.Series, keep: np.ndarray) -> pl.Series:
    """The values, null where they are not to be kept."""
    return values.zip_with(pl.Series(keep), pl.Series([None], dtype=values.dtype).new_from_index(0, len(values)))


def populate(shop: Shop) -> People:
    """Everybody who will ever be in this shop, as they are when the period begins."""
    chance = shop.chance("people")
    count = shop.contacts
    habit = _habits(shop, chance)
    place = pick(chance, np.array([place.weight for place in PLACES]), count)
    traits = _traits(chance, habit, put_off=shop.chance("put off").random(count) < PUT_OFF_SHARE)
    arrival_day = np.where(habit == Habit.NEWCOMER, chance.integers(0, shop.days, count), -1)
    first_name, last_name = _names(chance, place)
    devices, device_ids, device_kinds, device_types = _devices(shop, chance)
    emails, email_from = _emails(shop, chance, first_name, last_name)

    customer = habit <= Habit.LAPSED
    guest = customer & (habit <= Habit.OCCASIONAL) & (chance.random(count) < 0.08)
    never = np.full((count, 5), NEVER)
    return People(
        habit=habit,
        place=place,
        first_name=first_name,
        last_name=last_name,
        birth_date=_birth_dates(shop, chance),
        traits=traits,
        arrival_day=arrival_day,
        # when exactly, the history decides: before their first order
        registered_at=np.where(customer & ~guest, shop.start_us - DAY, NEVER),
        user_id=pl.Series(10_000_000 + chance.permutation(count) * 37 % 9_999_991).cast(pl.String),
        emails=emails,
        email_from=email_from,
        phone=_phones(chance, place),
        timezone_known=chance.random(count) < 0.94,
        devices=devices,
        device_ids=device_ids,
        device_kinds=device_kinds,
        device_types=device_types,
        newsletter=np.zeros(count, dtype=bool),
        offers=np.zeros(count, dtype=bool),
        sms=np.zeros(count, dtype=bool),
        user_id_seen=never[:, 0].copy(),
        phone_seen=never[:, 1].copy(),
        email_seen=never[:, :3].copy(),
        device_seen=never.copy(),
    )


def _habits(shop: Shop, chance: np.random.Generator) -> np.ndarray:
    """Exact shares in random order. People come upon the shop at a steady rate, half of them at most."""
    newcomers = min(0.5, 0.012 * shop.days)
    # without a history long enough nobody can have lapsed
    aged = shop.history_days > shop.lapse_after_days
    lapsing, lapsed = (shop.lapsing_share, shop.lapsed_share) if aged else (0.0, 0.0)
    rest = max(0.0, 1 - newcomers - lapsing - lapsed)
    shares = {
        Habit.OCCASIONAL: rest * 0.4,
        Habit.LAPSING: lapsing,
        Habit.LAPSED: lapsed,
        Habit.VISITOR: rest * 0.1,
        Habit.NEWCOMER: newcomers,
    }
    habits = np.full(shop.contacts, Habit.REGULAR, dtype=np.int8)
    position = 0
    for habit, share in shares.items():
        size = round(share * shop.contacts)
        habits[position : position + size] = habit
        position += size
    return chance.permutation(habits)


def _traits(chance: np.random.Generator, habit: np.ndarray, put_off: np.ndarray) -> Traits:
    count = len(habit)
    # by habit: regular, occasional, lapsing, lapsed, visitor, newcomer
    usual = np.array([0.30, 0.10, 0.0, 0.0, 0.12, 0.22])[habit]
    signup = np.array([0.0, 0.0, 0.0, 0.0, 0.06, 0.42])[habit]
    favourites = chance.random((count, len(CATEGORIES))).argsort(axis=1)[:, :2]
    return Traits(
        visit_rate=usual * chance.gamma(3.0, 1 / 3, count),
        peak_hour=np.where(
            chance.random(count) < 0.3, chance.normal(12.5, 1.0, count), chance.normal(20.0, 1.6, count)
        ),
        weekend_taste=np.clip(chance.lognormal(0, 0.3, count), 0.3, 2.5),
        favourite=favourites[:, 0],
        second_favourite=favourites[:, 1],
        cart_propensity=chance.beta(3, 5, count),
        checkout_propensity=chance.beta(6, 3.5, count),
        buy_propensity=chance.beta(6, 3, count),
        come_back_propensity=chance.beta(2, 11, count),
        login_propensity=chance.beta(4, 3, count),
        signup_propensity=signup * chance.beta(4, 1, count),
        subscribe_propensity=chance.beta(7, 2, count),
        open_propensity=chance.beta(2.2, 5, count),
        click_propensity=chance.beta(1.5, 12, count),
        unsubscribe_propensity=chance.beta(1, 250, count),
        complaint_propensity=chance.beta(1, 3000, count),
        messages_borne_a_week=chance.gamma(4, 1, count),
        opens_by_machine=chance.random(count) < 0.35,
        mailbox_is_dead=chance.random(count) < 0.012,
        message_lift=chance.lognormal(0.12, 0.15, count),
        reading_hour=chance.normal(9.5, 3.0, count) % 24,
        put_off=put_off,
    )


def _language(place: np.ndarray) -> np.ndarray:
    return np.array([list(FIRST_NAMES).index(place.locale[:2]) for place in PLACES])[place]


def _names(chance: np.random.Generator, place: np.ndarray) -> tuple[pl.Series, pl.Series]:
    language = _language(place)
    chosen = []
    for lists in (FIRST_NAMES, LAST_NAMES):
        sizes = np.array([len(names) for names in lists.values()])
        position = (sizes[language] * chance.random(len(place))).astype(np.int64)
        every = pl.Series([name for names in lists.values() for name in names])
        chosen.append(every.gather((np.cumsum(sizes) - sizes)[language] + position))
    return chosen[0], chosen[1]


def _birth_dates(shop: Shop, chance: np.random.Generator) -> pl.Series:
    today = (shop.start.date() - date(1970, 1, 1)).days
    age_days = np.clip(chance.normal(42 * 365, 13 * 365, shop.contacts), 18 * 366, 90 * 365).astype(np.int64)
    known = chance.random(shop.contacts) < 0.7
    return masked(pl.Series(today - age_days).cast(pl.Int32).cast(pl.Date), known)


def _emails(
    shop: Shop, chance: np.random.Generator, first_name: pl.Series, last_name: pl.Series
) -> tuple[tuple[pl.Series, pl.Series, pl.Series], np.ndarray]:
    """Three addresses a person, and since when each is theirs."""
    count = shop.contacts
    plain = {name: name.translate(PLAIN_LETTERS).lower() for name in {*first_name, *last_name}}
    local = first_name.replace_strict(plain) + "." + last_name.replace_strict(plain)
    numbers = chance.permutation(count)
    domains = np.array(MAIL_DOMAINS)
    weights = np.array(MAIL_DOMAIN_WEIGHTS)
    made = []
    for slot in range(3):
        # one number a person and slot: no two people share an address by chance
        number = pl.Series(numbers * 3 + slot + 1).cast(pl.String)
        made.append(local + number + "@" + pl.Series(domains[pick(chance, weights, count)]))

    moved_before = chance.random(count) < 0.07
    moves = chance.random(count) < -np.expm1(-0.0015 * shop.days)
    email_from = np.full((count, 3), NEVER)
    email_from[:, EMAIL] = np.where(
        moved_before,
        shop.start_us - chance.integers(1, 15 + shop.history_days, count) * DAY // 2,
        -NEVER,
    )
    email_from[:, PREVIOUS_EMAIL] = np.where(moved_before, -NEVER, NEVER)
    moved_at = shop.start_us + chance.integers(0, shop.days * DAY, count) // 1000 * 1000
    email_from[:, NEXT_EMAIL] = np.where(moves, moved_at, NEVER)

    # a few people share the address of the place where they work
    sharing = chance.permutation(count)[: count // 60]
    team = np.arange(len(sharing)) // 3
    roles = pl.Series(list(ROLE_NAMES)).gather(team % len(ROLE_NAMES))
    shared = roles + "@works-" + pl.Series(team // len(ROLE_NAMES) + 1).cast(pl.String) + ".example"
    made[EMAIL] = made[EMAIL].scatter(sharing, shared)
    return (made[0], made[1], made[2]), email_from


def _phones(chance: np.random.Generator, place: np.ndarray) -> pl.Series:
    """A number of their own for somewhat over half of the people, as long as the reserved ranges last."""
    wanted = chance.random(len(place)) < 0.55
    phones = np.full(len(place), "", dtype="U16")
    for country, ranges in PHONE_RANGES.items():
        every = np.array(
            [f"{prefix}{number:0{digits}d}" for prefix, digits in ranges for number in range(10**digits)],
            dtype="U16",
        )
        here = np.array([place.country == country for place in PLACES])[place]
        people = np.flatnonzero(wanted & here)[: len(every)]
        phones[people] = chance.permutation(every)[: len(people)]
    return masked(pl.Series(phones), phones != "")


def _devices(shop: Shop, chance: np.random.Generator) -> tuple[np.ndarray, pl.Series, pl.Series, pl.Series]:
    """Up to three devices of one's own, one that the household shares, one that stands in a public place."""
    count = shop.contacts
    owned = 1 + pick(chance, np.array([0.5, 0.35, 0.15]), count)
    first = np.cumsum(owned) - owned
    devices = np.full((count, 5), -1, dtype=np.int64)
    for slot in range(OWN_DEVICES):
        devices[:, slot] = np.where(slot < owned, first + slot, -1)
    own = int(owned.sum())

    order = chance.permutation(count)
    living_together = order[: count // 8]
    sizes = chance.integers(2, 5, len(living_together) // 2 + 1)
    household = np.repeat(np.arange(len(sizes)), sizes)[: len(living_together)]
    devices[living_together, HOUSEHOLD_DEVICE] = own + household
    households = int(household.max(initial=0)) + 1

    kiosks = -(-count // 1500)
    passing = order[count // 8 : count // 8 + count // 50]
    devices[passing, KIOSK_DEVICE] = own + households + np.arange(len(passing)) % kiosks

    kinds = ["own"] * own + ["household"] * households + ["kiosk"] * kiosks
    types = pl.Series(list(DEVICE_TYPES)).gather(pick(chance, np.array([0.6, 0.32, 0.08]), len(kinds)))
    return devices, pl.Series(hex_ids(chance, len(kinds), 16)), pl.Series(kinds), types


def national(phones: pl.Series, countries: pl.Series) -> pl.Series:
    """The same numbers as people write them at home: with a nought before, or bare in America."""
    frame = pl.DataFrame({"phone": phones, "country": countries})
    codes = frame["country"].replace_strict(DIAL_CODES)
    local = frame.with_columns(bare=pl.col("phone").str.strip_prefix(codes))
    return local.select(
        pl.when(pl.col("country") == "US").then(pl.col("bare")).otherwise("0" + pl.col("bare"))
    ).to_series()


def moments(chance: np.random.Generator, people: People, which: np.ndarray, days: np.ndarray) -> np.ndarray:
    """A moment of each person's waking day (UTC microseconds) on the given days since 1970."""
    return to_utc(days, local_hours(chance, people.traits.peak_hour[which]), people.place[which])
