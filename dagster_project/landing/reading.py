"""SQL that reads a source's cells as the contract's types, and keeps the text of those that are none."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activations.errors import HourbellError
from dagster_project.landing.sources import Opened, Source, quoted, quoted_text
from data.contract import FAULTS, LOADED_AT, LOADED_AT_GIVEN, WHOLE_LINE, Column

WHOLE_NUMBERS = ("integer", "bigint")
LONGEST_FAULT = 200

LOADED_AT_COLUMN = Column(LOADED_AT, "timestamp", "When the row became known to us (UTC).")

_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UTINYINT|FLOAT|DOUBLE|DECIMAL\(.*\)|BIGNUM)$")
_TEMPORAL = re.compile(r"(DATE|TIMESTAMP.*)$")
_TEXT = re.compile(r"(VARCHAR|UUID|ENUM\(.*\))$", re.DOTALL)
_NESTED = re.compile(r"(STRUCT\(.*\)|MAP\(.*\)|JSON|.*\[\d*\])$", re.DOTALL)

_KINDS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "varchar": (_TEXT, _NUMERIC, _TEMPORAL, re.compile("BOOLEAN$")),
    "json": (_TEXT, _NESTED),
    "timestamp": (_TEXT, _TEMPORAL),
    "date": (_TEXT, _TEMPORAL),
    "boolean": (_TEXT, _NUMERIC, re.compile("BOOLEAN$")),
    "number": (_TEXT, _NUMERIC),
}


@dataclass(frozen=True)
class Matched:
    """How a source's columns answer to the contract's: column to the source's own name, and those that answer none."""

    names: Mapping[str, str]
    ignored: tuple[str, ...]


def match_columns(source: Source, opened: Opened) -> Matched:
    """Find the contract's columns in a file: by name, in whatever case, with an alias.

    Raises HourbellError for a required column that is missing, for two that answer to one, and for a column of a
    type that cannot become the contract's.
    """
    table = source.table
    answers: dict[str, str] = {}
    for column in (*table.columns, LOADED_AT_COLUMN):
        candidates = [column.name, *column.aliases]
        exact = [name for name in opened.types if name in candidates]
        found = exact or [name for name in opened.types if _snake_case(name) in candidates]
        found.sort(key=lambda name: (candidates.index(name if exact else _snake_case(name)), name))
        ambiguous = [name for name in found[1:] if _snake_case(name) == _snake_case(found[0])]
        if ambiguous:
            raise HourbellError(
                f"{source.path}: {' and '.join([found[0], *ambiguous])} both stand for {column.name}. Keep one of them."
            )
        if found:
            answers[column.name] = found[0]
    missing = [column.name for column in table.columns if column.required and column.name not in answers]
    if missing and opened.types:
        raise HourbellError(
            f"{source.path}: the table {table.name} needs the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}, and the file has {', '.join(opened.types)}. "
            f"Add what is missing; data/contract/{table.name}.yml says what each column means."
        )
    for column in table.columns:
        if column.name in answers:
            _check_type(source, column, answers[column.name], opened.types[answers[column.name]])
    taken = set(answers.values())
    return Matched(answers, tuple(name for name in opened.types if name not in taken))


def landed_select(source: Source, opened: Opened, matched: Matched, loaded_at: str) -> str:
    """SQL of a file's rows as they land: the contract's columns, typed, `loaded_at` and the cells that are no values.

    `loaded_at` is SQL of the time for rows that do not carry one.
    """
    columns = [column for column in source.table.columns if column.name in matched.names]
    if LOADED_AT in matched.names:
        columns.append(LOADED_AT_COLUMN)
    texts, values, faults = [], [], []
    for column in columns:
        kind = opened.types[matched.names[column.name]]
        cell = quoted(matched.names[column.name])
        texts.append(f"{_given(cell, kind, column)} as {quoted(column.name)}")
        values.append(f"{_value(quoted(column.name), kind, column)} as {quoted('value ' + column.name)}")
        if column.type != "varchar":
            faults.append(column.name)
    texts.append(f"{opened.broken_line} as {quoted(WHOLE_LINE)}")
    inner = f"select {', '.join(texts)} from ({opened.sql})"
    middle = f"select *{''.join(', ' + value for value in values)} from ({inner})"
    read = {column.name for column in columns}
    out = [
        f"{quoted('value ' + column.name) if column.name in read else 'null'}::{_landed(column.type)} "
        f"as {quoted(column.name)}"
        for column in source.table.columns
    ]
    stamp = f"coalesce({quoted('value ' + LOADED_AT)}, {loaded_at})" if LOADED_AT in read else loaded_at
    return (
        f"select {', '.join(out)}, {stamp} as {LOADED_AT}, {str(LOADED_AT in read).lower()} as {LOADED_AT_GIVEN}, "
        f"{_faults(faults)} as {FAULTS} from ({middle})"
    )


def rejected_select(source: Source, loaded_at: str) -> str:
    """SQL of the lines of a CSV file that could not be read, as rows that have nothing but their text."""
    empty = ", ".join(f"null::{_landed(column.type)} as {quoted(column.name)}" for column in source.table.columns)
    return (
        f"select {empty}, {loaded_at} as {LOADED_AT}, false as {LOADED_AT_GIVEN}, "
        f"json_object({quoted_text(WHOLE_LINE)}, left(coalesce(any_value(csv_line), 'line ' || line), "
        f"{LONGEST_FAULT}))::varchar as {FAULTS} from rejected_lines group by line order by line"
    )


def _faults(columns: Sequence[str]) -> str:
    fault = {
        name: f"case when {quoted('value ' + name)} is null and {quoted(name)} is not null "
        f"then left({quoted(name)}::varchar, {LONGEST_FAULT}) end"
        for name in columns
    }
    fault[WHOLE_LINE] = f"left({quoted(WHOLE_LINE)}, {LONGEST_FAULT})"
    pairs = ", ".join(f"{quoted_text(name)}, {sql}" for name, sql in fault.items())
    anything = f"coalesce({', '.join(fault.values())}) is not null"
    return f"case when {anything} then json_merge_patch('{{}}', json_object({pairs}))::varchar end"


def _given(cell: str, kind: str, column: Column) -> str:
    """The cell as it was given: text without blanks around it, null where nothing is left; other types untouched."""
    if column.type == "json":
        text = f"{cell}::varchar" if _TEXT.match(kind) else f"to_json({cell})::varchar"
        return f"case when {text} not in ('', 'null') then {text} end"
    if _TEXT.match(kind):
        return f"nullif(trim({cell}::varchar), '')"
    return cell


def _value(cell: str, kind: str, column: Column) -> str:
    """The cell as a value of the column's type; null where it is none."""
    is_text = _TEXT.match(kind) is not None
    if column.type == "varchar":
        return _text_value(cell, kind, column)
    if column.type == "json":
        return f"case when try(json_type({cell})) = 'OBJECT' then {cell} end"
    if column.type == "timestamp":
        # a plain cast to timestamp would drop the offset of 10:00+02:00 unseen
        return _finite(
            f"try_cast(try_cast({cell} as timestamptz) as timestamp)" if is_text else _cast(cell, "timestamp")
        )
    if column.type == "date":
        return _finite(_cast(cell, "date"))
    if column.type in WHOLE_NUMBERS:
        # a plain cast would round 3.7 to 4
        exact = _cast(cell, "decimal(38, 9)")
        return f"case when {exact} = trunc({exact}) then {_cast(cell, column.type)} end"
    return _cast(cell, column.type)


def _text_value(cell: str, kind: str, column: Column) -> str:
    text = f"{cell}::varchar"
    if kind in ("DOUBLE", "FLOAT"):
        # ids turn into floats where pandas found a gap among them
        text = f"case when {cell} = trunc({cell}) and abs({cell}) < 1e15 then {cell}::bigint::varchar else {text} end"
    return f"{column.case}({text})" if column.case else text


def _cast(cell: str, kind: str) -> str:
    return f"try_cast({cell} as {kind})"


def _finite(value: str) -> str:
    return f"case when isfinite({value}) then {value} end"


def _landed(kind: str) -> str:
    return "varchar" if kind == "json" else kind


def _check_type(source: Source, column: Column, name: str, kind: str) -> None:
    able = _KINDS.get(column.type, _KINDS["number"])
    if not any(pattern.match(kind) for pattern in able):
        raise HourbellError(
            f"{source.path}: the column {name} holds {kind}, which cannot become {column.type}, as {column.name} of "
            f"the table {source.table.name} must. Cast it in the export."
        )


def _snake_case(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s\-.]+", "_", spaced).lower()
