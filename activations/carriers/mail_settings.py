"""What a provider has to know beside its secret, as mail.yml beside the templates states it."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "mail.yml"


def read_mail_settings(
    templates: Path,
    provider: str,
    needed: Mapping[str, tuple[str, str]],
    optional: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> dict[str, str]:
    """The settings of one provider; raises HourbellError naming what is wrong.

    Each is needed or optional, with the pattern that it must match and how that is said.
    """
    path = templates / FILE
    told = " and ".join(f"`{name}`" for name in needed)
    stated = read_settings(path, f"must have `{provider}`, and under it {told}.").get(provider)
    if not isinstance(stated, dict) or not needed.keys() <= stated.keys() <= needed.keys() | optional.keys():
        perhaps = "".join(f", perhaps `{name}`," for name in optional)
        raise HourbellError(
            f"{path} must have `{provider}` with {told}{perhaps} and nothing else under it, for e-mail to go out by it."
        )
    for name, value in stated.items():
        pattern, form = {**needed, **optional}[name]
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise HourbellError(f"{path}: `{name}` of {provider} must be {form}.")
    return dict(stated)
