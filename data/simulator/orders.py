"""Orders: what is paid, and what becomes of them in the weeks after."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from data.importers.canonical import exact
from data.simulator.catalogue import Catalogue
from data.simulator.people import People, masked, national
from data.simulator.shop import DAY, HOUR, Shop, hex_ids
from data.simulator.vocabulary import PLACES, VAT_PERCENT

FREE_SHIPPING_FROM = 5000
SHIPPING = 395
COUPON_PERCENT = 10

_VAT = np.array([VAT_PERCENT[place.country] for place in PLACES])


@dataclass(frozen=True)
class Basket:
    """What goes into orders, a line each, `order` being its position (ascending) and `price` in pence."""

    order: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class Buyers:
    """Who orders, an order each: when (UTC microseconds), on which device, and what they say of themselves.

    `device` and `email` are slots of `People`, -1 for none; `cart_id` may be null.
    """

    person: np.ndarray
    at: np.ndarray
    device: np.ndarray
    logged_in: np.ndarray
    email: np.ndarray
    gives_phone: np.ndarray
    cart_id: pl.Series
    source: str


@dataclass(frozen=True)
class Placed:
    """Orders that were placed: amounts in pence, and their rows (`loaded_at` still to be given).

    `_order` in both frames is the position of the order among the buyers.
    """

    order_id: pl.Series
    total: np.ndarray
    discount: np.ndarray
    shipping: np.ndarray
    tax: np.ndarray
    coupon: pl.Series
    orders: pl.DataFrame
    order_lines: pl.DataFrame


def place(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    buyers: Buyers,
    basket: Basket,
) -> Placed:
    """Orders with all the statuses that they reach: fulfilled, cancelled, refunded in whole or in part."""
    count = len(buyers.person)
    order_id = "R" + pl.Series(hex_ids(chance, count, 10))
    with_coupon = chance.random(count) < 0.08
    percent = np.where(with_coupon, COUPON_PERCENT, 0)

    # unit prices are after discount, in ten-thousandths
    unit_price = basket.price * (100 - percent[basket.order])
    goods = _sum(basket.order, basket.quantity * unit_price, count)
    before = _sum(basket.order, basket.quantity * basket.price, count)
    net = (goods + 50) // 100
    shipping = np.where(net >= FREE_SHIPPING_FROM, 0, SHIPPING)
    total = net + shipping
    vat = _VAT[people.place[buyers.person]]
    tax = (total * vat + (100 + vat) // 2) // (100 + vat)
    coupon = masked(pl.Series(["THANKYOU10"]).new_from_index(0, count), with_coupon)

    first_line = np.searchsorted(basket.order, np.arange(count))
    line_number = np.arange(len(basket.order)) - first_line[basket.order] + 1
    first_worth = (basket.quantity * unit_price)[first_line] // 100

    cancelled = chance.random(count) < 0.03
    cancelled_at = buyers.at + chance.uniform(0.2, 20, count) * HOUR
    fulfilled_at = buyers.at + chance.uniform(0.6, 4, count) * DAY
    refunded = ~cancelled & (chance.random(count) < 0.05)
    partly = refunded & (chance.random(count) < 0.6)
    refunded_at = fulfilled_at + chance.uniform(3, 15, count) * DAY

    base = pl.DataFrame(
        {
            "order_id": order_id,
            "user_id": masked(people.user_id.gather(buyers.person), buyers.logged_in),
            "anonymous_id": people.device(buyers.person, buyers.device),
            "email": people.email(buyers.person, buyers.email),
            "phone": masked(
                national(people.phone.gather(buyers.person), people.countries(buyers.person)),
                buyers.gives_phone,
            ),
            "cart_id": buyers.cart_id,
            "total": total,
            "discount": before - net,
            "shipping": shipping,
            "tax": tax,
            "coupon": coupon,
            "country": people.countries(buyers.person),
            "_order": np.arange(count),
            "_person": buyers.person,
            "_device": buyers.device,
            "_email": buyers.email,
        }
    ).with_columns(
        *(exact(pl.col(name), 100, 2) for name in ("total", "discount", "shipping", "tax")),
        currency=pl.lit(shop.currency),
        source=pl.lit(buyers.source),
    )
    back = masked(pl.Series(first_worth), partly)
    steps = [
        _status(base, "placed", buyers.at, np.ones(count, dtype=bool)),
        _status(base, "cancelled", cancelled_at, cancelled),
        _status(base, "fulfilled", fulfilled_at, ~cancelled),
        _status(base.with_columns(refunded=back), "refunded", refunded_at, refunded),
    ]
    orders = pl.concat(steps, how="diagonal_relaxed").with_columns(refunded=exact(pl.col("refunded"), 100, 2))

    bought = pl.DataFrame(
        {
            "order_id": order_id.gather(basket.order),
            "line_number": line_number,
            "product_id": catalogue.product_id.gather(basket.product),
            "quantity": basket.quantity,
            "unit_price": unit_price,
            "occurred_at": buyers.at[basket.order],
            "_order": basket.order,
        }
    )
    returned_whole = (refunded & ~partly)[basket.order]
    returned = returned_whole | (partly[basket.order] & (line_number == 1))
    came_back = bought.with_columns(
        -pl.col("quantity"), occurred_at=pl.Series(_milliseconds(refunded_at)[basket.order])
    ).filter(returned)
    order_lines = pl.concat([bought, came_back]).with_columns(unit_price=exact(pl.col("unit_price"), 10_000, 4))
    return Placed(order_id, total, before - net, shipping, tax, coupon, orders, order_lines)


def _sum(positions: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(positions, weights=values, minlength=count).astype(np.int64)


def _milliseconds(at: np.ndarray) -> np.ndarray:
    return at.astype(np.int64) // 1000 * 1000


def _status(base: pl.DataFrame, status: str, at: np.ndarray, which: np.ndarray) -> pl.DataFrame:
    return base.with_columns(status=pl.lit(status), occurred_at=pl.Series(_milliseconds(at))).filter(which)
