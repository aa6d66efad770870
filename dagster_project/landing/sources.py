"""Files that people hand in: which table they belong to, and how DuckDB reads them without holding them."""

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from activations.errors import HourbellError
from data.contract import WHOLE_LINE, Table, contract, tables

Format = Literal["parquet", "csv", "json lines", "json"]

SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "json lines",
    ".jsonl.gz": "json lines",
    ".ndjson": "json lines",
    ".ndjson.gz": "json lines",
    ".json": "json",
    ".json.gz": "json",
}
LONGEST_LINE = 4 * 1024 * 1024
# left alone, DuckDB takes sixteen times the longest line for each of its buffers
BUFFER = 4 * LONGEST_LINE


@dataclass(frozen=True)
class Source:
    """A file to land."""

    path: Path
    table: Table
    format: Format


@dataclass(frozen=True)
class Opened:
    """A file as a relation: SQL that selects its rows, its own columns with their DuckDB types, and the SQL of the
    text of each row that could not be read (null where it could)."""

    sql: str
    types: dict[str, str]
    broken_line: str = "null"


def find_sources(path: Path) -> list[Source]:
    """The files at `path`, a file or a folder, in the order of their names; hidden files are left out.

    Raises HourbellError where there is none, or where one of them belongs to no table or is of no known format.
    """
    if not path.exists():
        raise HourbellError(f"{path} does not exist. Name a file or a folder that does.")
    if path.is_file():
        return [_source(path)]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    )
    if not files:
        raise HourbellError(f"There are no files in {path}. Put one folder a table into it, such as orders/.")
    return [_source(file) for file in files]


def _source(path: Path) -> Source:
    suffix = next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if path.name.endswith(suffix)), None)
    if suffix is None:
        raise HourbellError(
            f"{path}: the format is not known by its name. Give it one of {', '.join(SUFFIXES)}, "
            "or move it out of the folder."
        )
    return Source(path, _table_of(path), SUFFIXES[suffix])


def _table_of(path: Path) -> Table:
    names = sorted((table.name for table in tables()), key=len, reverse=True)
    folder = path.resolve().parent.name
    by_folder = folder if folder in names else None
    by_name = next((name for name in names if re.match(rf"{name}(?![a-z0-9])", path.name)), None)
    if by_folder and by_name and by_folder != by_name:
        raise HourbellError(
            f"{path}: its folder says {by_folder}, its name says {by_name}. Rename it or move it to {by_name}/."
        )
    found = by_folder or by_name
    if found is None:
        raise HourbellError(
            f"{path}: neither its folder nor its name tells a table. Put it into a folder named after one, "
            f"or start its name with one: {', '.join(sorted(names))}."
        )
    return contract(found)


def open_source(connection: duckdb.DuckDBPyConnection, source: Source) -> Opened:
    """See which columns a file has and how it is to be read; raises HourbellError or duckdb.Error."""
    if source.format == "parquet":
        return _described(connection, f"select * from read_parquet({quoted_text(source.path)})")
    if source.format == "csv":
        return _described(connection, f"select * from {csv_reader(source.path)}")
    if source.format == "json lines" or _is_json_lines(source.path):
        return _json(connection, _lines(source.path), text="line")
    objects = (
        f"(select json as line from read_json_objects({quoted_text(source.path)}, maximum_object_size={LONGEST_LINE}))"
    )
    return _json(connection, objects, text="line")


def csv_reader(path: Path) -> str:
    """The table function that reads a CSV file as text. Lines that are broken go to the table `rejected_lines`."""
    return (
        f"read_csv({quoted_text(path)}, header=true, all_varchar=true, store_rejects=true, "
        "rejects_table='rejected_lines', rejects_scan='rejected_scans', rejects_limit=0, "
        f"max_line_size={LONGEST_LINE}, buffer_size={BUFFER})"
    )


def quoted(name: str) -> str:
    """An identifier, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(value: object) -> str:
    """A text literal, quoted for SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def _described(connection: duckdb.DuckDBPyConnection, sql: str) -> Opened:
    rows = connection.execute(f"describe {sql}").fetchall()
    return Opened(sql, {name: kind for name, kind, *_ in rows})


def _lines(path: Path) -> str:
    # a control character cannot stand in JSON, so nothing is ever split; what is no JSON keeps its text.
    # trim is slow on long lines, and those are not blank
    return (
        f"(select line from read_csv({quoted_text(path)}, delim=chr(1), quote='', escape='', header=false, "
        f"auto_detect=false, columns={{'line': 'VARCHAR'}}, max_line_size={LONGEST_LINE}, buffer_size={BUFFER}) "
        "where strlen(line) > 9 or trim(line) <> '')"
    )


def _json(connection: duckdb.DuckDBPyConnection, lines: str, text: str) -> Opened:
    found = connection.execute(
        f"select distinct unnest(json_keys({text})) as name from {lines} "
        f"where try(json_type({text})) = 'OBJECT' order by name"
    ).fetchall()
    names: Sequence[str] = [name for (name,) in found if name != WHOLE_LINE]
    shape = json.dumps(dict.fromkeys([*names, WHOLE_LINE], "VARCHAR"))
    fields = ", ".join(f"parsed.{quoted(name)} as {quoted(name)}" for name in names)
    sql = (
        f"select {fields}{', ' if fields else ''}"
        f"case when parsed is null then {text} end as {quoted(WHOLE_LINE)} "
        f"from (select {text}, case when try(json_type({text})) = 'OBJECT' "
        f"then try(from_json({text}, {quoted_text(shape)})) end as parsed from {lines})"
    )
    return Opened(sql, dict.fromkeys(names, "VARCHAR"), broken_line=quoted(WHOLE_LINE))


def _is_json_lines(path: Path) -> bool:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as file:
        first = file.readline(LONGEST_LINE).strip()
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False
