"""The shop that writes: its name and addresses, as shop.yml beside the templates states them."""

import re
from dataclasses import MISSING, dataclass, fields
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import yaml
from email_validator import EmailNotValidError, validate_email

from activations.errors import HourbellError
from activations.yaml_files import read_yaml

FILE = "shop.yml"
_UTM = (("utm_source", "hourbell"), ("utm_medium", "email"))
_TRACKED = frozenset({"opens", "clicks", "texts", "transactional"})
# what templates are not to know
_SETTINGS = frozenset({"utm", "track", "short_url"})
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
EXAMPLES = (".example", ".test", ".invalid", "example.com", "example.org", "example.net")


@dataclass(frozen=True)
class Shop:
    """Who writes. Templates know it as `shop`."""

    name: str
    address: str
    """The postal address, which every promotional message must show."""
    url: str
    sender: str
    """The address that mail comes from."""
    unsubscribe_url: str
    preferences_url: str
    tracking_url: str
    """Where the collector is reached: pictures that tell of opens, and links that tell of clicks, begin with it."""
    currency: str
    locale: str = "en-GB"
    """In which templates are written that do not say it in their name."""
    utm: tuple[tuple[str, str], ...] | None = _UTM
    """Parameters of links to the shop's own site; None adds none."""
    track: frozenset[str] = frozenset({"opens", "clicks"})
    """What is followed up; of transactional messages only where it says `transactional`. `texts` are the clicks in
    what has no room for long links: text messages, WhatsApp and notifications."""
    short_url: str = ""
    """Where links in texts begin, if a shorter domain than that of tracking_url leads to the collector."""

    def as_fields(self) -> dict[str, str]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _SETTINGS}

    @property
    def is_example(self) -> bool:
        """Whether it still is the one that comes with the checkout."""
        return self.sender.endswith(EXAMPLES)


def read_shop(templates: Path) -> Shop:
    """Read shop.yml in the templates' folder; raises HourbellError naming what is wrong in it."""
    path = templates / FILE
    try:
        stated = read_yaml(path)
    except OSError as error:
        raise HourbellError(f"{path} cannot be read: {error.strerror}. It says who writes; put it there.") from error
    except yaml.YAMLError as error:
        raise HourbellError(f"{path} is not valid YAML: {error}") from error
    names = [field.name for field in fields(Shop) if field.name not in _SETTINGS]
    needed = [field.name for field in fields(Shop) if field.default is MISSING]
    if not isinstance(stated, dict):
        raise HourbellError(f"{path} holds no settings. Give it {', '.join(needed)}.")
    for name in (*needed, *(name for name in names if name in stated and name not in needed)):
        value = stated.get(name)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise HourbellError(f"{path} needs `{name}` as one line of text.")
    if unknown := stated.keys() - {*names, *_SETTINGS}:
        raise HourbellError(f"{path} has settings that nothing reads: {', '.join(sorted(unknown))}. Remove them.")
    shop = Shop(**{**stated, **_settings(path, stated)})
    try:
        validate_email(shop.sender, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise HourbellError(f"{path}: `sender` is no e-mail address: {error}") from error
    if parseaddr(shop.sender)[1] != shop.sender:
        raise HourbellError(f"{path}: `sender` is the bare address; the name before it is `name`.")
    for link in ("url", "unsubscribe_url", "preferences_url", "tracking_url"):
        if not stated[link].startswith("https://"):
            raise HourbellError(f"{path}: `{link}` must begin with https://")
    if not _LOCALE.fullmatch(shop.locale):
        raise HourbellError(f"{path}: `locale` must be a language, with a territory or without: en, en-GB.")
    return shop


def _settings(path: Path, stated: dict[str, Any]) -> dict[str, Any]:
    """What is done to links, as far as it is stated."""
    found: dict[str, Any] = {}
    if "utm" in stated:
        utm = stated["utm"]
        if utm is not False and not (isinstance(utm, dict) and all(_is_parameter(*pair) for pair in utm.items())):
            raise HourbellError(f"{path}: `utm` must hold parameters, as in `utm_source: newsletter`, or be false.")
        found["utm"] = None if utm is False else tuple(dict(_UTM, **utm).items())
    if "track" in stated:
        track = stated["track"] or []
        if not isinstance(track, list) or not all(isinstance(one, str) and one in _TRACKED for one in track):
            raise HourbellError(f"{path}: `track` must be a list of {', '.join(sorted(_TRACKED))}, or empty.")
        found["track"] = frozenset(track)
    if "short_url" in stated:
        if not isinstance(stated["short_url"], str) or not stated["short_url"].startswith("https://"):
            raise HourbellError(f"{path}: `short_url` must begin with https://")
        found["short_url"] = stated["short_url"]
    return found


def _is_parameter(name: object, value: object) -> bool:
    return isinstance(name, str) and bool(re.fullmatch(r"utm_\w+", name)) and isinstance(value, str) and bool(value)
