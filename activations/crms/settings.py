"""The CRMs that workflows tell of contacts: crm.yml beside the templates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from activations.errors import HourbellError
from activations.settings.endpoints import fault_of_url
from activations.settings.settings_file import read_settings

FILE = "crm.yml"
PLATFORMS = ("hubspot", "salesforce")
KNOWN_BY = ("email", "phone", "user_id")
OBJECTS = ("Contact", "Lead")
_SALESFORCE = {"url", "client", "object"}
_PERHAPS = {"lists", "pull", "deals"}
EVENTS, ORDERS = DEALS = ("events", "orders")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True)
class CrmSetting:
    """One account of a CRM."""

    name: str
    platform: str
    id_property: str
    """The property by whose values the CRM tells contacts apart."""
    known_by: str
    """The contact's identifier that stands in it."""
    url: str = ""
    client: str = ""
    object: str = "Contact"
    lists: Mapping[str, str] = field(default_factory=dict)
    """Their ids of lists or campaigns, by the name that workflows use."""
    pull: Mapping[str, str] = field(default_factory=dict)
    """Their properties, by the column or property of ours that each becomes."""
    deals: str | None = None
    """As what deals come to us: as events, or those that are won as orders, too; None leaves them there."""


def read_crms(templates: Path) -> dict[str, CrmSetting]:
    """The CRMs by name; none where there is no crm.yml. Raises HourbellError naming what is wrong."""
    path = templates / FILE
    stated = read_settings(path, "holds no CRMs. Give each a name, and under it its `platform`.")
    return {name: _read(path, name, given) for name, given in stated.items()}


def _read(path: Path, name: object, given: object) -> CrmSetting:
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(given, dict):
        raise HourbellError(f"{path}: {name!r} must be a plain name with settings under it.")
    if given.get("platform") not in PLATFORMS:
        raise HourbellError(f"{path}: the platform of {name} must be {' or '.join(PLATFORMS)}.")
    needed = {"platform", "id_property", "known_by", *(_SALESFORCE if given["platform"] == "salesforce" else ())}
    if not needed <= given.keys() <= needed | _PERHAPS:
        told = ", ".join(f"`{key}`" for key in sorted(needed))
        raise HourbellError(f"{path}: {name} must hold {told}, perhaps `lists`, `pull` and `deals`, and nothing else.")
    if given["known_by"] not in KNOWN_BY:
        raise HourbellError(f"{path}: known_by of {name} must be {' or '.join(KNOWN_BY)}.")
    if given.get("object", OBJECTS[0]) not in OBJECTS:
        raise HourbellError(f"{path}: the object of {name} must be {' or '.join(OBJECTS)}.")
    deals = given.get("deals")
    if deals is not None and (deals not in DEALS or given.get("object") == OBJECTS[1]):
        raise HourbellError(f"{path}: `deals` of {name} must be {' or '.join(DEALS)}, and a Lead has none.")
    lists, pull = given.get("lists") or {}, given.get("pull") or {}
    for what, said in (("lists", lists), ("pull", pull)):
        if not isinstance(said, dict) or not all(isinstance(part, str) for pair in said.items() for part in pair):
            raise HourbellError(f"{path}: `{what}` of {name} must hold names with a text beside each, ids in quotes.")
    for what in (str(given["id_property"]), *pull.values()):
        if not _PROPERTY.fullmatch(what):
            raise HourbellError(f"{path}: {what!r} of {name} is no name of a property.")
    if not all(number.isalnum() and number.isascii() for number in lists.values()):
        raise HourbellError(f"{path}: `lists` of {name} must name ids of letters and digits.")
    if "url" in given and (fault := fault_of_url(str(given["url"]))) is not None:
        raise HourbellError(f"{path}: the url of {name} {fault}")
    settings = {key: str(value) for key, value in given.items() if key not in _PERHAPS}
    return CrmSetting(name=name, lists=lists, pull=pull, deals=deals, **settings)
