"""The site: every page of it written beside the one that is there, and swapped in as a whole by a rename."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from markupsafe import Markup

from activations.delivery.delivery import TEMPLATES as MESSAGES
from activations.errors import HourbellError
from dagster_project.generations import begin, finish, point_to, remove_older, remove_unfinished
from dagster_project.home import Home
from dagster_project.lint.reading import Workflow, read_project
from dagster_project.publish import FILE
from dagster_project.registry import drill_rule, steps_by_workflow
from dagster_project.reports import charts
from dagster_project.reports.answers import Answered, answer
from dagster_project.reports.definitions import Definition, named, purpose_of, read_definitions
from dagster_project.reports.journey import draw
from dagster_project.reports.operations import operations
from dagster_project.reports.pages import Page, read_pages
from dagster_project.reports.prose import prose
from dagster_project.reports.queries import open_published
from dagster_project.ticks.transform import DBT

PAGES = DBT / "reports"
METRICS = DBT / "models" / "marts" / "semantic"
SITE = "site"
START = "index.html"
# a page is looked at on a phone, too
MOST_BYTES = 2_000_000

# what `hourbell docs` writes, by the names by which pages lead to it
DATA_DOCS, DBT_DOCS = "data_quality", "dbt"
_DOCS = {"docs": START, "data_docs": f"{DATA_DOCS}/{START}", "dbt_docs": f"{DBT_DOCS}/{START}"}

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Built:
    """A site that was built."""

    folder: Path
    pages: Sequence[str]
    failures: Sequence[str] = field(default_factory=tuple)
    """What could not be shown, each with its page and query; the page says so in its place."""

    @property
    def start(self) -> Path:
        return self.folder / START


def build(home: Home, *, pages: Path = PAGES) -> Built:
    """Build all pages from the published marts.

    A query that fails is told on its page and in `failures`. Raises HourbellError where nothing can be built; the site
    that is there stays.
    """
    workflows = {workflow.name: workflow for workflow in read_project(DBT, MESSAGES).workflows if workflow.registered}
    found = [_with_purpose(page, workflows) for page in read_pages(pages, sorted(steps_by_workflow()))]
    rule = drill_rule()
    definitions = read_definitions(METRICS)
    with open_published(home.published / FILE, operations(home)) as connection:
        answered = {page.name: answer(connection, page, rule) for page in found}
        known_until = _known_until(connection)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = partial(prose, places=_docs(home))
    environment.globals["docs"] = _docs(home)
    template = environment.get_template("page.html")
    files: dict[str, bytes] = {"charts.js": charts.script(DBT / "target")}
    files |= {path.name: path.read_bytes() for path in sorted((_HERE / "static").iterdir())}
    failures = [failure for page in found for failure in answered[page.name].failures]
    for page in found:
        meanings, undefined = named(page, definitions)
        html, failure = _written(template, page, found, answered[page.name], workflows, known_until, meanings)
        files[page.file] = html
        failures += [*undefined, *([failure] if failure else [])]
    return Built(_swap_in(home.reports, files), [page.file for page in found], tuple(failures))


def _with_purpose(page: Page, workflows: Mapping[str, Workflow]) -> Page:
    workflow = workflows.get(page.subject or "")
    return replace(page, about=f"{purpose_of(workflow)}\n\n{page.about}".strip()) if workflow else page


def _docs(home: Home) -> dict[str, str]:
    """Where the documentation lies, seen from a page; empty until it is written."""
    if not (home.docs / START).exists():
        return {}
    folder = os.path.relpath(home.docs, home.reports / SITE)
    return {name: f"{folder}/{file}" for name, file in _DOCS.items()}


def _known_until(connection: duckdb.DuckDBPyConnection) -> str:
    with suppress(duckdb.CatalogException):
        for (moment,) in connection.execute("select max(tick_end) from marts.ticks").fetchall():
            return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
    return ""


def _written(
    template: jinja2.Template,
    page: Page,
    pages: Sequence[Page],
    answered: Answered,
    workflows: Mapping[str, Workflow],
    known_until: str,
    meanings: Sequence[Definition],
) -> tuple[bytes, str | None]:
    journey = draw(workflows[page.subject]) if page.subject and page.subject in workflows else None

    def rendered(data: Mapping[str, Any]) -> bytes:
        return template.render(
            page=page,
            menu=_menu(pages),
            journey=journey,
            data=_as_script(data),
            known_until=known_until,
            meanings=meanings,
        ).encode()

    html = rendered(answered.data)
    if len(html) <= MOST_BYTES:
        return html, None
    bare = rendered({**answered.data, "drills": {}})
    if len(bare) <= MOST_BYTES:
        return bare, (
            f"{page.path.name}: with its lists of contacts the page would have {len(html):,} bytes, of at most "
            f"{MOST_BYTES:,}, and has none of them. Let vars.reports.drill list fewer."
        )
    largest = max(answered.data["queries"], key=lambda name: len(json.dumps(answered.data["queries"][name])))
    failure = (
        f"{page.path.name}: the page would have {len(html):,} bytes, of at most {MOST_BYTES:,}. Most of it is the "
        f"query {largest}: group it by day, or ask for fewer columns."
    )
    emptied = {name: {"error": failure} for name in answered.data["queries"]}
    return rendered({**answered.data, "queries": emptied, "drills": {}}), failure


def _menu(pages: Sequence[Page]) -> dict[str, list[Page]]:
    menu: dict[str, list[Page]] = {}
    for page in pages:
        menu.setdefault(page.menu, []).append(page)
    return menu


def _as_script(data: Mapping[str, Any]) -> Markup:
    """JSON within a page: nothing in it can end its element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c"))


def _swap_in(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a generation of the site, and let `site` name it; who reads the one before goes on reading it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder)
        unfinished = begin(folder, SITE)
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        point_to(finish(unfinished), SITE)
    except OSError as error:
        raise HourbellError(
            f"The pages cannot be written to {folder}: {error}. Readers keep those that are there. Make room or give "
            "rights; the next tick builds them again."
        ) from error
    remove_older(folder, SITE)
    return folder / SITE
