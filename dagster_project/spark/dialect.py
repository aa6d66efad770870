"""The SQL that models are written in, which is DuckDB's, said in Spark's."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from sqlglot import exp, parse_one

# of a table, by schema and name: types by name, in order
Columns = Callable[[str], Mapping[str, str]]
# one expression's way of being said in Spark; None where it may stay as it is
Rewrite = Callable[[exp.Expr], exp.Expr | None]


@dataclass(frozen=True)
class Recursion:
    """What a question asks of its own answer until there is none: Spark allows no window function in that."""

    name: str
    begins: str
    goes_on: str


@dataclass(frozen=True)
class Question:
    """In Spark's SQL."""

    sql: str
    recursion: Recursion | None = None


def spark_question(sql: str, columns_of: Columns) -> Question:
    """The same question in Spark's SQL."""
    query = parse_one(sql, read="duckdb").unnest()
    _Namer(columns_of).name(query, {})
    query = _bottom_up(_moments(query))
    recursion = _take_recursion(query)
    return Question(query.sql(dialect="spark"), recursion)


def _take_recursion(query: exp.Expr) -> Recursion | None:
    """Take what is recursive out of a question, which then reads a table of that name instead."""
    with_ = query.args.get("with_")
    if with_ is None or not with_.recursive:
        return None
    with_.set("recursive", False)
    for cte in with_.expressions:
        if isinstance(cte.this, exp.Union) and any(table.name == cte.alias for table in cte.this.find_all(exp.Table)):
            begins, goes_on = cte.this.this.copy(), cte.this.expression.copy()
            cte.pop()
            for part in (begins, goes_on):
                part.set("with_", with_.copy() if with_.expressions else None)
            if not with_.expressions:
                query.set("with_", None)
            return Recursion(cte.alias, begins.sql(dialect="spark"), goes_on.sql(dialect="spark"))
    return None


def _bottom_up(node: exp.Expr) -> exp.Expr:
    for child in list(node.iter_expressions()):
        rewritten = _bottom_up(child)
        if rewritten is not child:
            child.replace(rewritten)
    return next((found for rewrite in _REWRITES if (found := rewrite(node)) is not None), node)


def _full_name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}"


# ---- columns that are not named one by one


@dataclass(frozen=True)
class _Known:
    """A common table expression under a name that stands once in the whole question, as it has to on Spark."""

    name: str
    columns: Collection[str]


class _Namer:
    """Names the columns of questions and of all within them."""

    def __init__(self, columns_of: Columns) -> None:
        self.columns_of = columns_of
        self.numbers = count(1)

    def name(self, query: exp.Expr, known: Mapping[str, _Known]) -> list[str]:
        """Returns the columns of the question itself."""
        if isinstance(query, exp.Subquery):
            return self.name(query.this, known)
        known = dict(known)
        with_ = query.args.get("with_")
        for cte in with_.expressions if with_ else []:
            name, unique = cte.alias, f"{cte.alias}_{next(self.numbers)}"
            if with_ is not None and with_.recursive and isinstance(cte.this, exp.Union):
                known[name] = _Known(unique, self.name(cte.this.this, known))
                self.name(cte.this.expression, known)
            else:
                known[name] = _Known(unique, self.name(cte.this, known))
            cte.set("alias", exp.TableAlias(this=exp.to_identifier(unique)))
            cte.set("materialized", None)
        if isinstance(query, exp.SetOperation):
            return self._name_union(query, known)
        assert isinstance(query, exp.Select), type(query)
        joins = query.args.get("joins") or []
        from_ = [query.args["from_"]] if query.args.get("from_") else []
        sources = {one.this.alias_or_name: self._source(one.this, known) for one in [*from_, *joins]}
        rest = [value for key, value in query.args.items() if key not in ("from_", "joins", "with_")]
        for part in [*rest, [join.args.get("on") for join in joins]]:
            for one in part if isinstance(part, list) else [part]:
                for inner in _questions(one):
                    self.name(inner, known)
        _spell_out_rows(query, sources)
        named = [one for projection in query.expressions for one in _expanded(projection, sources)]
        query.set("expressions", named)
        return [projection.alias_or_name for projection in named]

    def _source(self, source: exp.Expr, known: Mapping[str, _Known]) -> Collection[str]:
        if isinstance(source, exp.Values):
            return [column.name for column in source.args["alias"].columns]
        if not isinstance(source, exp.Table):
            return self.name(source, known)
        if source.db:
            return self.columns_of(_full_name(source))
        found = known[source.name]
        source.set("alias", exp.TableAlias(this=exp.to_identifier(source.alias_or_name)))
        source.set("this", exp.to_identifier(found.name))
        return found.columns

    def _name_union(self, query: exp.SetOperation, known: Mapping[str, _Known]) -> list[str]:
        if not query.args.get("by_name"):
            names = self.name(query.this, known)
            self.name(query.expression, known)
            return names
        parts: list[exp.Expr] = []
        rest: exp.Expr = query
        while isinstance(rest, exp.SetOperation) and rest.args.get("by_name"):
            parts.append(rest.expression)
            rest.set("by_name", None)
            rest = rest.this
        parts.append(rest)
        names_of = [self.name(part, known) for part in reversed(parts)]
        names = list(dict.fromkeys(name for of_part in names_of for name in of_part))
        for part in parts:
            by_name = {one.alias_or_name: one for one in part.expressions}
            part.set("expressions", [by_name.get(name, exp.alias_(exp.null(), name)) for name in names])
        return names


def _questions(node: object) -> Iterator[exp.Expr]:
    """Questions within an expression; not those within these."""
    if isinstance(node, exp.Query):
        yield node
    elif isinstance(node, exp.Expr):
        for child in node.iter_expressions():
            yield from _questions(child)


def _spell_out_rows(query: exp.Select, sources: Mapping[str, Collection[str]]) -> None:
    """to_json(struct_pack(*columns(…))) turns a row into an object, its timestamps as text with a blank."""
    for call in query.find_all(exp.Anonymous):
        row = call.expressions[0] if _is_call(call, "to_json") else None
        if isinstance(row, exp.Struct) and isinstance(row.expressions[0], exp.Columns):
            columns = _expanded(row.expressions[0], sources)
            call.set("expressions", [_in_json(column, sources[column.args["table"].name]) for column in columns])


def _in_json(value: exp.Expr, columns: Collection[str]) -> exp.Expr:
    name = value.name
    if isinstance(columns, Mapping) and columns[name].startswith("TIMESTAMP"):
        value = exp.cast(value, "text")
    return exp.alias_(value, name)


def _expanded(projection: exp.Expr, sources: Mapping[str, Collection[str]]) -> list[exp.Expr]:
    if isinstance(projection, exp.Columns):
        lambda_ = projection.this.this
        among = lambda_.find(exp.In)
        names = {literal.name for literal in among.expressions}
        left_out = isinstance(lambda_, exp.Not)
        return [column for column in _all(sources) if (column.name in names) != left_out]
    star = projection if isinstance(projection, exp.Star) else projection.this
    if not isinstance(star, exp.Star):
        return [projection]
    table = projection.args.get("table") if isinstance(projection, exp.Column) else None
    replaced = {one.alias: one for one in star.args.get("replace") or []}
    of_table = {table.name: sources[table.name]} if table else sources
    return [replaced.get(column.name, column) for column in _all(of_table)]


def _all(sources: Mapping[str, Collection[str]]) -> list[exp.Column]:
    return [exp.column(name, table=source or None) for source, names in sources.items() for name in names]


# ---- what the engines say differently


def _call(name: str, *arguments: exp.Expr | str) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[exp.maybe_parse(one, dialect="spark") for one in arguments])


def _is_call(node: object, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name


def _row_as_json(node: exp.Expr) -> exp.Expr | None:
    if not _is_call(node, "to_json") or not all(isinstance(column, exp.Alias) for column in node.expressions):
        return None
    pairs = [part for column in node.expressions for part in (exp.Literal.string(column.alias), column.this)]
    return _call("to_json", _call("named_struct", *pairs), _JSON_OPTIONS)


_JSON_OPTIONS = "map('ignoreNullFields', 'false', 'timestampNTZFormat', 'yyyy-MM-dd HH:mm:ss')"


def _moments(node: exp.Expr) -> exp.Expr:
    """timezone() leads from wall clocks to moments, and back; here a moment is its UTC timestamp."""
    if not _is_call(node, "timezone"):
        for child in list(node.iter_expressions()):
            rewritten = _moments(child)
            if rewritten is not child:
                child.replace(rewritten)
        return node
    zone, moment = node.expressions
    is_moment = _is_moment(moment)
    moment = _moments(moment.copy())
    if isinstance(zone, exp.Literal) and zone.name == "UTC":
        return exp.paren(moment)
    if is_moment:
        return _call("convert_timezone", "'UTC'", zone, moment)
    return _utc_of(zone, moment)


def _utc_of(zone: exp.Expr, local: exp.Expr) -> exp.Expr:
    """Of a wall-clock time that stands twice, the later, as in DuckDB; Spark would take the earlier."""
    known, text = zone.sql(dialect="spark"), local.sql(dialect="spark")
    earlier = f"convert_timezone({known}, 'UTC', {text})"
    later = f"{earlier} + interval '1' hour"
    sql = f"case when convert_timezone('UTC', {known}, {later}) = {text} then {later} else {earlier} end"
    return exp.paren(parse_one(sql, read="spark"))


def _is_moment(node: exp.Expr) -> bool:
    if _is_call(node, "timezone"):
        return not _is_moment(node.expressions[1])
    if isinstance(node, exp.Case):
        return any(_is_moment(branch.args["true"]) for branch in node.args["ifs"])
    if isinstance(node, (exp.Add, exp.Sub, exp.Paren)):
        return _is_moment(node.this)
    return False


def _pair(node: exp.Expr) -> exp.Expr | None:
    """A question of several columns is a row already."""
    if isinstance(node, exp.In) and isinstance(node.this, exp.Tuple) and node.args.get("query"):
        asked = node.args["query"].this
        if isinstance(asked.expressions[0], exp.Tuple):
            asked.set("expressions", asked.expressions[0].expressions)
            return node
    return None


def _interval(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Interval) and ":" in node.this.name:
        return _since_midnight(exp.Literal.string(node.this.name))
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.INTERVAL:
        return _since_midnight(node.this)
    units = {"to_hours": "0, {n}", "to_microseconds": "0, 0, 0, cast({n} / 1000000 as decimal(18, 6))"}
    if isinstance(node, exp.Anonymous) and node.name.lower() in units:
        number = node.expressions[0].sql(dialect="spark")
        return parse_one(f"make_dt_interval({units[node.name.lower()].format(n=number)})", read="spark")
    if _is_call(node, "to_years"):
        return _call("make_ym_interval", exp.cast(node.expressions[0], "int"))
    if isinstance(node, exp.ToDays):
        return _call("make_dt_interval", exp.cast(node.this, "int"))
    return None


def _since_midnight(text: exp.Expr) -> exp.Expr:
    sql = text.sql(dialect="spark")
    return parse_one(
        f"make_dt_interval(0, cast(split_part({sql}, ':', 1) as int), cast(split_part({sql}, ':', 2) as int))",
        read="spark",
    )


def _time_of_day(node: exp.Expr) -> exp.Expr | None:
    """As text, which is in the same order: '21:00' as it was given, or a timestamp's."""
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.TIME:
        sql = node.this.sql(dialect="spark")
        return parse_one(f"rpad(split_part(concat('0 ', cast({sql} as string)), ' ', -1), 8, ':00')", read="spark")
    return None


def _unnest_with_place(node: exp.Expr) -> exp.Expr | None:
    """unnest() beside generate_subscripts()."""
    if not isinstance(node, exp.Select):
        return None
    places = [one for one in node.expressions if _is_call(one.this, "generate_subscripts")]
    if not places:
        return None
    exploded = next(one for one in node.expressions if isinstance(one.this, exp.Explode))
    exploding = _call("posexplode", exploded.this.this.copy())
    exploded.this.replace(exp.column("item"))
    places[0].this.replace(parse_one("cast(item_place + 1 as bigint)", read="spark"))
    named = exp.TableAlias(
        this=exp.to_identifier("items"), columns=[exp.to_identifier("item_place"), exp.to_identifier("item")]
    )
    node.append("laterals", exp.Lateral(this=exploding, view=True, alias=named))
    return node


def _list(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.ArrayOverlaps):
        return _call("arrays_overlap", node.this, node.expression)
    if isinstance(node, exp.Array) and node.expressions and isinstance(node.expressions[0], exp.Comprehension):
        return _comprehended(node.expressions[0])
    if _is_call(node, "list_extract"):
        return _call("get", node.expressions[0], exp.Sub(this=node.expressions[1], expression=exp.Literal.number(1)))
    if isinstance(node, exp.Bracket):
        return _call("get", node.this, exp.Sub(this=exp.paren(node.expressions[0]), expression=exp.Literal.number(1)))
    if isinstance(node, exp.ArrayAgg) and isinstance(node.this, exp.Order):
        is_down = "false" if node.this.expressions[0].args.get("desc") else "true"
        return _call("sort_array", _call("collect_list", node.this.this), is_down)
    if isinstance(node, exp.Filter) and isinstance(node.this, exp.GroupConcat):
        listed, separator = node.this.this.this, node.this.args["separator"]
        collected = exp.Filter(this=_call("collect_list", listed), expression=node.expression)
        # DuckDB's text of nothing is null
        return exp.func(
            "nullif", _call("array_join", _call("sort_array", collected), separator), exp.Literal.string("")
        )
    if isinstance(node, exp.IgnoreNulls) and isinstance(node.this, exp.AnyValue):
        return _call("any_value", node.this.this, "true")
    return None


def _comprehended(made: exp.Comprehension) -> exp.Expr:
    """[a for x in list if b]"""
    name, listed = made.expression.name, made.args["iterator"].sql(dialect="spark")
    if made.args.get("condition"):
        listed = f"filter({listed}, {name} -> {made.args['condition'].sql(dialect='spark')})"
    return parse_one(f"transform({listed}, {name} -> {made.this.sql(dialect='spark')})", read="spark")


def _json(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.JSONObject):
        pairs = [part for pair in node.expressions for part in (pair.this, pair.expression)]
        return _call("to_json", _call("named_struct", *pairs), _JSON_OPTIONS)
    return None


_REWRITES: tuple[Rewrite, ...] = (
    _row_as_json,
    _pair,
    _interval,
    _time_of_day,
    _unnest_with_place,
    _list,
    _json,
)
