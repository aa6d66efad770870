"""Where calls go: files beside the templates name the endpoints, the environment has their secrets."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from activations.errors import HourbellError
from activations.settings_file import read_settings

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
    settings: Mapping[str, str] = field(default_factory=dict)


def read_endpoints(
    templates: Path, file: str = FILE, settings: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, Endpoint]:
    """The endpoints of a file by name; none where there is no such file. Raises HourbellError naming what is wrong.

    `settings` are those that an endpoint needs beside its url, each with what it may be.
    """
    path = templates / file
    endpoints = read_settings(path, "holds no endpoints. Give each a name, and under it its `url`.")
    found = {}
    needed = {"url", *settings}
    told = " and ".join(f"`{key}`" for key in ("url", *settings))
    # only webhooks say how many of them may share a call
    may_have = set() if settings else {"batch"}
    for name, given in endpoints.items():
        stated = given if isinstance(given, dict) else {}
        url = stated.get("url")
        is_known = needed <= stated.keys() <= needed | may_have
        if not isinstance(name, str) or not name.isidentifier() or not isinstance(url, str) or not is_known:
            perhaps = "".join(f", perhaps `{key}`," for key in may_have)
            raise HourbellError(
                f"{path}: {name!r} must be a plain name with {told}{perhaps} and nothing else under it."
            )
        for key, values in settings.items():
            if stated[key] not in values:
                raise HourbellError(f"{path}: the {key} of {name} must be {' or '.join(values)}.")
        batch = stated.get("batch", 1)
        if type(batch) is not int or not 1 <= batch <= LARGEST_BATCH:
            raise HourbellError(f"{path}: `batch` of {name} must be a whole number from 1 to {LARGEST_BATCH}.")
        fault = _fault(url)
        if fault is not None:
            raise HourbellError(f"{path}: the url of {name} {fault}")
        found[name] = Endpoint(name, url, batch, {key: stated[key] for key in settings})
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
