"""What the shop sells, and what it costs from day to day."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from data.simulator.shop import DAY, HOUR, Shop
from data.simulator.vocabulary import CATEGORIES


@dataclass
class Catalogue:
    """Products by position; `price` (pence) and `available` are as of the day that is being lived."""

    product_id: pl.Series
    name: pl.Series
    category: pl.Series
    price: np.ndarray
    available: np.ndarray
    shelf_start: np.ndarray
    shelf_size: np.ndarray
    created_at: np.ndarray

    def rows(self, shop: Shop, which: np.ndarray, occurred_at: np.ndarray) -> pl.DataFrame:
        """Rows of `products` as of now, occurring at the given microseconds."""
        ids = self.product_id.gather(which)
        return pl.DataFrame(
            {
                "product_id": ids,
                "name": self.name.gather(which),
                "category": self.category.gather(which),
                "price": self.price[which] / 100,
                "url": "https://shop.example/p/" + ids,
                "image_url": "https://shop.example/p/" + ids + ".jpg",
                "is_available": self.available[which],
                "occurred_at": occurred_at,
                "loaded_at": occurred_at,
            }
        ).with_columns(currency=pl.lit(shop.currency))


def stock(shop: Shop) -> Catalogue:
    """The products with which the shop has opened, spread evenly over the categories."""
    chance = shop.chance("catalogue")
    shelf = np.sort(np.arange(shop.products) % len(CATEGORIES))
    names: list[str] = []
    seen: dict[str, int] = {}
    for number in shelf:
        category = CATEGORIES[number]
        adjective = category.adjectives[chance.integers(len(category.adjectives))]
        noun = category.nouns[chance.integers(len(category.nouns))]
        name = f"{adjective} {noun}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} No. {seen[name]}")
    usual = np.array([category.price for category in CATEGORIES])[shelf]
    price = np.maximum(np.round(usual * chance.lognormal(0, 0.4, shop.products) * 2) * 50 - 5, 95)
    opened = shop.start_us - (shop.history_days + 400) * DAY
    sizes = np.bincount(shelf, minlength=len(CATEGORIES))
    return Catalogue(
        product_id=pl.Series([f"SKU-{1000 + number}" for number in range(shop.products)]),
        name=pl.Series(names),
        category=pl.Series([CATEGORIES[number].name for number in shelf]),
        price=price.astype(np.int64),
        available=np.full(shop.products, fill_value=True),
        shelf_start=np.cumsum(sizes) - sizes,
        shelf_size=sizes,
        created_at=opened + chance.integers(0, 300, shop.products) * DAY,
    )


def choose(chance: np.random.Generator, catalogue: Catalogue, shelves: np.ndarray) -> np.ndarray:
    """A product from each shelf; the first ones of a shelf are the favourites."""
    place = (catalogue.shelf_size[shelves] * chance.random(len(shelves)) ** 2).astype(np.int64)
    return catalogue.shelf_start[shelves] + place


def reprice(shop: Shop, catalogue: Catalogue, day: int) -> pl.DataFrame:
    """Change a few prices and what can be had, early on this day; gives the rows of `products`."""
    chance = shop.chance("prices", day)
    size = len(catalogue.price)
    changed = np.flatnonzero(chance.random(size) < 0.01)
    step = chance.choice(np.array([0.8, 0.9, 1.1, 1.2]), len(changed))
    catalogue.price[changed] = np.maximum(np.round(catalogue.price[changed] * step), 95).astype(np.int64)
    toggled = np.flatnonzero(chance.random(size) < np.where(catalogue.available, 0.002, 0.3))
    catalogue.available[toggled] = ~catalogue.available[toggled]
    which = np.union1d(changed, toggled)
    return catalogue.rows(shop, which, np.full(len(which), shop.start_us + day * DAY + 4 * HOUR))
