"""Where webhooks go: `webhooks.yml` beside the templates names them, the environment has their secrets."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from activations.errors import HourbellError

FILE = "webhooks.yml"


@dataclass(frozen=True)
class Endpoint:
    """A receiver of webhooks."""

    name: str
    url: str


def read_endpoints(templates: Path) -> dict[str, Endpoint]:
    """The endpoints by name; none where there is no webhooks.yml. Raises HourbellError naming what is wrong in it."""
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
        raise HourbellError(f"{path} holds no endpoints. Give each a name, and under it its `url`.")
    found = {}
    for name, settings in stated.items():
        url = settings.get("url") if isinstance(settings, dict) and settings.keys() == {"url"} else None
        if not isinstance(name, str) or not name.isidentifier() or not isinstance(url, str):
            raise HourbellError(f"{path}: {name!r} must be a plain name with `url` and nothing else under it.")
        fault = _fault(url)
        if fault is not None:
            raise HourbellError(f"{path}: the url of {name} {fault}")
        found[name] = Endpoint(name, url)
    return found


def _fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address."
    if parts.scheme != "https" or not host:
        return "must begin with https:// and name a host."
    if parts.username is not None or parts.password is not None:
        return "must not carry a user name or a password."
    if not url.isprintable() or " " in url or "\\" in url:
        return "has characters that no address has."
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return "must name a host, not an IP address."
