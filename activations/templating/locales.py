"""Languages of templates, and how money and dates are written in them."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency
from liquid.exceptions import FilterArgumentError

_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{4})?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?:[-_.@].*)?")
_STYLES = frozenset({"short", "medium", "long", "full"})
# as each language orders them
_SKELETONS = {"day": "MMMMd", "month": "yMMMM"}
_DIRECTIVE = re.compile(r"%-?[A-Za-z%]")
_NAMES = {"%A": "EEEE", "%a": "EEE", "%B": "MMMM", "%b": "MMM"}


@lru_cache(maxsize=1_000)
def locale_of(stated: object) -> str:
    """A locale as files have it, such as de or de-AT; empty where it is none."""
    found = _LOCALE.fullmatch(stated.strip()) if isinstance(stated, str) else None
    if found is None:
        return ""
    language, territory = found[1].lower(), found[2]
    return f"{language}-{territory.upper()}" if territory else language


def language_of(locale: str) -> str:
    return locale.partition("-")[0]


def chain_of(locale: str) -> tuple[str, ...]:
    """The locale, and the language that it is of: what stands in for each other."""
    return tuple(dict.fromkeys(part for part in (locale, language_of(locale)) if part))


@lru_cache(maxsize=1_000)
def babel_locale(locale: str) -> Locale:
    """How a locale writes; as its language does, where nobody knows the territory."""
    for known in chain_of(locale):
        try:
            return Locale.parse(known, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en", "GB")


def money_in(amount: object, currency: object, locale: str) -> str:
    """An amount as it is written there; raises FilterArgumentError."""
    try:
        return _money(str(amount), str(currency), locale)
    except InvalidOperation as error:
        raise FilterArgumentError(f"{amount!r} is no amount of money", token=None) from error


@lru_cache(maxsize=10_000)
def _money(amount: str, currency: str, locale: str) -> str:
    return format_currency(Decimal(amount), currency, locale=babel_locale(locale))


def date_in(moment: object, form: object, locale: str) -> str:
    """A date as it is written there; raises FilterArgumentError.

    `form` is day (16 March), month (March 2026), one of short, medium, long and full, or as strftime has it. No clock
    is looked at: there is no 'now'.
    """
    return _date(moment if isinstance(moment, date) else str(moment), str(form), locale)


@lru_cache(maxsize=10_000)
def _date(moment: date | str, form: str, locale: str) -> str:
    known = _moment(moment)
    written = babel_locale(locale)
    if form in _SKELETONS:
        return str(format_skeleton(_SKELETONS[form], known, locale=written))
    if form in _STYLES:
        return format_date(known, form, locale=written)
    if "%" not in form:
        raise FilterArgumentError(
            f"{form!r} is no form of a date: take {', '.join(sorted({*_SKELETONS, *_STYLES}))} or one with %",
            token=None,
        )

    def directive(match: re.Match[str]) -> str:
        name = _NAMES.get(match[0])
        return format_date(known, name, locale=written) if name else known.strftime(match[0])

    return _DIRECTIVE.sub(directive, form)


def _moment(stated: date | str) -> datetime:
    if isinstance(stated, datetime):
        return stated
    if isinstance(stated, date):
        return datetime.combine(stated, datetime.min.time())
    try:
        if stated.isdecimal():
            return datetime.fromtimestamp(int(stated), UTC)
        return datetime.fromisoformat(stated.strip())
    except (ValueError, OverflowError, OSError) as error:
        raise FilterArgumentError(f"{stated[:100]!r} is no date: it is written as 2026-03-16", token=None) from error
