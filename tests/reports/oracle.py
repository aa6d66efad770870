"""What a page must show, asked of the published marts: the figures' own SQL, and the formats written anew."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb

from dagster_project.reports.pages import Block, Page, Query

NOTHING = "–"


@dataclass(frozen=True)
class Asked:
    """Filters, as the address of a page has them."""

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        return "&".join(f"{name}={value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Oracle:
    """The published marts, and the page that is asked about."""

    connection: duckdb.DuckDBPyConnection
    page: Page
    asked: Asked

    def tile(self, block: Block, figure: Mapping[str, Any]) -> str:
        query = self.page.queries[figure.get("from", block.query)]
        per = figure.get("per")
        rows = self._figures(query, block, [per] if per else [], figure)
        if not per:
            return shown(rows[0][-1], figure.get("format", "number"))
        texts = [shown(row[-1], figure["format"], row[0]) for row in sorted(rows) if row[0] is not None]
        return " · ".join(text for text in texts if text != NOTHING) or NOTHING

    def table(self, block: Block) -> dict[tuple[str, ...], list[str]]:
        """The figures of each line, by what its line is of."""
        assert block.query is not None
        query = self.page.queries[block.query]
        by = [column["column"] for column in block.options["by"]]
        across = block.options.get("across")
        columns: list[Any] = [None]
        if across:
            columns = [
                value for (value,) in self._ask(query, block, f"select distinct {across} from asked order by all")
            ]
        lines: dict[tuple[str, ...], list[str]] = {}
        for (*key,) in self._ask(query, block, f"select distinct {', '.join(by)} from asked"):
            lines[tuple("" if value is None else str(value) for value in key)] = []
        for value in columns:
            for figure in block.options["figures"]:
                where = {**(figure.get("where") or {}), **({across: value} if across else {})}
                per = [figure["per"]] if figure.get("per") else []
                found: dict[tuple[str, ...], list[str]] = {}
                for row in sorted(self._figures(query, block, [*by, *per], {**figure, "where": where}), key=str):
                    key = tuple("" if part is None else str(part) for part in row[: len(by)])
                    form = figure.get("format", "number")
                    form = form[key[by.index(form["by"])]] if isinstance(form, dict) else form
                    if not per or row[-2] is not None:
                        found.setdefault(key, []).append(shown(row[-1], form, row[-2] if per else ""))
                for key, line in lines.items():
                    told = [text for text in found.get(key, []) if text != NOTHING]
                    line.append(" · ".join(told) or NOTHING)
        return lines

    def figures(self, block: Block, figure: Mapping[str, Any], by: Sequence[str]) -> dict[tuple[Any, ...], Any]:
        """What a figure is, by columns of its query."""
        query = self.page.queries[figure.get("from", block.query)]
        return {tuple(row[:-1]): row[-1] for row in self._figures(query, block, by, figure)}

    def columns(self, block: Block, figure: Mapping[str, Any]) -> list[str]:
        """The columns of the query that a figure is of."""
        return self._columns(self.page.queries[figure.get("from", block.query)])

    def rows(self, query: Query, sql: str) -> list[Any]:
        return self._ask(query, None, sql)

    def _figures(self, query: Query, block: Block, by: Sequence[str], figure: Mapping[str, Any]) -> list[Any]:
        date = self._date(query)
        value = str(figure["value"])
        for which, told, bound in (("last", "sum", "max"), ("first", "sum", "min"), ("latest", "max", "max")):
            value = re.sub(rf"\b{which}\((\w+)\)", rf"{told}(\1) filter (where {date} = {bound}_day)", value)
        partition = f"partition by {', '.join(by)}" if by else ""
        bounds = (
            f", max({date}) over ({partition}) as max_day, min({date}) over ({partition}) as min_day" if date else ""
        )
        where = _where(figure.get("where") or {})
        selected = ", ".join([*by, f"{value} as figure"])
        grouped = f"group by {', '.join(by)}" if by else ""
        return self._ask(query, block, f"select {selected} from (select *{bounds} from asked where {where}) {grouped}")

    def _ask(self, query: Query, block: Block | None, sql: str) -> list[Any]:
        filters = _where((block.options.get("where") if block else None) or {})
        columns = self._columns(query)
        date = self._date(query)
        if date:
            cast = f"cast({date} as date)"
            start = f"date_trunc('month', date '{self.asked.values.get('from')}')" if date == "month" else None
            if "from" in self.asked.values:
                filters += f" and {cast} >= {start or _date(self.asked.values['from'])}"
            if "to" in self.asked.values:
                filters += f" and {cast} <= {_date(self.asked.values['to'])}"
        for name in ("workflow", "channel"):
            if name in columns and name in self.asked.values:
                filters += f" and {name} = '{self.asked.values[name]}'"
        asked = f"with page_rows as ({query.sql}), asked as (select * from page_rows where {filters}) {sql}"
        return self.connection.execute(asked, self._parameters(query)).fetchall()

    def _columns(self, query: Query) -> list[str]:
        found = self.connection.execute(f"select * from ({query.sql}) limit 0", self._parameters(query))
        return [column[0] for column in found.description or []]

    def _date(self, query: Query) -> str | None:
        columns = self._columns(query)
        return query.date or next((name for name in ("day", "month") if name in columns), None)

    def _parameters(self, query: Query) -> dict[str, Any] | None:
        return {"workflow": self.page.subject} if "$workflow" in query.sql else None


def _date(text: str) -> str:
    return f"date '{text}'"


def _where(stated: Mapping[str, Any]) -> str:
    asked = ((name, value if isinstance(value, list) else [value]) for name, value in stated.items())
    quoted = ((name, ", ".join(f"'{value}'" for value in values)) for name, values in asked)
    return " and ".join(["true", *(f"{name} in ({values})" for name, values in quoted)])


def shown(value: Any, kind: str, currency: str = "") -> str:
    """As a page writes it."""
    if value is None:
        return NOTHING
    if kind == "moment":
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if kind == "text":
        return f"{currency}: {spoken(str(value))}" if currency else spoken(str(value))
    if kind == "month":
        return f"{value:%b %Y}"
    number = Decimal(value)
    if not number.is_finite():
        # DuckDB divides by zero to infinity
        return NOTHING
    if kind == "percent":
        return f"{_rounded(number * 100, 1)} %"
    if kind == "points":
        return f"{'+' if number > 0 else ''}{_rounded(number * 100, 1)} pp"
    currency = "in no known currency" if currency == "none" else currency
    if kind == "money":
        return f"{_rounded(number, 0)} {currency}".strip()
    if kind == "cost":
        small = "under 0.0001" if 0 < number < Decimal("0.00005") else _rounded(number, 4)
        return f"{small} {currency}".strip()
    if kind == "megabytes":
        return f"{_rounded(number, 1)} MB"
    if kind == "times":
        return f"{_rounded(number, 2)} ×" + (f" in {currency}" if currency else "")
    if kind == "decimal":
        return f"{_rounded(number, 2)} {currency}".strip()
    if kind == "probability":
        return "under 0.0001" if number < Decimal("0.00005") else _rounded(number, 4)
    if kind == "hours":
        return hours(float(number))
    if kind == "seconds":
        return f"{_rounded(number, 1)} s" if number < 120 else f"{_rounded(number / 60, 1)} min"
    return _rounded(number, 0)


def written(text: str) -> str:
    """Without underscores, and with the letters of what is short for something."""
    if text == "none":
        return NOTHING
    known = {"sms": "SMS", "cpc": "CPC", "crm": "CRM", "vip": "VIP", "whatsapp": "WhatsApp"}
    return " ".join(known.get(word, word) for word in text.replace("_", " ").split(" "))


def spoken(text: str) -> str:
    """The same with a capital, but for domains."""
    plain = written(text)
    return plain[0].upper() + plain[1:] if "." not in plain and "@" not in plain else plain


def hours(value: float) -> str:
    if value < 1:
        return "under 1 h"
    whole = int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP))
    if whole < 48:
        return f"{whole} h"
    days, rest = divmod(whole, 24)
    return f"{days:,} d" + (f" {rest} h" if rest and days < 7 else "")


def _rounded(number: Decimal, places: int) -> str:
    text = f"{number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,}"
    return text if text.strip("-0.") else text.lstrip("-")
