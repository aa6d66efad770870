"""Figures as SQL writes them (`sum(clicked) / sum(delivered)`), in a form that the browser works out over its rows."""

from collections.abc import Iterator
from typing import Any

import sqlglot
from sqlglot import exp

from activations.errors import HourbellError

_OPERATORS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_AGGREGATES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Min: "min",
    exp.Max: "max",
    exp.Avg: "avg",
    exp.Last: "last",
    exp.LastValue: "last",
    exp.First: "first",
    exp.FirstValue: "first",
}

Measure = list[Any]


def read_measure(text: str) -> Measure:
    """The figure as nested lists: [operator, left, right], [aggregate, column], ["number", value].

    `last(members)` is the sum over the rows of the last day there is, `first` over those of the first;
    `latest(standing)` is what stands there on the last day. Raises HourbellError where it is anything else.
    """
    try:
        return _measure(sqlglot.parse_one(text, dialect="duckdb"))
    except (sqlglot.errors.ParseError, _NotUnderstoodError) as error:
        raise HourbellError(
            f"the figure {text} is not understood. It is made of sum, min, max, avg, first, last and latest of "
            "columns, count(*), coalesce, numbers, and + - * /."
        ) from error


def columns_of(measure: Measure) -> Iterator[str]:
    """The columns that a figure is made of."""
    kind, *parts = measure
    if kind in (*_OPERATORS.values(), "coalesce"):
        for part in parts:
            yield from columns_of(part)
    elif kind not in ("number", "count"):
        yield parts[0]


class _NotUnderstoodError(Exception):
    pass


def _measure(expression: exp.Expr) -> Measure:
    if isinstance(expression, exp.Paren):
        return _measure(expression.this)
    if isinstance(expression, exp.Neg):
        return ["-", ["number", 0], _measure(expression.this)]
    operator = _OPERATORS.get(type(expression))
    if operator is not None:
        return [operator, _measure(expression.this), _measure(expression.expression)]
    if isinstance(expression, exp.Coalesce) and len(expression.expressions) == 1:
        return ["coalesce", _measure(expression.this), _measure(expression.expressions[0])]
    if isinstance(expression, exp.Literal) and not expression.is_string:
        return ["number", float(expression.this)]
    if isinstance(expression, exp.Count) and isinstance(expression.this, exp.Star):
        return ["count"]
    if isinstance(expression, exp.Anonymous) and expression.name.lower() == "latest":
        columns = [column for column in expression.expressions if isinstance(column, exp.Column)]
        if len(columns) == len(expression.expressions) == 1:
            return ["latest", columns[0].name]
    aggregate = _AGGREGATES.get(type(expression))
    if aggregate is not None and isinstance(expression.this, exp.Column):
        return [aggregate, expression.this.name]
    raise _NotUnderstoodError
