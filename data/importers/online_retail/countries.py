"""The countries of the Online Retail file, by the names that it gives them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """What a country's name stands for; the zone only where the whole country keeps the same clock."""

    code: str | None
    timezone: str | None


COUNTRIES: Mapping[str, Country] = {
    "Australia": Country("AU", None),
    "Austria": Country("AT", "Europe/Vienna"),
    "Bahrain": Country("BH", "Asia/Bahrain"),
    "Belgium": Country("BE", "Europe/Brussels"),
    "Brazil": Country("BR", None),
    "Canada": Country("CA", None),
    # Jersey and Guernsey have a code each, and one clock
    "Channel Islands": Country(None, "Europe/London"),
    "Cyprus": Country("CY", "Asia/Nicosia"),
    "Czech Republic": Country("CZ", "Europe/Prague"),
    "Denmark": Country("DK", "Europe/Copenhagen"),
    "EIRE": Country("IE", "Europe/Dublin"),
    "European Community": Country(None, None),
    "Finland": Country("FI", "Europe/Helsinki"),
    "France": Country("FR", "Europe/Paris"),
    "Germany": Country("DE", "Europe/Berlin"),
    "Greece": Country("GR", "Europe/Athens"),
    "Hong Kong": Country("HK", "Asia/Hong_Kong"),
    "Iceland": Country("IS", "Atlantic/Reykjavik"),
    "Israel": Country("IL", "Asia/Jerusalem"),
    "Italy": Country("IT", "Europe/Rome"),
    "Japan": Country("JP", "Asia/Tokyo"),
    "Lebanon": Country("LB", "Asia/Beirut"),
    "Lithuania": Country("LT", "Europe/Vilnius"),
    "Malta": Country("MT", "Europe/Malta"),
    "Netherlands": Country("NL", "Europe/Amsterdam"),
    "Norway": Country("NO", "Europe/Oslo"),
    "Poland": Country("PL", "Europe/Warsaw"),
    "Portugal": Country("PT", None),
    "RSA": Country("ZA", "Africa/Johannesburg"),
    "Saudi Arabia": Country("SA", "Asia/Riyadh"),
    "Singapore": Country("SG", "Asia/Singapore"),
    "Spain": Country("ES", None),
    "Sweden": Country("SE", "Europe/Stockholm"),
    "Switzerland": Country("CH", "Europe/Zurich"),
    "USA": Country("US", None),
    "United Arab Emirates": Country("AE", "Asia/Dubai"),
    "United Kingdom": Country("GB", "Europe/London"),
    "Unspecified": Country(None, None),
}
