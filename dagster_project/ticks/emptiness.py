"""Told from the text of a query: what must be empty for it to bring no row.

A join with nothing brings nothing, and so does a union of nothings. Whatever this module does not understand is taken
to bring rows, so that at worst a query runs in vain.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

import sqlglot
from sqlglot import exp

# more ways than these are seldom of use, and each costs a question
_WAYS_KEPT = 6
_WINDOW = "GETVARIABLE"
_MORE_THAN_A_FILTER = ("joins", "laterals", "group", "having", "qualify", "distinct", "limit", "offset", "with_")


@dataclass(frozen=True)
class Bounds:
    """Rows whose column lies between so long before the tick's start and so long before its end."""

    column: str
    before_start: timedelta
    before_end: timedelta


@dataclass(frozen=True)
class Rows:
    """The rows of a table for which all of some conditions hold."""

    table: str
    conditions: frozenset[str] = frozenset()
    bounds: tuple[Bounds, ...] = ()

    @property
    def is_windowed(self) -> bool:
        return any(_WINDOW in condition for condition in self.conditions)

    def __str__(self) -> str:
        return f"{self.table} where {' and '.join(sorted(self.conditions)) or 'true'}"


Ways = frozenset[frozenset[Rows]]
"""Ways in which a query comes to be empty: each names the rows that all have to be missing for it."""

NEVER_EMPTY: Ways = frozenset()
ALWAYS_EMPTY: Ways = frozenset({frozenset()})


def _fewest(ways: Iterable[frozenset[Rows]]) -> Ways:
    """Without those that ask for more than another does."""
    kept: list[frozenset[Rows]] = []
    for way in sorted(ways, key=lambda way: (len(way), sorted(map(str, way)))):
        if not any(fewer <= way for fewer in kept):
            kept.append(way)
    return frozenset(kept[:_WAYS_KEPT])


def _either(parts: Iterable[Ways]) -> Ways:
    """A join: empty where any of its parts is."""
    return _fewest(way for part in parts for way in part)


def _all(parts: Iterable[Ways]) -> Ways:
    """A union: empty where all of its parts are."""

    def both(some: Ways, others: Ways) -> Ways:
        return _fewest(one | other for one in some for other in others)

    return reduce(both, parts, ALWAYS_EMPTY)


@dataclass(frozen=True)
class _Named:
    """A query that another one reads by a name."""

    ways: Ways
    query: exp.Expr | None = None


_Names = Mapping[str, _Named]


class Reader:
    """Reads queries that read each other: a view is known by its text, a table by its name."""

    def __init__(self, aggregates: Iterable[str], replaced_each_tick: Iterable[str] = ()) -> None:
        """`aggregates` are the names of all functions that make one row of none."""
        self._aggregates = {name.lower() for name in aggregates}
        self._replaced_each_tick = set(replaced_each_tick)
        self._views: dict[str, Ways] = {}

    def ways(self, sql: str) -> Ways:
        """The ways in which a query can be empty."""
        return self._query(sqlglot.parse_one(sql, dialect="duckdb"), {})

    def rows(self, table: str, condition: str) -> Rows:
        """The rows of a table for which a condition holds."""
        return _rows(table, _conjuncts(sqlglot.parse_one(condition, dialect="duckdb")))

    def add_view(self, name: str, sql: str) -> None:
        self._views[name] = self.ways(sql)

    def _query(self, query: exp.Expr, outer: _Names) -> Ways:
        names = dict(outer)
        if isinstance(query, exp.Subquery):
            return NEVER_EMPTY if query.args.get("joins") else self._query(query.this, names)
        if isinstance(query, exp.Query):
            for named in query.ctes:
                # what refers to itself finds nothing there in its first turn
                names[named.alias] = _Named(ALWAYS_EMPTY)
                names[named.alias] = _Named(self._query(named.this, names), named.this)
        if isinstance(query, exp.Union):
            return _all((self._query(query.left, names), self._query(query.right, names)))
        if isinstance(query, exp.Except):
            return self._query(query.left, names)
        if isinstance(query, exp.Intersect):
            return _either((self._query(query.left, names), self._query(query.right, names)))
        return self._select(query, names) if isinstance(query, exp.Select) else NEVER_EMPTY

    def _select(self, select: exp.Select, names: _Names) -> Ways:
        joins = select.args.get("joins") or []
        if self._makes_a_row_of_none(select) or any(
            join.side in ("RIGHT", "FULL") or join.method == "POSITIONAL" for join in joins
        ):
            return NEVER_EMPTY
        required = [join for join in joins if join.side != "LEFT" and join.kind != "ANTI"]
        conditions = [
            condition
            for given in (select.args.get("where"), *(join.args.get("on") for join in required))
            if given is not None
            for condition in _conjuncts(given.this if isinstance(given, exp.Where) else given)
        ]
        start = select.args.get("from_")
        sources = [source.this for source in (start, *required) if source is not None]
        is_alone = not joins and not select.args.get("laterals")
        parts = [self._source(source, conditions, names, is_alone=is_alone) for source in sources]
        parts += [self._condition(condition, names) for condition in conditions]
        return _either(parts)

    def _makes_a_row_of_none(self, select: exp.Select) -> bool:
        group = select.args.get("group")
        if group is not None and not group.args.get("all"):
            return not group.expressions or group.find(exp.Rollup, exp.Cube, exp.GroupingSets) is not None
        columns = select.expressions
        return any(self._aggregates_in(column) for column in columns) and (
            group is None or all(self._aggregates_in(column) for column in columns)
        )

    def _aggregates_in(self, expression: exp.Expr) -> bool:
        for node in expression.walk(prune=lambda node: isinstance(node, exp.Window | exp.Query)):
            if isinstance(node, exp.AggFunc) and not isinstance(node.parent, exp.Window):
                return True
            named = isinstance(node, exp.Anonymous) and node.name.lower() in self._aggregates
            if named and not isinstance(node.parent, exp.Window):
                return True
        return False

    def _source(self, source: exp.Expr, conditions: Iterable[exp.Expr], names: _Names, *, is_alone: bool) -> Ways:
        own = [condition for condition in conditions if _is_about(condition, source.alias_or_name, is_alone)]
        if isinstance(source, exp.Subquery):
            return _either((self._query(source, names), self._through(source.this, own)))
        if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier) or source.args.get("joins"):
            return NEVER_EMPTY
        if not source.db:
            named = names.get(source.name, _Named(NEVER_EMPTY))
            return _either((named.ways, self._through(named.query, own)))
        table = f"{source.db}.{source.name}"
        return self._views[table] if table in self._views else self._rows(table, own)

    def _rows(self, table: str, conditions: Iterable[exp.Expr]) -> Ways:
        rows = _rows(table, conditions)
        is_told = rows.is_windowed or table in self._replaced_each_tick
        return frozenset({frozenset({rows})}) if is_told else NEVER_EMPTY

    def _through(self, query: exp.Expr | None, conditions: Sequence[exp.Expr]) -> Ways:
        """What conditions on the columns of a query say of the one table that it reads."""
        if not conditions or not isinstance(query, exp.Select):
            return NEVER_EMPTY
        start, passing = query.args.get("from_"), _passed_on(query)
        if any(query.args.get(part) for part in _MORE_THAN_A_FILTER) or start is None:
            return NEVER_EMPTY
        source = start.this
        if not isinstance(source, exp.Table) or not source.db or f"{source.db}.{source.name}" in self._views:
            return NEVER_EMPTY
        where = query.args.get("where")
        own = [one for one in _conjuncts(where.this) if _is_about(one, source.alias_or_name, True)] if where else []
        for condition in conditions:
            columns = list(condition.find_all(exp.Column))
            if all(column.name in passing for column in columns):
                own.append(condition)
        return self._rows(f"{source.db}.{source.name}", own)

    def _condition(self, condition: exp.Expr, names: _Names) -> Ways:
        """A condition that asks whether another query has rows."""
        if isinstance(condition, exp.Exists):
            return self._query(condition.this, names)
        if isinstance(condition, exp.In) and condition.args.get("query") is not None:
            return self._query(condition.args["query"], names)
        if isinstance(condition, exp.Boolean) and not condition.this:
            return ALWAYS_EMPTY
        return NEVER_EMPTY


def _passed_on(query: exp.Select) -> set[str]:
    """The columns that a query hands on as they are, under their own names."""
    return {column.name for column in query.expressions if isinstance(column, exp.Column)}


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


def _is_about(condition: exp.Expr, name: str, is_alone: bool) -> bool:
    """Whether a condition speaks of nothing but the columns of one source."""
    if condition.find(exp.Query, exp.Lambda) is not None:
        return False
    columns = list(condition.find_all(exp.Column))
    return bool(columns) and all(column.table == name or (is_alone and not column.table) for column in columns)


def _rows(table: str, conditions: Iterable[exp.Expr]) -> Rows:
    conditions = [condition for condition in conditions if not isinstance(condition, exp.Boolean)]
    return Rows(table, frozenset(map(_stated, conditions)), tuple(_bounds(conditions)))


def _stated(condition: exp.Expr) -> str:
    """The same condition reads the same, whatever the table was called."""

    def bare(node: exp.Expr) -> exp.Expr:
        return exp.column(node.this.copy()) if isinstance(node, exp.Column) else node

    return f"({condition.copy().transform(bare).sql(dialect='duckdb')})"


def _bounds(conditions: Iterable[exp.Expr]) -> Iterator[Bounds]:
    """The columns that are bounded on both sides, each once."""
    lower: dict[str, timedelta] = {}
    upper: dict[str, timedelta] = {}
    for condition in conditions:
        if not isinstance(condition, exp.GTE | exp.GT | exp.LTE | exp.LT):
            continue
        column, moment = condition.left, _moment(condition.right)
        if not isinstance(column, exp.Column) or moment is None:
            continue
        edge, before = moment
        if edge == "tick_start" and isinstance(condition, exp.GTE | exp.GT):
            lower[column.name] = before
        # before the tick's start is before its end, too
        if isinstance(condition, exp.LTE | exp.LT):
            upper[column.name] = before
    for name in lower.keys() & upper.keys():
        yield Bounds(name, lower[name], upper[name])


def _moment(expression: exp.Expr) -> tuple[str, timedelta] | None:
    """An edge of the tick, and how long before it a moment lies; nothing where it is told otherwise."""
    expression = expression.unnest()
    if isinstance(expression, exp.Sub) and isinstance(expression.right, exp.Interval):
        earlier, span = _moment(expression.left), _length(expression.right)
        return None if earlier is None or span is None else (earlier[0], earlier[1] + span)
    asked = expression.this if isinstance(expression, exp.Cast) else expression
    if isinstance(asked, exp.Anonymous) and asked.name.upper() == _WINDOW and len(asked.expressions) == 1:
        return asked.expressions[0].name, timedelta()
    return None


def _length(interval: exp.Interval) -> timedelta | None:
    unit = interval.unit.name.lower().rstrip("s") + "s" if interval.unit else ""
    if unit not in ("seconds", "minutes", "hours", "days", "weeks") or not interval.this.name.isdigit():
        return None
    return timedelta(**{unit: int(interval.this.name)})
