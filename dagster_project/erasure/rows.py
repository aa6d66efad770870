"""Rows of the input contract without the people who were erased: as they land, and those that have landed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
from duckdb.func import FunctionNullHandling

from activations.erasure.anonymising import Anonymiser
from activations.erasure.suppression import NUMBER, Suppression
from dagster_project.landing.addresses import normal_email, normal_phone
from dagster_project.landing.sources import quoted, quoted_text
from data.contract import FAULTS, Table

IDENTIFIERS = ("user_id", "email", "phone", "anonymous_id")
PERSONAL = frozenset({
    "email", "phone", "anonymous_id", "first_name", "last_name", "birth_date", "traits", "evidence",
    "provider_message_id",
})  # fmt: skip
"""Columns of a contract that say who somebody is; in an erased person's row there is nothing in them."""
_TEXTS = ("properties", "traits", "context", "evidence", "reason", FAULTS)
_KEY = "message_id"
# only a text in which an address or one of our ids may stand is looked at
_WORTH_A_LOOK = r"@|\+\d|00\d|\d{12}"
CHANGED = "erased_changed"
PERSON = "erased_person"


@contextmanager
def anonymising(connection: duckdb.DuckDBPyConnection, anonymiser: Anonymiser) -> Iterator[None]:
    """Make what takes people out of text known to SQL."""
    functions: Mapping[str, Callable[[str | None], str | None]] = {
        "erased_text": anonymiser.text,
        "erased_key": anonymiser.key,
        "erased_own_text": anonymiser.own_text,
        "erased_own_json": anonymiser.own_json,
        "erased_faults": anonymiser.faults,
    }
    for name, function in functions.items():
        connection.create_function(name, function, ["VARCHAR"], "VARCHAR", null_handling=FunctionNullHandling.SPECIAL)
    try:
        yield
    finally:
        for name in functions:
            connection.remove_function(name)


def anonymiser_of(suppression: Suppression, words: Sequence[str] = ()) -> Anonymiser:
    return Anonymiser(suppression, normal_email, lambda given: normal_phone(given, None), words)


def concerns(table: Table) -> bool:
    """Whether rows of a table can name anybody."""
    return any(name in table.column_names for name in (*IDENTIFIERS, "action_id"))


def anonymous_rows(
    connection: duckdb.DuckDBPyConnection, suppression: Suppression, table: Table, relation: str, columns: Sequence[str]
) -> str:
    """SQL of a relation's rows without the erased, each with whose it was (`erased_person`) and whether anything of it
    is another (`erased_changed`). Needs `anonymising`; makes temporary tables of the identifiers that are met.

    A row is of the person of its user_id, else of its e-mail address, else of its number, else of its device; one that
    only shares an address or a device with the erased loses that, and nothing else.
    """
    kinds = [kind for kind in (*IDENTIFIERS, "action_id") if kind in columns]
    for kind in kinds:
        _meet(connection, suppression, kind, relation, "country" if kind == "phone" and "country" in columns else None)
    mine = f"coalesce({_person(kinds)}, '') <> ''"
    replaced = {
        name: _replacement(table, name, mine, kinds) for name in (*columns, FAULTS) if name in _replaceable(table)
    }
    joins = "".join(
        f" left join temp.erased_{kind} as met_{kind} on landed.{quoted(kind)}::varchar = met_{kind}.given"
        for kind in kinds
    )
    listed = ", ".join(f"{sql} as {quoted(name)}" for name, sql in replaced.items())
    different = " or ".join(f"landed.{quoted(name)} is distinct from {sql}" for name, sql in replaced.items())
    return (
        f"select landed.* replace ({listed}), case when {mine} then {_person(kinds)} end as {PERSON}, "
        f"coalesce({different}, false) as {CHANGED} from ({relation}) as landed{joins}"
    )


def _replaceable(table: Table) -> set[str]:
    return {*IDENTIFIERS, *PERSONAL, *_TEXTS, _KEY, "action_id", FAULTS} & {*table.column_names, FAULTS}


def _replacement(table: Table, name: str, mine: str, kinds: Sequence[str]) -> str:
    column = f"landed.{quoted(name)}"
    kind = "varchar" if name == FAULTS else table.column(name).type
    otherwise = column
    if name in _TEXTS:
        text = f"{column}::varchar"
        otherwise = (
            f"case when regexp_matches({text}, '{_WORTH_A_LOOK}') then erased_text({text})::{kind} else {column} end"
        )
    if name == _KEY:
        # opens and clicks are known by their action
        return f"case when regexp_matches({column}, '{_WORTH_A_LOOK}') then erased_key({column}) else {column} end"
    if name == "action_id":
        return f"coalesce(met_action_id.person::{kind}, {column})"
    if name == "user_id":
        return f"case when {mine} then {_person(kinds)} else {column} end"
    if "action_id" in kinds:
        # an outcome names an action, and nobody else
        mine = f"({mine} or met_action_id.person is not null)"
    if name in ("properties", "context"):
        # of contacts they say who somebody is, of events what it was about
        own = "null" if table.name == "contacts" else f"erased_own_json({column}::varchar)::{kind}"
        return f"case when {mine} then {own} else {otherwise} end"
    if name == "reason":
        return f"case when {mine} then erased_own_text({column}) else {otherwise} end"
    if name == FAULTS:
        return f"case when {mine} then erased_faults({column}) else {otherwise} end"
    if name in IDENTIFIERS:
        mine = f"({mine} or met_{name}.person is not null)"
    return f"case when {mine} then null else {otherwise} end"


def _person(kinds: Sequence[str]) -> str:
    """SQL of whose a row is; '' for one that is known to be somebody else's."""
    cases = ""
    for kind in (kind for kind in IDENTIFIERS if kind in kinds):
        cases += f"when met_{kind}.person is not null then met_{kind}.person "
        # an unknown user_id does not tell against an address; an address, and a user_id, tell against what is weaker
        if kind in ("email", "phone"):
            cases += f"when landed.{quoted(kind)} is not null then null "
        if kind == "phone" and "user_id" in kinds:
            cases += 'when landed."user_id" is not null then null '
    return f"(case {cases} end)" if cases else "null::varchar"


def _meet(
    connection: duckdb.DuckDBPyConnection, suppression: Suppression, kind: str, relation: str, region: str | None
) -> None:
    """Make a temporary table of the identifiers of one kind that were erased people's, as they are given."""
    connection.execute(f"create or replace temp table erased_{kind} (given varchar, person varchar)")
    rows = connection.execute(
        f"select distinct {quoted(kind)}::varchar, {quoted(region) if region else 'null'} from ({relation}) "
        f"where {quoted(kind)} is not null"
    ).fetchall()
    met: dict[str, str] = {}
    for given, country in rows:
        if kind == "action_id":
            if suppression.person_of(NUMBER, given) is not None:
                met[given] = str(suppression.new_id(int(given)))
            continue
        normal = _normal(kind, given, country)
        person = suppression.person_of(kind, normal) if normal is not None else None
        if person is not None:
            met[given] = person
    if met:
        connection.executemany(f"insert into temp.erased_{kind} values (?, ?)", list(met.items()))


def _normal(kind: str, given: str, country: str | None) -> str | None:
    if kind == "email":
        return normal_email(given)
    if kind == "phone":
        return normal_phone(given, country)
    return given


def anonymise_file(
    connection: duckdb.DuckDBPyConnection, suppression: Suppression, table: Table, file: Path, into: Path
) -> bool:
    """Write a landed file without the erased to another place; says whether it had to be, and writes nothing if not."""
    relation = f"select * from read_parquet({quoted_text(file)})"
    columns = [name for name, *_ in connection.execute(f"describe {relation}").fetchall()]
    rows = anonymous_rows(connection, suppression, table, relation, columns)
    if not connection.execute(f"select 1 from ({rows}) where {CHANGED} limit 1").fetchall():
        return False
    connection.execute(
        f"copy (select * exclude ({PERSON}, {CHANGED}) from ({rows})) to {quoted_text(into)} "
        "(format parquet, compression zstd)"
    )
    return True
