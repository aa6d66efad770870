"""What people look at, what they put into a cart, and whether they mean to buy it."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from data.simulator.catalogue import Catalogue, choose
from data.simulator.events import Visits
from data.simulator.orders import Basket
from data.simulator.people import People
from data.simulator.shop import HOUR, NEVER, SECOND, Shop, hex_ids
from data.simulator.vocabulary import CATEGORIES


@dataclass(frozen=True)
class Looks:
    """Products looked at, in order: in which visit, as which one, when, and whether put into the cart."""

    visit: np.ndarray
    rank: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    at: np.ndarray
    added: np.ndarray
    removed: np.ndarray


@dataclass(frozen=True)
class Carts:
    """One cart each, by visit (ascending): what becomes of it, and when; `NEVER` for what does not happen.

    `come_back_at` is when somebody who left it returns to buy it.
    """

    visit: np.ndarray
    cart_id: pl.Series
    value: np.ndarray
    items: np.ndarray
    last_at: np.ndarray
    checkout_at: np.ndarray
    ordered_at: np.ndarray
    come_back_at: np.ndarray


def look_around(chance: np.random.Generator, people: People, catalogue: Catalogue, visits: Visits) -> Looks:
    """The products that each visit looks at; some visits look at none."""
    traits = people.traits
    count = len(visits)
    number = np.where(chance.random(count) < 0.7, np.minimum(1 + chance.poisson(1.4, count), 7), 0)
    visit = np.repeat(np.arange(count), number)
    rank = np.arange(len(visit)) - np.repeat(np.cumsum(number) - number, number)
    who = visits.person[visit]
    taste = chance.random(len(visit))
    shelf = np.select(
        [taste < 0.5, taste < 0.75],
        [traits.favourite[who], traits.second_favourite[who]],
        default=chance.integers(0, len(CATEGORIES), len(visit)),
    )
    product = choose(chance, catalogue, shelf)
    at = visits.at[visit] + ((20 + 45 * rank + chance.uniform(0, 28, len(visit))) * SECOND).astype(np.int64)

    fills = chance.random(count) < traits.cart_propensity[visits.person] / 0.9
    wanted = 1 + chance.binomial(3, 0.35, count)
    added = fills[visit] & (rank < wanted[visit]) & catalogue.available[product]
    in_cart = np.bincount(visit[added], minlength=count)
    # the last thing put in is the one that is taken out again
    last_added = np.full(count, -1)
    np.maximum.at(last_added, visit[added], rank[added])
    regrets = (in_cart >= 2) & (chance.random(count) < 0.08)
    removed = added & regrets[visit] & (rank == last_added[visit])
    quantity = 1 + chance.binomial(2, 0.15, len(visit))
    return Looks(visit, rank, product, quantity, at // 1000 * 1000, added, removed)


def fill_carts(
    chance: np.random.Generator, people: People, catalogue: Catalogue, visits: Visits, looks: Looks
) -> Carts:
    traits = people.traits
    kept = looks.added & ~looks.removed
    visit = np.unique(looks.visit[kept])
    position = np.searchsorted(visit, looks.visit[kept])
    worth = catalogue.price[looks.product[kept]] * looks.quantity[kept]
    who = visits.person[visit]
    last_at = np.zeros(len(visits), dtype=np.int64)
    np.maximum.at(last_at, looks.visit, looks.at)

    left = last_at[visit] + 20 * SECOND
    goes_on = chance.random(len(visit)) < traits.checkout_propensity[who]
    buys = goes_on & (chance.random(len(visit)) < traits.buy_propensity[who])
    returns = ~buys & (chance.random(len(visit)) < traits.come_back_propensity[who])
    checkout_at = left + (chance.uniform(20, 200, len(visit)) * SECOND).astype(np.int64)
    ordered_at = checkout_at + (chance.uniform(60, 400, len(visit)) * SECOND).astype(np.int64)
    away = np.clip(chance.lognormal(np.log(9), 0.8, len(visit)), 2, 72) * HOUR
    return Carts(
        visit=visit,
        cart_id="cart-" + pl.Series(hex_ids(chance, len(visit), 12), dtype=pl.String),
        value=np.bincount(position, weights=worth, minlength=len(visit)).astype(np.int64),
        items=np.bincount(position, weights=looks.quantity[kept], minlength=len(visit)).astype(np.int64),
        last_at=left,
        checkout_at=np.where(goes_on, checkout_at // 1000 * 1000, NEVER),
        ordered_at=np.where(buys, ordered_at // 1000 * 1000, NEVER),
        come_back_at=np.where(returns, (left + away.astype(np.int64)) // 1000 * 1000, NEVER),
    )


def cart_properties(shop: Shop, carts: Carts, which: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "cart_id": carts.cart_id.gather(which),
            "value": carts.value[which] / 100,
            "item_count": carts.items[which],
        }
    ).with_columns(currency=pl.lit(shop.currency))


def basket_of(catalogue: Catalogue, visits: Visits, carts: Carts, looks: Looks, cart: np.ndarray) -> Basket:
    """What is in the given carts, which become the orders 0, 1, 2 …"""
    order_of_visit = np.full(len(visits), -1)
    order_of_visit[carts.visit[cart]] = np.arange(len(cart))
    kept = np.flatnonzero(looks.added & ~looks.removed)
    order = order_of_visit[looks.visit[kept]]
    kept, order = kept[order >= 0], order[order >= 0]
    sequence = np.argsort(order, kind="stable")
    kept, order = kept[sequence], order[sequence]
    product = looks.product[kept]
    return Basket(order, product, looks.quantity[kept], catalogue.price[product])
