"""Whom workflows may notify: `people.yml` beside the templates has the colleagues' addresses."""

from pathlib import Path

import yaml
from email_validator import EmailNotValidError, validate_email

from activations.errors import HourbellError

FILE = "people.yml"


def read_people(templates: Path) -> dict[str, str]:
    """The e-mail addresses by name; none where there is no people.yml. Raises HourbellError saying what is wrong."""
    path = templates / FILE
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HourbellError(f"{path} cannot be read: {error.strerror}. Give yourself rights to it.") from error
    except yaml.YAMLError as error:
        raise HourbellError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(stated, dict):
        raise HourbellError(f"{path} holds no people. Give each a name, and beside it the e-mail address.")
    for name, address in stated.items():
        if not isinstance(name, str) or not isinstance(address, str):
            raise HourbellError(f"{path}: {name!r} must be a name with an e-mail address beside it.")
        try:
            validate_email(address, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise HourbellError(f"{path}: {name} has no e-mail address: {error}") from error
    return stated
