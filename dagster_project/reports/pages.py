"""The pages as they are written in `dbt/reports/`: prose, questions to the marts, and how the answers are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from activations.errors import HourbellError
from activations.yaml_files import read_yaml
from dagster_project.registry import reputation_limits
from dagster_project.reports.measures import read_measure

FILTERS = ("date", "workflow", "channel")
FORMATS = (
    "number",
    "decimal",
    "percent",
    "points",
    "money",
    "cost",
    "megabytes",
    "hours",
    "seconds",
    "times",
    "probability",
    "text",
    "trend",
    "month",
    "moment",
)
# what a list of the contacts behind a number may name; none of it is an address
DRILLABLE = ("contact_id", "enrollment_id", "action_id", "conversion_id")

_PAGE = {"title", "menu", "place", "about", "filters", "each", "queries", "drills", "blocks"}
_COMMON = {"title", "note", "wide", "beside", "where", "empty"}
_BLOCKS = {
    "tiles": {"tiles", "figures"} | _COMMON,
    "chart": {"chart", "spec", "height", "metric", "no_metric", "known"} | _COMMON,
    "table": {"table", "by", "figures", "across", "order", "limit", "drill"} | _COMMON,
    "journey": {"journey", "drill", "left_drill"} | _COMMON,
    "text": {"text"} | _COMMON,
}
_FIGURE = {"label", "value", "from", "format", "where", "per", "about", "alarm", "drill", "metric", "no_metric"}
_COLUMN = {"column", "label", "link", "format", "none"}


@dataclass(frozen=True)
class Query:
    """A question to the marts."""

    name: str
    sql: str
    date: str | None
    """The column that the filter by date asks about; `day` or `month` where nothing else is said."""


@dataclass(frozen=True)
class Drill:
    """The contacts behind numbers: those whose columns `by` are those of the number's row."""

    name: str
    sql: str
    by: tuple[str, ...]
    now: bool = False
    """Whether they are those of now: of an earlier day nobody can be listed."""


@dataclass(frozen=True)
class Block:
    """A part of a page that shows the rows of one query, or text."""

    kind: str
    query: str | None
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """One page of the site."""

    name: str
    path: Path
    title: str
    menu: str
    place: int
    about: str
    filters: tuple[str, ...]
    queries: Mapping[str, Query]
    drills: Mapping[str, Drill]
    blocks: Sequence[Block]
    each: str | None = None
    subject: str | None = None
    """What the page is about, of all that it is written for."""

    @property
    def file(self) -> str:
        return f"{self.name}.html"

    @property
    def groups(self) -> list[list[tuple[int, Block]]]:
        """The blocks with their places: each alone, but for those that stand in a column beside what is before them."""
        groups: list[list[tuple[int, Block]]] = []
        for place, block in enumerate(self.blocks):
            if block.options.get("beside") and groups and groups[-1][-1][1].options.get("beside"):
                groups[-1].append((place, block))
            else:
                groups.append([(place, block)])
        return groups


def read_pages(folder: Path, workflows: Sequence[str]) -> list[Page]:
    """All pages in the order of the menu; those for each workflow once for each. Raises HourbellError with the mend."""
    pages = [page for path in sorted(folder.glob("*.yml")) for page in _for_each(read_page(path), workflows)]
    if not pages:
        raise HourbellError(
            f"There is no page in {folder}. A page is a file such as overview.yml; dbt/README.md says how."
        )
    return sorted(pages, key=lambda page: (page.place, page.name))


def _for_each(page: Page, workflows: Sequence[str]) -> list[Page]:
    if page.each is None:
        return [page]
    return [
        replace(page, name=f"{page.name}-{workflow}", title=spoken(workflow), subject=workflow)
        for workflow in workflows
    ]


def spoken(name: str) -> str:
    """A name as people write it."""
    return name.replace("_", " ").capitalize()


def read_page(path: Path) -> Page:
    """A page as its file has it. Raises HourbellError where something in it is not understood."""
    try:
        stated = read_yaml(path)
    except yaml.YAMLError as error:
        raise HourbellError(f"{path} is no YAML: {error}") from error
    if not isinstance(stated, dict) or "title" not in stated or not stated.get("blocks"):
        raise HourbellError(f"{path}: a page has a title and blocks. dbt/README.md says how pages are written.")
    _known(path, "the page", stated, _PAGE)
    filters = tuple(stated.get("filters") or ())
    if set(filters) - set(FILTERS):
        raise HourbellError(f"{path}: filters are {', '.join(FILTERS)}; not {', '.join(set(filters) - set(FILTERS))}.")
    if stated.get("each") not in (None, "workflow"):
        raise HourbellError(f"{path}: a page is for each workflow or for none; not for each {stated['each']}.")
    queries = {name: _query(path, name, query) for name, query in (stated.get("queries") or {}).items()}
    drills = {name: _drill(path, name, drill) for name, drill in (stated.get("drills") or {}).items()}
    blocks = [_block(path, block, queries, drills) for block in stated["blocks"]]
    return Page(
        path.stem,
        path,
        str(stated["title"]),
        str(stated.get("menu", "")),
        int(stated.get("place", 50)),
        str(stated.get("about", "")).strip(),
        filters,
        queries,
        drills,
        blocks,
        stated.get("each"),
    )


def _query(path: Path, name: str, stated: Any) -> Query:
    if isinstance(stated, str):
        return Query(name, stated, None)
    _known(path, f"the query {name}", stated, {"sql", "date"})
    return Query(name, str(stated["sql"]), stated.get("date"))


def _drill(path: Path, name: str, stated: Any) -> Drill:
    _known(path, f"the drill {name}", stated, {"sql", "by", "now"})
    return Drill(name, str(stated["sql"]), tuple(stated.get("by") or ()), bool(stated.get("now")))


def _block(path: Path, stated: Any, queries: Mapping[str, Query], drills: Mapping[str, Drill]) -> Block:
    kind = next((kind for kind in _BLOCKS if isinstance(stated, dict) and kind in stated), None)
    if kind is None:
        raise HourbellError(f"{path}: a block begins with one of {', '.join(_BLOCKS)}; {stated!r} does not.")
    about = f"the block {stated.get('title') or kind}"
    _known(path, about, stated, _BLOCKS[kind])
    query = None if kind == "text" else str(stated[kind])
    if query is not None and query not in queries:
        raise HourbellError(f"{path}: {about} shows the query {query}, which the page does not have.")
    named = [
        stated.get("drill"),
        stated.get("left_drill"),
        *(figure.get("drill") for figure in stated.get("figures") or []),
    ]
    missing = [drill for drill in named if drill is not None and drill not in drills]
    if missing:
        raise HourbellError(f"{path}: {about} names the drill {missing[0]}, which the page does not have.")
    foreign = {figure.get("from") for figure in stated.get("figures") or []} - {None, *queries}
    if foreign:
        raise HourbellError(f"{path}: {about} has a figure of the query {foreign.pop()}, which the page does not have.")
    if kind == "chart" and not isinstance(stated.get("metric", {}), dict):
        raise HourbellError(f"{path}: {about} names the metric of each column: `metric: {{sent: messages_sent}}`.")
    options = {name: value for name, value in stated.items() if name != kind or kind == "text"}
    if kind in ("tiles", "table"):
        options["figures"] = [_figure(path, about, figure) for figure in stated.get("figures") or []]
    if kind == "table":
        options["by"] = [_column(path, about, column) for column in stated.get("by") or []]
    return Block(kind, query, options)


def _figure(path: Path, about: str, stated: Any) -> dict[str, Any]:
    _known(path, f"a figure of {about}", stated, _FIGURE)
    if not {"label", "value"} <= set(stated):
        raise HourbellError(f"{path}: a figure of {about} has a label and a value; {stated!r} has not.")
    _format(path, about, stated)
    try:
        figure = {**stated, "measure": read_measure(str(stated["value"]))}
        return _limited(figure) if isinstance(stated.get("alarm"), str) else figure
    except HourbellError as error:
        raise HourbellError(f"{path}: {about}: {error}") from error


def _limited(figure: dict[str, Any]) -> dict[str, Any]:
    """A rate whose limit is named stands by what the gate out goes by, and says nothing of fewer than that asks for."""
    limits = reputation_limits()
    limit = getattr(limits, figure["alarm"], None)
    if limit is None or figure["measure"][0] != "/":
        raise HourbellError(
            f"the figure {figure['label']} has the alarm {figure['alarm']}. An alarm is a number, or, of a rate, the "
            "name of a limit of vars.reputation, as complaints_stop."
        )
    about = str(figure.get("about", "")).replace("{limit}", f"{100 * limit:g}\u00a0%")
    return {**figure, "about": about, "alarm": {"from": limit, "least": limits.least_recipients}}


def _column(path: Path, about: str, stated: Any) -> dict[str, Any]:
    column = {"column": stated} if isinstance(stated, str) else stated
    _known(path, f"a column of {about}", column, _COLUMN)
    _format(path, about, column)
    return {"label": spoken(str(column["column"])), **column}


def _format(path: Path, about: str, stated: Mapping[str, Any]) -> None:
    form = stated.get("format", "number")
    # one by the value of a column
    named = [value for name, value in form.items() if name != "by"] if isinstance(form, dict) else [form]
    if unknown := [one for one in named if one not in FORMATS]:
        raise HourbellError(f"{path}: {about} has the format {unknown[0]}; there are {', '.join(FORMATS)}.")


def _known(path: Path, about: str, stated: Any, known: set[str]) -> None:
    if not isinstance(stated, dict):
        raise HourbellError(f"{path}: {about} is a mapping; {stated!r} is none.")
    unknown = sorted(set(stated) - known)
    if unknown:
        raise HourbellError(f"{path}: {about} has {', '.join(unknown)}; it may have {', '.join(sorted(known))}.")
