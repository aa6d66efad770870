"""Identity resolution the slow, obvious way: row by row, in the order of time."""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

SEEDS = Path(__file__).parents[2] / "dbt" / "seeds"
TYPES = ("user_id", "email", "phone", "anonymous_id")


@dataclass(frozen=True)
class Row:
    """A row that names somebody: the table and key it stands under there, its identifiers by type, its effective_at."""

    table: str
    key: str
    identifiers: Mapping[str, str]
    at: datetime


@dataclass
class Resolution:
    """Who is who: (identifier, contact, valid_from), (contact, into, merged_at), and the contact of each row's key."""

    versions: set[tuple[int, int, datetime]] = field(default_factory=set)
    merges: set[tuple[int, int, datetime]] = field(default_factory=set)
    contact_of_row: dict[str, int | None] = field(default_factory=dict)
    rejected: set[tuple[int, int, str]] = field(default_factory=set)


def stable_hash(*parts: object) -> int:
    """The macro of the same name."""
    return int(hashlib.md5("|".join(str(part) for part in parts).encode()).hexdigest()[:15], 16)


def _seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def _treatment(kind: str, value: str) -> str | None:
    local, _, domain = value.lower().partition("@")
    compared = {"value": value.lower()}
    if kind == "email":
        compared |= {"local part": local.split("+")[0], "domain": domain}
    found = {
        row["treatment"]
        for row in _seed("identity_guarded_identifiers")
        if row["identifier_type"] == kind and compared.get(row["matches"]) == row["value"]
    }
    return "ignored" if "ignored" in found else next(iter(found), None)


def _by_strength(row: Row) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The row's identifiers that count, strongest first, and those among them that may link."""
    counting, linking = [], []
    for kind in TYPES:
        value = row.identifiers.get(kind, "").strip()
        value = value.lower() if kind == "email" else value
        treatment = _treatment(kind, value) if value else "ignored"
        if treatment != "ignored":
            counting.append((kind, value))
        if treatment is None:
            linking.append((kind, value))
    return counting, linking


def resolve(rows: Iterable[Row]) -> Resolution:
    """Everything that the models must say of these rows."""
    limits = {
        (row["identifier_type"], row["linked_type"]): (int(row["max_links"]), row["reason"])
        for row in _seed("identity_link_limits")
    }
    unlimited = (1 << 62, "")
    resolution = Resolution()
    group: dict[int, set[int]] = {}
    born: dict[int, datetime] = {}
    contact: dict[int, int] = {}
    founders: set[int] = set()
    linked: set[tuple[int, int]] = set()
    links_of: Counter[tuple[int, str]] = Counter()

    def senior(members: set[int]) -> int:
        return min(members, key=lambda member: (born[member], member))

    for at, simultaneous in groupby(sorted(rows, key=lambda row: row.at), key=lambda row: row.at):
        anchors: dict[str, int] = {}
        pairs = {}
        for row in simultaneous:
            counting, linking = _by_strength(row)
            for kind, value in counting:
                identifier = stable_hash(kind, value)
                born.setdefault(identifier, at)
                group.setdefault(identifier, {identifier})
            if not counting:
                resolution.contact_of_row[row.key] = None
                continue
            anchor = (linking or counting)[0]
            anchors[row.key] = stable_hash(*anchor)
            for other in linking[1:]:
                pairs[stable_hash(*anchor), stable_hash(*other)] = (anchor[0], other[0])
        for stronger, weaker in sorted(pairs.keys() - linked, key=lambda pair: stable_hash(*pair)):
            stronger_type, weaker_type = pairs[stronger, weaker]
            linked.add((stronger, weaker))
            links_of[weaker, stronger_type] += 1
            links_of[stronger, weaker_type] += 1
            most_of_weaker, why_weaker = limits.get((weaker_type, stronger_type), unlimited)
            most_of_stronger, why_stronger = limits.get((stronger_type, weaker_type), unlimited)
            if links_of[weaker, stronger_type] > most_of_weaker:
                resolution.rejected.add((stronger, weaker, why_weaker))
            elif links_of[stronger, weaker_type] > most_of_stronger:
                resolution.rejected.add((stronger, weaker, why_stronger))
            else:
                together = group[stronger] | group[weaker]
                for member in together:
                    group[member] = together
        for identifier, members in group.items():
            now = senior(members)
            if contact.get(identifier) != now:
                if identifier not in contact and now == identifier:
                    founders.add(identifier)
                elif identifier in founders:
                    resolution.merges.add((identifier, now, at))
                contact[identifier] = now
                resolution.versions.add((identifier, now, at))
        for key, identifier in anchors.items():
            resolution.contact_of_row[key] = contact[identifier]
    return resolution


def reference(history: list[Row]) -> Resolution:
    """What the models must have written of a history: rows without anybody are kept of orders only."""
    answer = resolve(history)
    table = {row.key: row.table for row in history}
    answer.contact_of_row = {
        key: contact for key, contact in answer.contact_of_row.items() if contact is not None or table[key] == "orders"
    }
    return answer


def pairs_within(groups: Iterable[Iterable[str]]) -> set[tuple[str, str]]:
    """Every pair that shares a group, each once."""
    return {(left, right) for members in groups for left in set(members) for right in set(members) if left < right}


def grouped(contact_of: Mapping[str, int]) -> Iterable[list[str]]:
    """Those that have the same contact, together."""
    groups = defaultdict(list)
    for name, contact in contact_of.items():
        groups[contact].append(name)
    return groups.values()
