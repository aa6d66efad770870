"""The warehouse without a person: their rows stay and say nothing of them, and the file is written anew."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from activations.erasure.anonymising import Anonymiser
from activations.errors import HourbellError
from dagster_project.erasure.person import CONTACT_COLUMNS, DERIVED_COLUMNS, Person
from dagster_project.erasure.rows import CHANGED, PERSON, PERSONAL, anonymising, anonymous_rows, concerns
from dagster_project.home import Home
from dagster_project.landing.sources import quoted, quoted_text
from dagster_project.warehouse import open_warehouse
from data.contract import FAULTS, tables

_IDS = (*CONTACT_COLUMNS, *DERIVED_COLUMNS)
_EMPTIED = PERSONAL | {"next_birthday", "address", "profile"}
_JSON = frozenset({"properties", "context", "carried", "details", "row_json"})
# what the engine says, and never a person
_PLAIN = frozenset({
    "assignment", "branch", "cart_id", "channel", "conversion_id", "country", "currency", "definition_version", "event",
    "gate", "identifier_type", "if_held", "kind", "landing_file", "locale", "order_id", "outcome", "product_id", "rule",
    "signal", "source", "status", "step", "stronger_type", "template", "timezone", "topic", "topic_kind", "type",
    "variant", "weaker_type", "workflow", "workflow_state",
})  # fmt: skip
# what has landed is erased by another rule, and seeds hold nobody
_OTHERS = ('"raw".', '"staging".', '"configuration".')
_REWRITTEN = "rewritten"


def erase_in_warehouse(home: Home, people: Sequence[Person], anonymiser: Anonymiser) -> None:
    """Take people out of every table, all at once or not at all; nothing is left of them but in pages of the file."""
    renamed = [
        (old, new, person.pseudonym) for person in people for old, new in person.renamed(anonymiser.suppression).items()
    ]
    with open_warehouse(home) as connection, anonymising(connection, anonymiser):
        connection.execute("create or replace temp table renamed (old bigint, new bigint, person varchar)")
        if renamed:
            connection.executemany("insert into temp.renamed values (?, ?, ?)", renamed)
        connection.begin()
        try:
            _erase_landed(connection, anonymiser)
            _rename_values(connection, people, anonymiser)
            for table, columns in _tables(connection):
                if not table.startswith(_OTHERS):
                    _erase_table(connection, table, columns, has_ids=bool(renamed))
            _rename_contacts(connection, people, anonymiser)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        connection.execute("checkpoint")


def compact(home: Home) -> None:
    """Write the warehouse's file anew: what was overwritten or deleted still stands in its free pages."""
    new = home.warehouse.with_name(f".{home.warehouse.name}.{_REWRITTEN}")
    _remove(new)
    try:
        with open_warehouse(home) as connection:
            name = connection.execute("select current_database()").fetchall()[0][0]
            connection.execute(f"attach {quoted_text(new)} as {_REWRITTEN}")
            connection.execute(f"copy from database {quoted(name)} to {_REWRITTEN}")
            connection.execute(f"checkpoint {_REWRITTEN}")
            connection.execute(f"detach {_REWRITTEN}")
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(home.warehouse)
        home.warehouse.with_name(home.warehouse.name + ".wal").unlink(missing_ok=True)
    except (OSError, duckdb.Error) as error:
        raise HourbellError(
            f"The warehouse cannot be written anew beside {home.warehouse}: {error}. Make room for a second copy, then "
            "run `hourbell erase` again: it goes on from here."
        ) from error
    finally:
        _remove(new)


def _remove(path: Path) -> None:
    for suffix in ("", ".wal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _erase_landed(connection: duckdb.DuckDBPyConnection, anonymiser: Anonymiser) -> None:
    """The rows that were taken in, and as they are staged, by the same rule as those that land."""
    known = dict(_tables(connection))
    for table in tables():
        for place in (f'"raw".{quoted(table.name)}', f'"staging".{quoted(f"stg_{table.name}")}'):
            columns = [name for name in known.get(place, {}) if name in table.column_names]
            if not columns or not concerns(table):
                continue
            listed = ", ".join(map(quoted, columns))
            relation = f"select rowid as place, null::varchar as {FAULTS}, {listed} from {place}"
            rows = anonymous_rows(connection, anonymiser.suppression, table, relation, columns)
            connection.execute(f"create or replace temp table anonymous as select * from ({rows}) where {CHANGED}")
            taken = ", ".join(f"{quoted(name)} = anonymous.{quoted(name)}" for name in columns)
            connection.execute(
                f"update {place} as landed set {taken} from temp.anonymous where landed.rowid = anonymous.place"
            )
    _erase_quarantine(connection, anonymiser)


def _erase_quarantine(connection: duckdb.DuckDBPyConnection, anonymiser: Anonymiser) -> None:
    """A row that was set aside is judged by what it names; of theirs only the reason stays."""
    for table in tables():
        names = [
            name for name in ("user_id", "email", "phone", "anonymous_id", "country") if name in table.column_names
        ]
        if not concerns(table) or not names:
            continue
        named = ", ".join(f"row_json ->> '$.{name}' as {name}" for name in names)
        relation = (
            f"select rowid as place, reason, row_json::varchar as whole, null::varchar as landing_faults, {named} "
            f"from raw.quarantine where table_name = {quoted_text(table.name)}"
        )
        rows = anonymous_rows(connection, anonymiser.suppression, table, relation, names)
        connection.execute(f"create or replace temp table anonymous as from ({rows})")
        connection.execute(
            "update raw.quarantine set row_json = case when anonymous.erased_person is not null then '{}' "
            "else erased_text(row_json::varchar) end::json, reason = case when anonymous.erased_person is not null "
            "then erased_own_text(quarantine.reason) else erased_text(quarantine.reason) end "
            f"from temp.anonymous where quarantine.rowid = anonymous.place and (anonymous.{PERSON} is not null "
            "or erased_text(row_json::varchar) <> row_json::varchar "
            "or erased_text(quarantine.reason) <> quarantine.reason)"
        )


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, Mapping[str, str]]]:
    """Every table, by its quoted name, with the types of its columns."""
    rows = connection.execute(
        "select schema_name, table_name, map_from_entries(list((column_name, data_type) order by column_index)) "
        "from duckdb_columns() where database_name = current_database() and not internal "
        "and (schema_name, table_name) in (select (schema_name, table_name) from duckdb_tables() "
        "where database_name = current_database()) group by all order by all"
    ).fetchall()
    return [(f"{quoted(schema)}.{quoted(table)}", types) for schema, table, types in rows]


def _erase_table(connection: duckdb.DuckDBPyConnection, table: str, types: Mapping[str, str], *, has_ids: bool) -> None:
    ids = [name for name in _IDS if types.get(name) == "BIGINT"]
    texts = [name for name, kind in types.items() if kind in ("VARCHAR", "JSON") and name not in _PLAIN]
    if has_ids and ids:
        if table == '"decisions"."outbox"':
            # what is there of them must not leave
            connection.execute(f"delete from {table} where contact_id in (select old from temp.renamed)")
            return
        mine = " or ".join(f"{quoted(name)} in (select old from temp.renamed)" for name in ids)
        values = {name: _renamed(name) for name in ids} | {
            name: sql
            for name, kind in types.items()
            if (sql := _without(table, name, kind, has_contact="contact_id" in types)) is not None
        }
        taken = ", ".join(f"{quoted(name)} = {sql}" for name, sql in values.items())
        connection.execute(f"update {table} set {taken} where {mine}")
    for name in texts:
        kind = types[name]
        looked = f"{quoted(name)}::varchar"
        without = f"{'erased_key' if name == 'message_id' else 'erased_text'}({looked})"
        connection.execute(
            f"update {table} set {quoted(name)} = {without}::{kind} where {quoted(name)} is not null and "
            f"regexp_matches({looked}, '@|\\+\\d|00\\d|\\d{{12}}') and {without} <> {looked}"
        )


def _without(table: str, name: str, kind: str, *, has_contact: bool) -> str | None:
    """SQL of what stands in a column of an erased person's row; None where it stays."""
    column = quoted(name)
    if name in _EMPTIED:
        return "null"
    if name == "user_id":
        person = "(select any_value(person) from temp.renamed where old = contact_id)" if has_contact else "null"
        return f"case when {column} is not null then {person} end"
    if name == "properties" and table != '"contacts"."events"':
        return "null"
    if name in _JSON:
        return f"erased_own_json({column}::varchar)::{kind}"
    if name in _PLAIN or name in ("identifier_value", "message_id"):
        return None
    if kind in ("VARCHAR", "JSON"):
        return f"erased_own_text({column}::varchar)::{kind}"
    if "VARCHAR" in kind:
        return _nested(column, kind)
    return None


def _nested(column: str, kind: str) -> str:
    if "details VARCHAR" in kind:
        return f"struct_update({column}, details := erased_own_json(({column}).details))"
    return f"cast(erased_own_text(to_json({column})::varchar)::json as {kind})"


def _renamed(name: str) -> str:
    column = quoted(name)
    return f"coalesce((select any_value(new) from temp.renamed where old = {column}), {column})"


def _rename_values(connection: duckdb.DuckDBPyConnection, people: Sequence[Person], anonymiser: Anonymiser) -> None:
    """The values by which they were known stand for nobody any more, and are still different from each other."""
    renamed = [
        (anonymiser.suppression.pseudonym(kind, value), kind, value)
        for person in people
        for kind, value in person.identifiers
    ]
    if renamed and _has_identifiers(connection):
        connection.executemany(
            "update contacts.identifiers set identifier_value = ? where identifier_type = ? and identifier_value = ?",
            renamed,
        )


def _rename_contacts(connection: duckdb.DuckDBPyConnection, people: Sequence[Person], anonymiser: Anonymiser) -> None:
    """What a contact began with becomes the user_id that stands for them, under which whatever comes is theirs."""
    for person in people:
        if person.contact_id is not None:
            connection.execute(
                "update contacts.identifiers set identifier_type = 'user_id', identifier_value = ? "
                "where identifier_id = ?",
                [person.pseudonym, person.renamed(anonymiser.suppression)[person.contact_id]],
            )


def _has_identifiers(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'contacts' and table_name = 'identifiers'"
        ).fetchall()
    )
