"""Before the period: who signed up, what they allowed, and what they ordered."""

import numpy as np
import polars as pl

from data.simulator.catalogue import Catalogue, choose
from data.simulator.contacts import allow_at_signup, details, statements
from data.simulator.landing import Landing
from data.simulator.orders import Basket, Buyers, place
from data.simulator.people import EMAIL, PREVIOUS_EMAIL, Habit, People, moments
from data.simulator.shop import DAY, HOUR, NEVER, Shop
from data.simulator.vocabulary import CATEGORIES

PEOPLE_AT_ONCE = 50_000


def write_history(shop: Shop, people: People, catalogue: Catalogue, landing: Landing) -> None:
    """Write what was known before the period, some tens of thousands of people a file.

    Sets when each customer registered. Rows load when they occur, as if they had been live.
    """
    _add(landing, "products", catalogue.rows(shop, np.arange(shop.products), catalogue.created_at))
    _add(landing, "costs", _costs(shop))
    for part, first in enumerate(range(0, len(people), PEOPLE_AT_ONCE)):
        chance = shop.chance("history", part)
        block = np.arange(first, min(first + PEOPLE_AT_ONCE, len(people)))
        person, at = _order_times(shop, chance, people, block)
        _sign_up(shop, chance, people, block, person, at, landing)
        _order(shop, chance, people, catalogue, person, at, landing)
        landing.write_history(part)


def _add(landing: Landing, table: str, frame: pl.DataFrame) -> None:
    landing.add(table, frame.with_columns(loaded_at=pl.col("occurred_at")))


def _order_times(
    shop: Shop, chance: np.random.Generator, people: People, block: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Who ordered (ascending) and when, in microseconds.

    The last orders of those who are lapsing grow too old within the period, one after the other; those who
    have lapsed ordered nothing since.
    """
    habit = people.habit[block]
    rate = np.array([0.026, 0.009, 0.018, 0.012, 0.0, 0.0])[habit]
    propensity = people.traits.cart_propensity[block] * people.traits.buy_propensity[block] / 0.25
    lapse = shop.lapse_after_days
    lapsing, lapsed = habit == Habit.LAPSING, habit == Habit.LAPSED
    # days before the start on which the last order lies
    last = np.zeros(len(block))
    last[lapsing] = lapse - chance.uniform(0, min(shop.days, lapse), int(lapsing.sum()))
    last[lapsed] = chance.uniform(lapse, shop.history_days, int(lapsed.sum())) if lapsed.any() else 0
    span = np.maximum(shop.history_days - last, 0)
    number = chance.poisson(rate * propensity * span)

    position = np.repeat(np.arange(len(block)), number)
    ago = last[position] + chance.random(len(position)) * span[position]
    start_day = shop.start_us // DAY
    person = block[position]
    at = moments(chance, people, person, start_day - 1 - ago.astype(np.int64))

    final = np.flatnonzero(lapsing | lapsed)
    person = np.concatenate([person, block[final]])
    at = np.concatenate([at, shop.start_us - (last[final] * DAY).astype(np.int64) // 1000 * 1000])
    before = at < shop.start_us
    person, at = person[before], at[before]
    order = np.lexsort((at, person))
    return person[order], at[order]


def _sign_up(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    block: np.ndarray,
    person: np.ndarray,
    at: np.ndarray,
    landing: Landing,
) -> None:
    """Customers with an account signed up before their first order; some say more, move, or leave since."""
    members = block[people.registered_at[block] != NEVER]
    first_order = np.full(len(people), shop.start_us - DAY)
    buyers, first = np.unique(person, return_index=True)
    first_order[buyers] = at[first]
    ago = chance.exponential(60, len(members)) * DAY + HOUR
    since = (first_order[members] - ago.astype(np.int64)) // 1000 * 1000
    people.registered_at[members] = since

    moved_at = people.email_from[members, EMAIL]
    moved = moved_at > since
    slot = np.where(moved, PREVIOUS_EMAIL, EMAIL)
    _add(landing, "contacts", details(people, members, since, slot))
    movers = members[moved]
    _add(landing, "contacts", details(people, movers, moved_at[moved], np.full(len(movers), EMAIL)))

    for rows in allow_at_signup(chance, people, members, since):
        _add(landing, "consents", rows)
    left = people.newsletter[members] & (chance.random(len(members)) < 0.1)
    left_at = since + ((shop.start_us - since) * chance.random(len(members))).astype(np.int64) // 1000 * 1000
    leavers = members[left]
    _add(
        landing,
        "consents",
        statements(people, leavers, left_at[left], "email", "newsletter", "withdrawn", "unsubscribe link"),
    )
    people.newsletter[leavers] = False

    # a second system knows some of them, under the same user_id
    known = chance.random(len(members)) < 0.15
    in_crm = members[known]
    _add(
        landing,
        "contacts",
        details(
            people,
            in_crm,
            shop.start_us - DAY // 2 - in_crm % 1000 * 1000,
            np.full(len(in_crm), EMAIL),
            "crm",
        ),
    )


def _order(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    person: np.ndarray,
    at: np.ndarray,
    landing: Landing,
) -> None:
    count = len(person)
    if count == 0:
        return
    member = people.registered_at[person] != NEVER
    slot = np.where(at < people.email_from[person, EMAIL], PREVIOUS_EMAIL, EMAIL)
    buyers = Buyers(
        person=person,
        at=at,
        device=np.where(chance.random(count) < 0.8, 0, -1),
        logged_in=member,
        email=np.where(member & (chance.random(count) < 0.4), -1, slot),
        gives_phone=chance.random(count) < 0.3,
        cart_id=pl.Series([None], dtype=pl.String).new_from_index(0, count),
        source="shop",
    )
    lines = 1 + chance.binomial(3, 0.35, count)
    order = np.repeat(np.arange(count), lines)
    liked = np.where(
        chance.random(len(order)) < 0.6,
        people.traits.favourite[person[order]],
        chance.integers(0, len(CATEGORIES), len(order)),
    )
    product = choose(chance, catalogue, liked)
    quantity = 1 + chance.binomial(2, 0.15, len(order))
    placed = place(shop, chance, people, catalogue, buyers, Basket(order, product, quantity, catalogue.price[product]))
    _add(landing, "orders", placed.orders)
    _add(landing, "order_lines", placed.order_lines)


def _costs(shop: Shop) -> pl.DataFrame:
    """Each month of the period: the tool, and the time spent on each workflow."""
    months = pl.date_range(shop.start.date().replace(day=1), shop.day(shop.days - 1), interval="1mo", eager=True).alias(
        "period_start"
    )
    kinds = pl.DataFrame(
        {
            "kind": ["tool", *["time" for _ in shop.workflows]],
            "workflow": [None, *shop.workflows],
            "amount": [149, *(180 - 30 * (number % 4) for number in range(len(shop.workflows)))],
        }
    )
    return (
        months.to_frame()
        .join(kinds, how="cross")
        .with_columns(
            cost_id=pl.format(
                "cost-{}-{}", pl.col("period_start").dt.strftime("%Y-%m"), pl.coalesce("workflow", "kind")
            ),
            currency=pl.lit(shop.currency),
            period_end=pl.col("period_start").dt.month_end(),
            occurred_at=pl.col("period_start").cast(pl.Datetime("us")).cast(pl.Int64),
        )
    )
