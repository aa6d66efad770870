"""Where rows are dropped for partners: drops.yml beside the templates names the places."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from activations.errors import HourbellError
from activations.settings.endpoints import fault_of_url
from activations.settings.settings_file import read_settings

FILE = "drops.yml"
FORMATS = ("csv", "parquet")
ACTION_ID = "action_id"
ADDRESS = ("name", "street_address", "city", "postal_code", "country_area", "country_code")
"""The columns of a postal address."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]*")
_REGION = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True)
class Drop:
    """A place that takes files of rows."""

    name: str
    url: str
    """file:///… or s3://bucket/prefix."""
    format: str
    columns: tuple[str, ...]
    """Beside the action's id and, in direct mail, the postal address."""
    region: str = ""
    endpoint: str = ""
    """Of a store that speaks S3 and is not Amazon's."""

    @property
    def is_bucket(self) -> bool:
        return self.url.startswith("s3://")


def read_drops(templates: Path) -> dict[str, Drop]:
    """The drops by name; none where there is no drops.yml. Raises HourbellError naming what is wrong."""
    path = templates / FILE
    stated = read_settings(path, "holds no drops. Give each a name, and under it url, format and columns.")
    found = {}
    for name, given in stated.items():
        if not isinstance(name, str) or not name.isidentifier() or not isinstance(given, dict):
            raise HourbellError(f"{path}: {name!r} must be a plain name with url, format and columns under it.")
        if fault := _fault(given):
            raise HourbellError(f"{path}: {name} {fault}")
        found[name] = Drop(name, **{**given, "columns": tuple(given["columns"])})
    return found


def _fault(given: dict[str, object]) -> str | None:
    columns, url, region = given.get("columns"), given.get("url"), given.get("region", "")
    if not {"url", "format", "columns"} <= given.keys() <= {"url", "format", "columns", "region", "endpoint"}:
        return "must have url, format and columns, and perhaps region and endpoint; nothing else."
    if given["format"] not in FORMATS:
        return f"must have {' or '.join(FORMATS)} as its format."
    if not isinstance(columns, list) or not all(isinstance(each, str) and each.isidentifier() for each in columns):
        return "must have a list of plain names as its columns."
    if taken := sorted({ACTION_ID, *ADDRESS} & set(columns)) or len(set(columns)) < len(columns):
        return f"has columns that are there already: {taken}."
    parts = urlsplit(str(url))
    if parts.scheme == "file" and not parts.netloc and Path(parts.path).is_absolute():
        return "goes to a folder, which has no region and endpoint." if {"region", "endpoint"} & given.keys() else None
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(parts.path):
        return "must have a url such as file:///srv/letters or s3://bucket/folder."
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        return "goes to a bucket, and must have its region."
    if "endpoint" in given and fault_of_url(str(given["endpoint"])):
        return f"has an endpoint that {fault_of_url(str(given['endpoint']))}"
    return None
