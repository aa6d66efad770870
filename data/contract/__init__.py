"""The input contract: what each table that lands must look like, as the YAML files beside this module state it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from activations.errors import HourbellError
from activations.yaml_files import read_yaml
from data.contract.value_sets import VALUE_SETS

FOLDER = Path(__file__).resolve().parent

Failure = Literal["quarantine", "blank", "stop"]
Case = Literal["upper", "lower"]

LOADED_AT = "loaded_at"
LOADED_AT_GIVEN = "loaded_at_given"
FAULTS = "landing_faults"
STAMPS: Mapping[str, str] = {LOADED_AT: "timestamp", LOADED_AT_GIVEN: "boolean", FAULTS: "varchar"}
"""What a landed file carries besides the contract's columns. `landing_faults` is a JSON object of the cells that
could not be read, column to text; a line that could not be read at all stands under `whole line`."""

WHOLE_LINE = "whole line"

ROW_ID = ("landing_file", "landing_row")
"""Where a landed row stands: the name of its file, and the place in it, from 0."""


@dataclass(frozen=True)
class Column:
    """A column: its DuckDB type, what it means, and how it is read."""

    name: str
    type: str
    description: str
    required: bool = False
    case: Case | None = None
    """Text is brought into this case when it lands."""
    aliases: tuple[str, ...] = ()
    """Other names under which sources send it."""
    unreadable: Failure = "blank"
    """What becomes of a row whose cell is no value of this type. A required column cannot be blank."""


@dataclass(frozen=True)
class Expectation:
    """A Great Expectations expectation, and what happens to rows or tables that do not meet it."""

    expect: str
    """Its name without `expect_` before it; `rows_to_satisfy` is our own: an SQL condition over the row."""
    on_failure: Failure
    reason: str
    """What is wrong, in words for whoever reads the quarantine."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    blanks: str | None = None
    """The column that is set to null, where that is what happens."""
    mend: str = ""
    """What to do about it, where it stops the tick."""
    from_rows: int = 0
    """Judged from this many rows on: a share says little about a handful."""
    unreadable: str | None = None
    """The column whose unreadable cells this expectation reports."""


@dataclass(frozen=True)
class Salvage:
    """Rows that are set aside and go on all the same, because leaving them out would do harm: SQL over the row."""

    rows: str
    """Which they are, in words."""
    condition: str
    """The same, as SQL over a row that is set aside."""
    values: Mapping[str, str]
    """What they say instead, column to SQL."""
    note: str
    """What the quarantine says of it, behind the reason."""


@dataclass(frozen=True)
class Table:
    """A table of the contract."""

    name: str
    description: str
    grain: str
    natural_key: tuple[str, ...]
    columns: tuple[Column, ...]
    expectations: tuple[Expectation, ...]
    """Those that follow from the columns (present, required, readable) first, then those that are written down."""
    salvage: Salvage | None = None

    def column(self, name: str) -> Column:
        """The column of that name; raises HourbellError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise HourbellError(f"The table {self.name} has no column {name}; it has {', '.join(self.column_names)}.")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def landed_types(self) -> Mapping[str, str]:
        """Columns of a landed file, with their DuckDB types. JSON is text there."""
        types = {c.name: "varchar" if c.type == "json" else c.type for c in self.columns}
        return {**types, **STAMPS}


def tables() -> tuple[Table, ...]:
    """Every table of the contract, by name."""
    return tuple(_tables()[name] for name in sorted(_tables()))


def contract(name: str) -> Table:
    """The contract of one table; raises HourbellError naming the known ones where there is no such table."""
    if name not in _tables():
        raise HourbellError(f"There is no table {name!r} in the input contract. Known: {', '.join(sorted(_tables()))}.")
    return _tables()[name]


@cache
def _tables() -> Mapping[str, Table]:
    found = [read_contract(path) for path in sorted(FOLDER.glob("*.yml"))]
    return {table.name: table for table in found}


def read_contract(path: Path) -> Table:
    """Read one contract file; raises HourbellError naming the file and the place that is wrong."""
    try:
        stated = read_yaml(path)
        columns = tuple(
            Column(**{**column, "aliases": tuple(column.get("aliases", ()))}) for column in stated.pop("columns")
        )
        name = stated.pop("table")
        written = [_expectation(name, columns, entry) for entry in stated.pop("expectations", [])]
        return Table(
            name=name,
            description=stated.pop("description").strip(),
            grain=stated.pop("grain").strip(),
            natural_key=tuple(stated.pop("natural_key")),
            columns=columns,
            expectations=(*_from_columns(columns), *written),
            salvage=Salvage(**stated.pop("salvage")) if "salvage" in stated else None,
            **stated,
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise HourbellError(f"The contract {path} cannot be read: {error}. Compare it with its neighbours.") from error


def _expectation(table: str, columns: tuple[Column, ...], entry: Mapping[str, Any]) -> Expectation:
    arguments = dict(entry)
    expect, on_failure, reason = arguments.pop("expect"), arguments.pop("on_failure"), arguments.pop("reason")
    blanks = arguments.pop("blanks", arguments.get("column") if on_failure == "blank" else None)
    mend, from_rows = arguments.pop("mend", ""), arguments.pop("from_rows", 0)
    place = f"The contract of {table}, expectation {reason!r}"
    if on_failure not in get_args(Failure):
        raise HourbellError(f"{place}: on_failure must be one of {', '.join(get_args(Failure))}, not {on_failure!r}.")
    if on_failure == "stop" and not mend:
        raise HourbellError(f"{place}: what stops a tick needs a `mend:` that says what to do.")
    if (on_failure == "blank") != (blanks in {column.name for column in columns if not column.required}):
        raise HourbellError(f"{place}: `blanks:` must name an optional column where, and only where, one is blanked.")
    if isinstance(arguments.get("value_set"), str):
        arguments["value_set"] = list(VALUE_SETS[arguments["value_set"]])
    return Expectation(expect, on_failure, reason, arguments, blanks, mend, from_rows)


def _from_columns(columns: tuple[Column, ...]) -> list[Expectation]:
    shape = Expectation(
        "table_columns_to_match_set",
        "stop",
        "the landed file does not have the contract's columns",
        {"column_set": [*(column.name for column in columns), *STAMPS, *ROW_ID], "exact_match": True},
        mend="Land files with `hourbell load`, which gives them their columns; take this one out of landing.",
    )
    whole = Expectation(
        "rows_to_satisfy",
        "quarantine",
        "the line cannot be read",
        {"condition": f"{fault_of(WHOLE_LINE)} is null"},
        unreadable=WHOLE_LINE,
    )
    return [shape, whole, *(expectation for column in columns for expectation in _from_column(column)), _stamp()]


def _from_column(column: Column) -> list[Expectation]:
    if column.required:
        return [
            Expectation(
                "column_values_to_not_be_null",
                "quarantine",
                f"{column.name} is missing",
                {"column": column.name},
                unreadable=None if column.type == "varchar" else column.name,
            )
        ]
    if column.type == "varchar":
        return []
    return [_readable(column.name, column.type, column.unreadable)]


def _readable(name: str, kind: str, on_failure: Failure) -> Expectation:
    return Expectation(
        "rows_to_satisfy",
        on_failure,
        f"{name} cannot be read as {kind}",
        {"condition": f"{fault_of(name)} is null"},
        blanks=name if on_failure == "blank" else None,
        unreadable=name,
    )


def _stamp() -> Expectation:
    # falling back to the time of loading would let old history act as if it were news
    return _readable(LOADED_AT, "timestamp", "quarantine")


def fault_of(column: str) -> str:
    """SQL for the text of a landed row's cell that could not be read; null where it could."""
    return f"json_extract_string({FAULTS}, '$.\"{column}\"')"
