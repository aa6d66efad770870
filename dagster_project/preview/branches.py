"""The ways out of a step, told from the text of its SQL; and what a contact must be like to go each of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice, product

import duckdb
import sqlglot
from sqlglot import exp

from dagster_project.preview.invented import example_of

# ways to be different that are looked at, and tried, for a step
_CHOICES, _TRIES = 20_000, 400
AWAITED = "awaited_at"
# who it is, and what the engine itself keeps, is not made different
_FIXED = frozenset(
    {"enrollment_id", "contact_id", "assignment", "holdout_share", "reached_at", "definition_version", "tick_end"}
)
_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")


@dataclass(frozen=True)
class Branching:
    """What the SQL of a step says of the ways out of it."""

    ways: tuple[str, ...]
    constants: dict[str, tuple[str, ...]]
    """By column that decides about the way: the numbers and texts that it is compared with, as SQL."""
    columns: tuple[str, ...]
    """Those that the step works out for its arrivals, each as `expression as name`."""
    computed: tuple[str, ...]
    """Their names."""


@dataclass(frozen=True)
class Different:
    """What a row of a step would have to have for it to go a way."""

    way: str
    values: dict[str, str]
    """By column, as SQL; none where the way is not told by what the row has."""


def read_branching(sql: str) -> Branching | None:
    """Of a step's compiled SQL; None where it has no branch, or is written in a way that is not understood."""
    query = sqlglot.parse_one(sql, dialect="duckdb")
    if not isinstance(query, exp.Select):
        return None
    named = [column for column in query.expressions if isinstance(column, exp.Alias)]
    branch = next((column.this for column in named if column.alias == "branch"), None)
    ways = tuple(dict.fromkeys(literals_of(branch)))
    if not isinstance(branch, exp.Case | exp.Coalesce) or not ways:
        return None
    constants: dict[str, list[str]] = {}
    # an experiment draws, or has decided: nothing that is carried tells
    conditions = branch.args["ifs"] if isinstance(branch, exp.Case) else []
    for condition in (way.this for way in conditions):
        said = [literal.sql(dialect="duckdb") for literal in condition.find_all(exp.Literal)]
        for column in condition.find_all(exp.Column):
            constants.setdefault(column.name, []).extend(said)
    return Branching(
        ways,
        {column: tuple(dict.fromkeys(said)) for column, said in constants.items()},
        tuple(_of_one_row(column).sql(dialect="duckdb") for column in named),
        tuple(column.alias for column in named),
    )


def _of_one_row(expression: exp.Expr) -> exp.Expr:
    """The same over a row that has all columns, whichever relation each was of."""

    def bare(node: exp.Expr) -> exp.Expr:
        return exp.column(node.this.copy()) if isinstance(node, exp.Column) and not node.is_star else node

    return expression.copy().transform(bare)


def literals_of(expression: exp.Expr | None) -> Iterator[str]:
    """The texts that an expression can come to, where it chooses between texts."""
    if isinstance(expression, exp.Case):
        results = [way.args["true"] for way in expression.args["ifs"]]
        for result in [*results, expression.args.get("default")]:
            yield from literals_of(result)
    elif isinstance(expression, exp.Coalesce):
        for result in [expression.this, *expression.expressions]:
            yield from literals_of(result)
    elif isinstance(expression, exp.Literal) and expression.is_string:
        yield str(expression.this)
    elif isinstance(expression, exp.Cast | exp.Paren):
        yield from literals_of(expression.this)


def variants(sql: str) -> list[str]:
    """The variants that a step's action may name."""
    query = sqlglot.parse_one(sql, dialect="duckdb")
    named = (field for field in query.find_all(exp.PropertyEQ) if field.name == "variant")
    return list(dict.fromkeys(way for field in named for way in literals_of(field.expression)))


def other_ways(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    enrollment: int,
    own: str | None,
    branching: Branching,
    soon: datetime,
) -> Iterator[Different]:
    """How an enrollment's row in a step would have to be different for each way that it does not go, changing as little
    as possible. The step's own expressions say which way a row goes. What was waited for would come `soon`.
    """
    missing = [way for way in branching.ways if way != own]
    types = dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() where schema_name || '.' || table_name = ?", [table]
        ).fetchall()
    )
    columns = [name for name in branching.constants if name in types and name not in {*_FIXED, *branching.computed}]
    candidates = [list(_candidates(column, types[column], branching.constants[column], soon)) for column in columns]
    for values in islice(_fewest_first(columns, candidates), _TRIES):
        if not missing:
            return
        way = _way_of(connection, changed_row(table, values, branching), enrollment)
        if way in missing:
            missing.remove(way)
            yield Different(way, values)
    for way in missing:
        yield Different(way, {})


def _way_of(connection: duckdb.DuckDBPyConnection, row: str, enrollment: int) -> str | None:
    """None where the step asks for more than the row has, or cannot read what was put into it."""
    try:
        rows = connection.execute(f"select branch from ({row})", [enrollment]).fetchall()
    except duckdb.Error:
        return None
    return str(rows[0][0])


def changed_row(table: str, values: dict[str, str], branching: Branching) -> str:
    """SQL of a row of a step with other values, and with what the step makes of them; asks for the enrollment."""
    replaced = ", ".join(f"{value} as {column}" for column, value in values.items())
    return (
        f"select arrivals.*, {', '.join(branching.columns)} from ("
        f"select * exclude ({', '.join(branching.computed)}) {f'replace ({replaced})' if replaced else ''} "
        f"from {table} where enrollment_id = ?) as arrivals"
    )


def _fewest_first(columns: Sequence[str], candidates: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    choices = product(*([None, *tried] for tried in candidates))
    for choice in sorted(islice(choices, _CHOICES), key=lambda choice: sum(one is not None for one in choice)):
        values = {column: value for column, value in zip(columns, choice, strict=True) if value is not None}
        if AWAITED in values:
            # the wait ends with it
            values["reached_at"] = values[AWAITED]
        if values:
            yield values


def _candidates(column: str, type_name: str, constants: Sequence[str], soon: datetime) -> Iterator[str]:
    """Values beside which a condition may come out otherwise."""
    if type_name.startswith("TIMESTAMP"):
        yield f"timestamp '{soon}'"
    elif type_name == "DATE":
        yield f"date '{soon:%Y-%m-%d}'"
    elif type_name == "BOOLEAN":
        yield from ("true", "false")
    elif any(part in type_name for part in _NUMBERS):
        numbers = [constant for constant in constants if not constant.startswith("'")]
        yield from (f"cast({Decimal(number) + step} as {type_name})" for step in (0, 1, -1) for number in numbers)
    else:
        texts = [constant for constant in constants if constant.startswith("'")] or [f"'{example_of(column)}'"]
        yield from (f"cast({text} as {type_name})" for text in texts)
    if not type_name.startswith("TIMESTAMP"):
        yield f"cast(null as {type_name})"
