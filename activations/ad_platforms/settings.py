"""The audiences of ad platforms: audiences.yml beside the templates."""

from dataclasses import dataclass
from pathlib import Path

from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "audiences.yml"
_NEEDED = {"meta": {"audience"}, "google": {"audience", "account"}}
_PERHAPS = {"meta": set[str](), "google": {"login_account"}}


@dataclass(frozen=True)
class AudienceSetting:
    """One audience that contacts join and leave; all ids are the platform's."""

    name: str
    platform: str
    audience: str
    account: str = ""
    login_account: str = ""


def read_audiences(templates: Path) -> dict[str, AudienceSetting]:
    """The audiences by name; none where there is no audiences.yml. Raises HourbellError naming what is wrong."""
    path = templates / FILE
    stated = read_settings(path, "holds no audiences. Give each a name, and under it its `platform`.")
    return {name: _read(path, name, given) for name, given in stated.items()}


def _read(path: Path, name: object, given: object) -> AudienceSetting:
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(given, dict):
        raise HourbellError(f"{path}: {name!r} must be a plain name with settings under it.")
    platform = given.get("platform")
    if platform not in _NEEDED:
        raise HourbellError(f"{path}: the platform of {name} must be {' or '.join(_NEEDED)}.")
    needed = {"platform", *_NEEDED[platform]}
    if not needed <= given.keys() <= needed | _PERHAPS[platform]:
        told = ", ".join(f"`{key}`" for key in sorted(needed | _PERHAPS[platform]))
        raise HourbellError(f"{path}: {name} must hold nothing but {told}.")
    for key, value in given.items():
        if key != "platform" and not (isinstance(value, str) and value.isascii() and value.isdecimal()):
            raise HourbellError(f"{path}: {key} of {name} must be a number in quotes.")
    return AudienceSetting(name=name, **given)
