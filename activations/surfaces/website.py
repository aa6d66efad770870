"""The slots of the website: website.yml beside the templates names them, and what each shows by default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "website.yml"
_MEND = "holds no slots. Give it `slots`: each a name, and under it what it shows to everybody else."


@dataclass(frozen=True)
class Website:
    """What there is to decide about, and who may ask."""

    slots: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By name, what each shows by default."""
    origins: tuple[str, ...] = ()
    """Whose pages may ask beside the shop's own, as in https://www.shop.example."""


def read_website(templates: Path) -> Website:
    """The slots of website.yml; none where there is no such file. Raises HourbellError naming what is wrong."""
    path = templates / FILE
    stated = read_settings(path, _MEND)
    slots, origins = stated.get("slots") or {}, stated.get("origins") or []
    if not isinstance(slots, dict) or stated.keys() - {"slots", "origins"}:
        raise HourbellError(f"{path} {_MEND}")
    for name, default in slots.items():
        is_flat = isinstance(default, dict) and all(isinstance(text, str) for text in default.values())
        if not isinstance(name, str) or not name.isidentifier() or not is_flat:
            raise HourbellError(f"{path}: the slot {name!r} must be a plain name with texts under it.")
    if not isinstance(origins, list) or not all(isinstance(origin, str) and _is_origin(origin) for origin in origins):
        raise HourbellError(f"{path}: `origins` must be a list such as [https://www.shop.example].")
    return Website(slots, tuple(origins))


def _is_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme == "https" and bool(parts.hostname) and origin == f"https://{parts.netloc}"
    except ValueError:
        return False
