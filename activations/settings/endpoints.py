"""Where calls go: files beside the templates name the endpoints, the environment has their secrets."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "webhooks.yml"
LARGEST_BATCH = 250
"""As many as a receiver can be expected to take at once."""


@dataclass(frozen=True)
class Endpoint:
    """A receiver of calls."""

    name: str
    url: str
    batch: int = 1
    """How many webhooks a call carries at most; more than one go as a JSON array, and each has its `id` in it."""


def read_endpoints(templates: Path) -> dict[str, Endpoint]:
    """The endpoints of webhooks by name; none where there is no file. Raises HourbellError naming what is wrong."""
    path = templates / FILE
    endpoints = read_settings(path, "holds no endpoints. Give each a name, and under it its `url`.")
    found = {}
    for name, given in endpoints.items():
        stated = given if isinstance(given, dict) else {}
        url = stated.get("url")
        is_known = {"url"} <= stated.keys() <= {"url", "batch"}
        if not isinstance(name, str) or not name.isidentifier() or not isinstance(url, str) or not is_known:
            raise HourbellError(
                f"{path}: {name!r} must be a plain name with `url`, perhaps `batch`, and nothing else under it."
            )
        batch = stated.get("batch", 1)
        if type(batch) is not int or not 1 <= batch <= LARGEST_BATCH:
            raise HourbellError(f"{path}: `batch` of {name} must be a whole number from 1 to {LARGEST_BATCH}.")
        fault = fault_of_url(url)
        if fault is not None:
            raise HourbellError(f"{path}: the url of {name} {fault}")
        found[name] = Endpoint(name, url, batch)
    return found


def fault_of_url(url: str) -> str | None:
    """What is wrong with an address to call; None where nothing is."""
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
