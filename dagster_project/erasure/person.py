"""Who is to be erased: all that one person is known by, and the ids under which the warehouse has them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from activations.durable import write_whole
from activations.erasure.suppression import NOBODY, NUMBER, Suppression, contact_id_of
from activations.errors import HourbellError
from dagster_project.erasure.rows import IDENTIFIERS
from dagster_project.landing.addresses import normal_email, normal_phone
from dagster_project.landing.sources import quoted

CONTACT_COLUMNS = (
    "contact_id", "into_contact_id", "merged_into_contact_id", "identifier_id", "stronger_id", "weaker_id",
)  # fmt: skip
DERIVED_COLUMNS = ("enrollment_id", "action_id", "touch_id", "statement_id", "link_id")
"""Ids that are worked out from a contact's, and so would lead back to them."""
_NAMES = ("first_name", "last_name", "user_id", "email", "phone", "anonymous_id")
_PLAN = "unfinished.json"


@dataclass(frozen=True)
class Person:
    """A person to erase. Kept on disk, in the clear, until all of it is done."""

    asked: str
    pseudonym: str
    """The user_id that stands for them from now on."""
    contact_id: int | None
    identifiers: Sequence[tuple[str, str]]
    """By type: all that led to them."""
    others: Sequence[str]
    """The user_ids of other contacts that share an address with them."""
    ids: Sequence[int]
    """Of contacts, enrollments, actions."""
    words: Sequence[str]
    """What they are called."""
    at: str

    def renamed(self, suppression: Suppression) -> dict[int, int]:
        """Each id and the one that stands for it; the contact's is that which their pseudonym gives."""
        renamed = {old: suppression.new_id(old) for old in self.ids}
        if self.contact_id is not None:
            renamed[self.contact_id] = contact_id_of(self.pseudonym)
        return renamed

    def hashes(self, suppression: Suppression) -> dict[tuple[str, str], str]:
        """What is kept of them."""
        kept = {(kind, suppression.hashed(kind, value)): self.pseudonym for kind, value in self.identifiers}
        kept |= {(NUMBER, suppression.hashed(NUMBER, str(number))): self.pseudonym for number in self.ids}
        return kept | {("user_id", suppression.hashed("user_id", other)): NOBODY for other in self.others}


def find_person(connection: duckdb.DuckDBPyConnection, suppression: Suppression, asked: str, now: datetime) -> Person:
    """The person of an e-mail address, a number or a contact's id. One whom the warehouse does not know has nothing but
    what was asked for; raises HourbellError where that is nothing of the kind, or a contact that is not there."""
    kind, value = _read(asked)
    contact = _contact(connection, kind, value)
    if contact is None and kind == NUMBER:
        raise HourbellError(f"There is no contact {value}. `hourbell explain` shows the id of one.")
    identifiers = _identifiers(connection, contact) if contact is not None else {}
    if kind != NUMBER:
        identifiers.setdefault((kind, value))
    found = [(each, name) for each, name in identifiers if not name.startswith("erased-")]
    first = f"{NUMBER}|{contact}" if contact is not None else f"{kind}|{value}"
    known = [person for each in found if (person := suppression.person_of(*each))]
    ids = _ids(connection, contact, [number for number in identifiers.values() if number is not None])
    return Person(
        asked=value,
        pseudonym=known[0] if known else suppression.pseudonym("person", first),
        contact_id=contact,
        identifiers=found,
        others=_others(connection, contact, found),
        ids=ids,
        words=_words(connection, ids, found),
        at=now.isoformat(sep=" "),
    )


def plan_file(folder: Path) -> Path:
    """Where it stands who is being erased."""
    return folder / _PLAN


def write_plan(folder: Path, people: Sequence[Person]) -> None:
    """Keep who is being erased, so that it is finished whatever happens."""
    try:
        write_whole(plan_file(folder), json.dumps([asdict(person) for person in people]).encode())
        plan_file(folder).chmod(0o600)
    except OSError as error:
        raise HourbellError(f"Cannot write to {folder}: {error.strerror}. Nothing was erased yet.") from error


def read_plan(folder: Path) -> list[Person]:
    """Whom an erasure that was interrupted was about; nobody where none was."""
    path = plan_file(folder)
    if not path.exists():
        return []
    stated = json.loads(path.read_bytes())
    return [Person(**{**one, "identifiers": [tuple(each) for each in one["identifiers"]]}) for one in stated]


def remove_plan(folder: Path) -> None:
    plan_file(folder).unlink(missing_ok=True)


def tables_with(connection: duckdb.DuckDBPyConnection, columns: Iterable[str]) -> dict[str, list[str]]:
    """Tables (quoted) that have any of these columns, with those that they have."""
    rows = connection.execute(
        "select schema_name, table_name, list(column_name order by column_index) from duckdb_columns() "
        "where database_name = current_database() and table_oid in (select table_oid from duckdb_tables()) "
        "and list_contains($names, column_name) and (schema_name, table_name) in "
        "(select (schema_name, table_name) from duckdb_tables() where database_name = current_database()) "
        "group by all order by all",
        {"names": [*columns]},
    ).fetchall()
    return {f"{quoted(schema)}.{quoted(table)}": names for schema, table, names in rows}


def _read(asked: str) -> tuple[str, str]:
    asked = asked.strip()
    if "@" in asked and (email := normal_email(asked)):
        return "email", email
    if asked.startswith(("+", "00")) and (
        phone := normal_phone(asked.replace("00", "+", 1) if asked[0] == "0" else asked, None)
    ):
        return "phone", phone
    if asked.isdigit():
        return NUMBER, asked
    raise HourbellError(
        f"{asked!r} is no e-mail address, no number with its country (+44…) and no contact's id. Give one of these."
    )


def _contact(connection: duckdb.DuckDBPyConnection, kind: str, value: str) -> int | None:
    if not tables_with(connection, ["identifier_value"]):
        return None
    known_by = (
        "identifier_id = $value::bigint" if kind == NUMBER else "identifier_type = $kind and identifier_value = $value"
    )
    rows = connection.execute(
        "select arg_max(contact_id, valid_from) from contacts.identity_map where identifier_id in "
        f"(select identifier_id from contacts.identifiers where {known_by})",
        {"value": value} | ({} if kind == NUMBER else {"kind": kind}),
    ).fetchall()
    return int(rows[0][0]) if rows[0][0] is not None else None


def _identifiers(connection: duckdb.DuckDBPyConnection, contact: int) -> dict[tuple[str, str], int | None]:
    """What leads to a contact now, and the id of each."""
    rows = connection.execute(
        "select identifier_type, identifier_value, identifier_id from contacts.identifiers where identifier_id in "
        "(select identifier_id from contacts.identity_map group by identifier_id "
        "having arg_max(contact_id, valid_from) = $contact) order by all",
        {"contact": contact},
    ).fetchall()
    return {(kind, value): number for kind, value, number in rows}


def _others(
    connection: duckdb.DuckDBPyConnection, contact: int | None, identifiers: Sequence[tuple[str, str]]
) -> list[str]:
    addresses = [value for kind, value in identifiers if kind in ("email", "phone")]
    if contact is None or not addresses:
        return []
    own = {value for kind, value in identifiers if kind == "user_id"}
    found: set[str] = set()
    for table, columns in tables_with(connection, ["user_id", "email", "phone"]).items():
        if "user_id" not in columns or not table.startswith('"raw".'):
            continue
        same = " or ".join(f"list_contains($addresses, {name})" for name in columns if name != "user_id")
        rows = connection.execute(
            f"select distinct user_id from {table} where user_id is not null and ({same}) and user_id in "
            "(select identifier_value from contacts.identifiers where identifier_type = 'user_id')",
            {"addresses": addresses},
        ).fetchall()
        found |= {user_id for (user_id,) in rows}
    return sorted(found - own)


def _ids(connection: duckdb.DuckDBPyConnection, contact: int | None, identifiers: Sequence[int]) -> list[int]:
    """Every id that is worked out from the person's own."""
    if contact is None:
        return []
    mine = sorted({contact, *identifiers})
    found = set(mine)
    for table, columns in tables_with(connection, [*CONTACT_COLUMNS, *DERIVED_COLUMNS]).items():
        contacts = [name for name in columns if name in CONTACT_COLUMNS]
        derived = [name for name in columns if name in DERIVED_COLUMNS]
        if contacts and derived:
            is_mine = " or ".join(f"list_contains($mine, {name})" for name in contacts)
            rows = connection.execute(
                f"select distinct unnest([{', '.join(derived)}]) from {table} where {is_mine}", {"mine": mine}
            ).fetchall()
            found |= {number for (number,) in rows if number is not None}
    return sorted(found)


def _words(
    connection: duckdb.DuckDBPyConnection, ids: Sequence[int], identifiers: Sequence[tuple[str, str]]
) -> list[str]:
    """What the person is called anywhere, however it was written."""
    words = {value for kind, value in identifiers if kind in IDENTIFIERS}
    for table, columns in tables_with(connection, ["contact_id", *_NAMES]).items():
        names = [name for name in columns if name in _NAMES]
        if "contact_id" in columns and names:
            rows = connection.execute(
                f"select distinct unnest([{', '.join(f'{name}::varchar' for name in names)}]) from {table} "
                "where list_contains($ids, contact_id)",
                {"ids": [*ids]},
            ).fetchall()
            words |= {word for (word,) in rows if word}
    return sorted(words)
