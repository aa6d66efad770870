"""Fields that are made up, for templates to be looked at."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from activations.settings.shop import Shop
from dagster_project.preview.invented import LISTS, PERSON, example_of, example_products

_MONEY = ("value", "total", "price", "revenue", "amount", "discount")
_NUMBERS = ("count", "days", "points", "number", "quantity")


def sample_contact(locale: str) -> dict[str, Any]:
    return {**PERSON, "locale": locale, "timezone": "Europe/London", "country": "GB"}


def sample_context(columns: Collection[str], shop: Shop, now: datetime) -> dict[str, Any]:
    """A value for each column that a template asks for: its name says what it holds."""
    return {column: _sample(column, shop, now) for column in sorted(columns)}


def sample_message(shop: Shop) -> Mapping[str, Any]:
    return {
        "topic": "example topic",
        "unsubscribe_url": shop.unsubscribe_url,
        "preferences_url": shop.preferences_url,
    }


def _sample(column: str, shop: Shop, now: datetime) -> Any:
    words = column.split("_")
    if column in LISTS:
        return example_products(shop.url, shop.currency)
    if column == "currency":
        return shop.currency
    if column == "timezone":
        return "Europe/London"
    if words[0] in ("is", "was", "has"):
        return True
    if words[-1] in ("at", "on", "until", "date", "day"):
        away = -90 if words[0] == "last" else 14
        return (now + timedelta(days=away)).date().isoformat()
    if words[-1] in _MONEY:
        return 49.9
    if any(word in _NUMBERS for word in words):
        return 3
    return example_of(column)
