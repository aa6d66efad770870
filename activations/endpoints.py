"""Where calls go: files beside the templates name the endpoints, the environment has their secrets."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import yaml

from activations.errors import HourbellError

FILE = "webhooks.yml"


@dataclass(frozen=True)
class Endpoint:
    """A receiver of calls."""

    name: str
    url: str
    settings: Mapping[str, str] = field(default_factory=dict)


def read_endpoints(
    templates: Path, file: str = FILE, settings: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, Endpoint]:
    """The endpoints of a file by name; none where there is no such file. Raises HourbellError naming what is wrong.

    `settings` are those that an endpoint needs beside its url, each with what it may be.
    """
    path = templates / file
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
    needed = " and ".join(f"`{key}`" for key in ("url", *settings))
    for name, given in stated.items():
        url = given.get("url") if isinstance(given, dict) and given.keys() == {"url", *settings} else None
        if not isinstance(name, str) or not name.isidentifier() or not isinstance(url, str):
            raise HourbellError(f"{path}: {name!r} must be a plain name with {needed} and nothing else under it.")
        for key, values in settings.items():
            if given[key] not in values:
                raise HourbellError(f"{path}: the {key} of {name} must be {' or '.join(values)}.")
        fault = _fault(url)
        if fault is not None:
            raise HourbellError(f"{path}: the url of {name} {fault}")
        found[name] = Endpoint(name, url, {key: given[key] for key in settings})
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
