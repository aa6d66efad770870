"""Whom workflows may notify: `people.yml` beside the templates has the colleagues' addresses."""

from pathlib import Path

from email_validator import EmailNotValidError, validate_email

from activations.errors import HourbellError
from activations.settings_file import read_settings

FILE = "people.yml"


def read_people(templates: Path) -> dict[str, str]:
    """The e-mail addresses by name; none where there is no people.yml. Raises HourbellError saying what is wrong."""
    path = templates / FILE
    stated = read_settings(path, "holds no people. Give each a name, and beside it the e-mail address.")
    for name, address in stated.items():
        if not isinstance(name, str) or not isinstance(address, str):
            raise HourbellError(f"{path}: {name!r} must be a name with an e-mail address beside it.")
        try:
            validate_email(address, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise HourbellError(f"{path}: {name} has no e-mail address: {error}") from error
    return stated
