"""Parts of templates that are fields in YAML, such as the title and the body of a message in an app."""

import re
from datetime import timedelta
from pathlib import Path

import yaml

from activations.channels.face import UnsendableError

_PERIOD = re.compile(r"(\d{1,4}) (hour|day)s?")


def read_fields(path: Path) -> dict[str, str]:
    """The texts of a part by name; those of a group have its name before theirs, as in `content.headline`.

    Raises OSError where it cannot be read, UnsendableError where it holds anything but texts and groups of them.
    """
    named = f"template {path.parent.name}: {path.name}"
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UnsendableError(f"{named} is not valid YAML") from error
    if not isinstance(stated, dict):
        raise UnsendableError(f"{named} holds no fields")
    found: dict[str, str] = {}
    for name, value in stated.items():
        group = {f"{name}.{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
        for key, each in group.items():
            if isinstance(each, (dict, list)) or each is None:
                raise UnsendableError(f"{named}: {key} must be a text")
            found[str(key)] = str(each)
    return found


def period(stated: str) -> timedelta:
    """A period such as `12 hours` or `7 days`; raises UnsendableError."""
    found = _PERIOD.fullmatch(stated.strip())
    if found is None:
        raise UnsendableError(f"{stated!r} is no period such as 12 hours or 7 days")
    return timedelta(**{f"{found[2]}s": int(found[1])})
