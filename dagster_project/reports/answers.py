"""A page's questions, answered: what the browser gets to show, and to filter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from activations.errors import HourbellError
from dagster_project.registry import DrillRule
from dagster_project.reports import charts
from dagster_project.reports.measures import columns_of
from dagster_project.reports.pages import DRILLABLE, Block, Drill, Page
from dagster_project.reports.queries import Answer, MissingMartError, ask

# which column the filters ask about
_DATES = ("day", "month")
_NAMED = ("workflow", "channel")


@dataclass(frozen=True)
class Answered:
    """All that a page shows."""

    data: Mapping[str, Any]
    failures: Sequence[str]


def answer(connection: duckdb.DuckDBPyConnection, page: Page, rule: DrillRule) -> Answered:
    """Ask all that a page asks. What fails is told in its place and in `failures`; a missing mart in its place only."""
    failures: list[str] = []
    queries: dict[str, Any] = {}
    answers: dict[str, Answer] = {}
    for query in page.queries.values():
        try:
            answers[query.name] = ask(connection, query.sql, page.subject)
            queries[query.name] = _data(answers[query.name], query.date)
        except MissingMartError as error:
            queries[query.name] = {"missing": str(error)}
        except HourbellError as error:
            failures.append(f"{page.path.name}: the query {query.name}: {error}")
            queries[query.name] = {"error": f"The query {query.name} of {page.path.name} failed: {error}"}
    drills = {}
    for drill in page.drills.values():
        try:
            found = _drilled(connection, drill, page.subject, rule)
        except MissingMartError:
            continue
        except HourbellError as error:
            failures.append(f"{page.path.name}: the drill {drill.name}: {error}")
            continue
        if found is not None:
            drills[drill.name] = {
                **_data(found, None),
                "by": list(drill.by),
                "limit": rule.limit,
                "now": drill.now,
            }
    blocks = [_block(page, block, answers, failures) for block in page.blocks]
    return Answered(
        {
            "filters": list(page.filters),
            "subject": page.subject,
            "queries": queries,
            "drills": drills,
            "blocks": blocks,
        },
        failures,
    )


def _data(answer: Answer, date: str | None) -> dict[str, Any]:
    dated = date or next((name for name in _DATES if name in answer.columns), None)
    filters = {name: name for name in _NAMED if name in answer.columns}
    if dated in answer.columns:
        filters["date"] = str(dated)
    return {"rows": len(answer.rows), "filters": filters, "columns": answer.as_data()}


def _block(page: Page, block: Block, answers: Mapping[str, Answer], failures: list[str]) -> dict[str, Any]:
    """What a block shows; what it asks of columns that its query has not is a failure."""
    shown: dict[str, Any] = {"kind": block.kind, "query": block.query, **block.options}
    try:
        if block.kind == "chart":
            charts.check(block.options["spec"])
        for query, asked in _asked(block):
            if query in answers:
                _must_have(query, answers[query], asked)
    except HourbellError as error:
        failures.append(f"{page.path.name}: {block.options.get('title', block.kind)}: {error}")
        shown["error"] = str(error)
    return shown


def _asked(block: Block) -> Iterator[tuple[str, set[str]]]:
    """The columns that a block is made of, by query."""
    query = block.query or ""
    asked = {column["column"] for column in block.options.get("by", [])} | set(block.options.get("where") or {})
    asked |= {block.options[name] for name in ("across", "known") if block.options.get(name)}
    yield query, asked
    for figure in block.options.get("figures", []):
        asked = {*columns_of(figure["measure"]), *(figure.get("where") or {})}
        asked |= {figure["format"]["by"]} if isinstance(figure.get("format"), dict) else set()
        yield figure.get("from", query), asked | ({figure["per"]} if figure.get("per") else set())


def _must_have(name: str, found: Answer, asked: set[str]) -> None:
    missing = sorted(asked - set(found.columns))
    if missing:
        raise HourbellError(f"the query {name} has no column {', '.join(missing)}; it has {', '.join(found.columns)}.")


def _drilled(
    connection: duckdb.DuckDBPyConnection, drill: Drill, subject: str | None, rule: DrillRule
) -> Answer | None:
    """Who is behind the numbers, so many of each; None where policy allows no list."""
    found = ask(connection, drill.sql, subject)
    _must_have(drill.name, found, set(drill.by))
    kept = [name for name in found.columns if name not in DRILLABLE or name in rule.columns]
    listed = [name for name in kept if name in DRILLABLE]
    others = set(kept) - set(listed) - set(drill.by) - {*_DATES, *_NAMED}
    if others:
        raise HourbellError(f"it lists {', '.join(sorted(others))}; it may list {', '.join(DRILLABLE)} only.")
    if not listed:
        return None
    places = [list(found.columns).index(name) for name in kept]
    keys = [list(found.columns).index(name) for name in drill.by]
    rows, counted = [], dict[tuple[Any, ...], int]()
    for row in found.rows:
        key = tuple(row[place] for place in keys)
        counted[key] = counted.get(key, 0) + 1
        if counted[key] <= rule.limit:
            rows.append(
                tuple(
                    str(row[place]) if name in DRILLABLE else row[place]
                    for name, place in zip(kept, places, strict=True)
                )
            )
    kinds = {name: "text" if name in DRILLABLE else found.columns[name] for name in kept}
    return Answer(kinds, rows)
