"""Forms as forms.yml beside the templates defines them, and what is asked of whom: the first that is not given yet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from activations.addresses.channel_addresses import ADDRESS_OF
from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "forms.yml"
TYPES = ("text", "email", "phone", "date", "choice")
_WHO = ("email", "phone")
_LONGEST = 200
_MOST_ASKED = 2


@dataclass(frozen=True)
class Field:
    """A question."""

    name: str
    """The trait that the answer becomes."""
    label: str
    type: str = "text"
    options: tuple[str, ...] = ()
    hint: str = ""
    required: bool = False
    """Who somebody is has to be said in any case."""

    @property
    def is_needed(self) -> bool:
        return self.required or self.name in _WHO

    def read(self, text: str) -> str:
        """The answer as it is kept; raises ValueError, which says what is wrong with it."""
        plain = " ".join(text.split())
        if not plain:
            raise ValueError("Please fill this in.")
        if len(plain) > _LONGEST or not plain.isprintable():
            raise ValueError("That is too long.")
        return _READERS[self.type](self, plain)


@dataclass(frozen=True)
class Consent:
    """A box to tick, by which somebody agrees."""

    topic: str
    channel: str
    label: str
    double_opt_in: bool = False
    """Whether it counts only when whoever reads at the address has said so once more."""

    @property
    def address(self) -> str:
        return ADDRESS_OF[self.channel]


@dataclass(frozen=True)
class Form:
    """A page that asks a little at a time."""

    name: str
    title: str
    fields: tuple[Field, ...]
    intro: str = ""
    thanks: str = "Thank you."
    button: str = "Send"
    ask: int = _MOST_ASKED
    """How many fields at a time."""
    consent: Consent | None = field(default=None)

    @property
    def identifying(self) -> Field:
        """The field that says who somebody is."""
        return next(one for one in self.fields if one.name in _WHO)

    def to_ask(self, given: Collection[str], *, is_known: bool) -> list[Field]:
        """The first fields that are not given yet; whom we do not know has to say who they are, each time."""
        asked = [one for one in self.fields if one.name not in given][: self.ask]
        if not is_known and self.identifying not in asked:
            asked.insert(0, self.identifying)
        return asked


def read_forms(templates: Path) -> dict[str, Form]:
    """The forms by name, none where there is no file; raises HourbellError naming what is wrong in it."""
    path = templates / FILE
    stated = read_settings(path, "defines no forms. Give each a title and fields, by its name.")
    return {str(name): _form(path, str(name), one) for name, one in stated.items()}


def _form(path: Path, name: str, stated: Any) -> Form:
    place = f"{path}, form {name}"
    if not isinstance(stated, dict):
        raise HourbellError(f"{place}: give it a title and fields.")
    try:
        fields = tuple(_field(place, one) for one in stated.get("fields", ()))
        consent = Consent(**stated["consent"]) if stated.get("consent") else None
        form = Form(**{**stated, "name": name, "fields": fields, "consent": consent})
    except TypeError as error:
        raise HourbellError(f"{place}: {error}. Compare it with the example that comes with Hourbell.") from error
    names = [one.name for one in fields]
    if not set(_WHO) & set(names):
        raise HourbellError(f"{place}: no field is `email` or `phone`, so that nobody could say who they are.")
    if len(set(names)) < len(names):
        raise HourbellError(f"{place}: a field is asked twice.")
    if form.ask not in range(1, _MOST_ASKED + 1):
        raise HourbellError(f"{place}: `ask` is {form.ask}. Ask one or two fields at a time.")
    if consent and (consent.channel not in ADDRESS_OF or consent.address != form.identifying.name):
        raise HourbellError(
            f"{place}: who agrees to {consent.channel} has to give an address of it. Let its first of `email` and "
            f"`phone` be {ADDRESS_OF.get(consent.channel, 'that of the channel')}."
        )
    return form


def _field(place: str, stated: Mapping[str, Any]) -> Field:
    one = Field(**{**stated, "options": tuple(map(str, stated.get("options", ())))})
    if one.type not in TYPES:
        raise HourbellError(f"{place}: {one.name} is of type {one.type!r}. Known: {', '.join(TYPES)}.")
    if (one.type == "choice") != bool(one.options):
        raise HourbellError(f"{place}: {one.name} needs `options` if, and only if, it is a choice.")
    if one.name in _WHO and one.type != one.name:
        raise HourbellError(f"{place}: {one.name} has to be of type {one.name}.")
    return one


def answers(fields: Sequence[Field], posted: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What was answered, and what is wrong, each by field."""
    good: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for one in fields:
        if not posted.get(one.name, "").strip() and not one.is_needed:
            continue
        try:
            good[one.name] = one.read(posted.get(one.name, ""))
        except ValueError as error:
            wrong[one.name] = str(error)
    return good, wrong


def _text(_: Field, text: str) -> str:
    if any(mark in text.lower() for mark in ("<", "http:", "https:", "www.")):
        raise ValueError("Please write this without links.")
    return text


def _email(_: Field, text: str) -> str:
    try:
        # addresses that cannot exist are good enough for a rehearsal, and bounce otherwise
        return str(validate_email(text, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError as error:
        raise ValueError("That is no e-mail address.") from error


def _phone(_: Field, text: str) -> str:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise ValueError("Please write the number with its country, as in +44 20 7946 0000.") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError("That is no telephone number.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _date(_: Field, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("Please write the date as in 1990-05-31.") from error


def _choice(one: Field, text: str) -> str:
    if text not in one.options:
        raise ValueError("Please choose one of these.")
    return text


_READERS = {"text": _text, "email": _email, "phone": _phone, "date": _date, "choice": _choice}
