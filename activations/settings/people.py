"""Whom workflows may notify: `people.yml` beside the templates says where each colleague reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from email_validator import EmailNotValidError, validate_email

from activations.channels.face import UnsendableError
from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "people.yml"
EMAIL, CHATS = "email", ("slack", "teams")


@dataclass(frozen=True)
class Person:
    """Where a colleague reads: by channel, an e-mail address or the name of a webhook."""

    reads: dict[str, str]


def read_people(templates: Path) -> dict[str, Person]:
    """The colleagues by name; none where there is no people.yml. Raises HourbellError saying what is wrong."""
    path = templates / FILE
    stated = read_settings(path, "holds no people. Give each a name, and beside it the e-mail address.")
    found = {}
    for name, given in stated.items():
        reads = {EMAIL: given} if isinstance(given, str) else given
        is_known = isinstance(reads, dict) and reads and reads.keys() <= {EMAIL, *CHATS}
        if not isinstance(name, str) or not is_known or not all(isinstance(each, str) for each in reads.values()):
            raise HourbellError(
                f"{path}: {name!r} must be a name with an e-mail address beside it, or under it some of email, "
                f"{' and '.join(CHATS)}."
            )
        found[name] = Person(reads)
        if EMAIL in reads:
            try:
                validate_email(reads[EMAIL], check_deliverability=False, test_environment=True)
            except EmailNotValidError as error:
                raise HourbellError(f"{path}: {name} has no e-mail address: {error}") from error
        for chat in CHATS:
            if chat in reads and not reads[chat].isidentifier():
                # where it would be an address, a secret would stand in a file that everybody reads
                raise HourbellError(
                    f"{path}: what {name} reads in {chat} must be the plain name of a webhook; its address is a "
                    "secret, and goes into HOURBELL_TOKEN_<NAME>."
                )
    return found


def read_on(people: Mapping[str, Person], channel: str, person: object) -> str:
    """Where somebody reads on a channel; raises UnsendableError where nobody of that name does."""
    known = people.get(person) if isinstance(person, str) else None
    if known is None:
        raise UnsendableError(f"{FILE} names nobody {person!r}")
    if channel not in known.reads:
        raise UnsendableError(f"{FILE} says of {person} nothing of {channel}, only {', '.join(known.reads)}")
    return known.reads[channel]


def mail_addresses(people: Mapping[str, Person]) -> dict[str, str]:
    """The e-mail addresses of those who have one, by name; CRMs know their owners by them."""
    return {name: person.reads[EMAIL] for name, person in people.items() if EMAIL in person.reads}
