"""Every KPI on a page is a metric of the semantic layer, and says what that metric says of the same published marts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import duckdb
import pytest
from built_site import Site
from metricflow.engine.metricflow_engine import MetricFlowEngine
from oracle import Asked, Oracle
from semantics import asked, read_semantics, sources

from dagster_project.publish import published_marts
from dagster_project.reports.definitions import metrics_of, read_definitions
from dagster_project.reports.pages import Block, Page, read_pages
from dagster_project.reports.queries import marts_of
from dagster_project.reports.site import METRICS, PAGES
from dagster_project.ticks.transform import DBT, manifest

SUBJECT = "abandoned_cart"
ALL = Asked()
# what is asked in one question: the metrics of a mart, by what, of which rows, by which query
Question = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> MetricFlowEngine:
    return read_semantics(tmp_path_factory.mktemp("semantics"))


@pytest.fixture(scope="module")
def warehouse(site: Site) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published copy under the name by which dbt knows the warehouse."""
    file = site.home.published / "hourbell.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as hourbell (read_only)")
        connection.execute("use hourbell")
        yield connection


def pages() -> list[Page]:
    return read_pages(PAGES, [SUBJECT])


def kpis(block: Block) -> Iterator[Mapping[str, Any]]:
    """What a block shows that has to say which metric it is: every tile and chart, and rates wherever they are."""
    if block.kind == "tiles":
        yield from block.options["figures"]
    elif block.kind == "chart":
        yield {"label": block.options["title"], **block.options}
    elif block.kind == "table":
        yield from (figure for figure in block.options["figures"] if "/" in str(figure["value"]))


def silent(shown: Sequence[Page]) -> list[str]:
    """KPIs that neither name their metric nor say why they have none."""
    return [
        f"{page.path.name}: {kpi['label']}"
        for page in shown
        for block in page.blocks
        for kpi in kpis(block)
        if ("metric" in kpi) == bool(re.fullmatch(r"\w+ \w+ .+\.", kpi.get("no_metric", "")))
    ]


def shown_by(block: Block) -> Iterator[tuple[Mapping[str, Any], str, list[str]]]:
    """Each figure that has a metric, that metric, and the columns by which the block shows it."""
    if block.kind == "chart":
        fields = re.findall(r"'field': '(\w+)'", str(block.options["spec"]))
        for column, metric in (block.options.get("metric") or {}).items():
            value = "max" if sources()[metric].model in ("lifts", "conversion_times") else "sum"
            yield {"label": column, "value": f"{value}({column})"}, metric, [name for name in fields if name != column]
    for figure in block.options.get("figures") or []:
        if "metric" in figure:
            by = [column["column"] for column in block.options.get("by", [])]
            by += [block.options["across"]] if block.options.get("across") else []
            yield figure, figure["metric"], by + ([figure["per"]] if figure.get("per") else [])


def compare(page: Page, site: Site, engine: MetricFlowEngine, warehouse: duckdb.DuckDBPyConnection) -> list[str]:
    """The figures of a page that are not what their metric says. There has to be one that could be."""
    oracle = Oracle(site.marts, page, ALL)
    questions: dict[Question, list[tuple[str, str, dict[tuple[Any, ...], Any]]]] = {}
    for block in page.blocks:
        for figure, metric, shown in shown_by(block):
            source = sources()[metric]
            columns = oracle.columns(block, figure)
            by = tuple(dict.fromkeys(name for name in shown if name in source.dimensions and name in columns))
            wanted = {**(block.options.get("where") or {}), **(figure.get("where") or {})}
            query = page.queries[figure.get("from", block.query)]
            wanted |= {"workflow": page.subject} if "$workflow" in query.sql else {}
            where = tuple((source.dimensions[name], str(value)) for name, value in sorted(wanted.items()))
            assert f"marts.{source.mart}" in marts_of(query.sql), f"{metric} is told of another mart than {query.name}"
            told = oracle.figures(block, figure, by)
            about = f"{page.path.name}: {block.options.get('title', '')}: {figure['label']} ({metric})"
            questions.setdefault((source.model, by, where), []).append((about, metric, told))
    assert questions, f"{page.path.name} has no figure with a metric"
    wrong = []
    for (model, by, where), figures in questions.items():
        source = next(source for source in sources().values() if source.model == model)
        metrics = list(dict.fromkeys(metric for _, metric, _ in figures))
        found = asked(engine, warehouse, metrics, [source.dimensions[name] for name in by], list(map(condition, where)))
        for about, metric, told in figures:
            expected = {key: values[metrics.index(metric)] for key, values in found.items()}
            wrong += [about] if known(told) != pytest.approx(known(expected), rel=1e-9, abs=1e-9) else []
    return wrong


def condition(asked_for: tuple[str, str]) -> str:
    name, value = asked_for
    values = re.findall(r"'([^']*)'", value) if value.startswith("[") else [value]
    return f"{{{{ Dimension('{name}') }}}} in ({', '.join(repr(one) for one in values)})"


def known(figures: Mapping[tuple[Any, ...], Any]) -> dict[tuple[Any, ...], float]:
    """Those that are there: nothing and none are alike; what is divided by nothing is infinity here, and null there."""
    numbers = {key: float(value) for key, value in figures.items() if value is not None}
    return {key: value for key, value in numbers.items() if value and abs(value) != float("inf") and value == value}


def test_every_kpi_names_its_metric_or_says_why_it_has_none() -> None:
    assert not silent(pages())
    [overview] = [page for page in pages() if page.name == "index"]
    tiles = overview.blocks[0]
    [clicks] = [figure for figure in tiles.options["figures"] if figure["label"] == "Click rate"]
    del clicks["metric"]
    assert silent([overview]) == ["index.yml: Click rate"]
    clicks["no_metric"] = "none"
    assert silent([overview]) == ["index.yml: Click rate"], "that is no reason"


def test_every_figure_is_what_its_metric_says(
    site: Site, engine: MetricFlowEngine, warehouse: duckdb.DuckDBPyConnection
) -> None:
    assert not list(chain.from_iterable(compare(page, site, engine, warehouse) for page in pages()))


@pytest.mark.parametrize(
    ("label", "change"),
    [
        ("Click rate", {"metric": "open_rate"}),
        ("Click rate", {"value": "sum(clicked) / sum(sent)"}),
        ("Newsletter list", {"where": {"channel": "email", "topic": "offers"}}),
    ],
    ids=["another metric", "another formula", "other rows"],
)
def test_a_figure_that_is_another_than_its_metric_is_found_out(
    site: Site,
    engine: MetricFlowEngine,
    warehouse: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    change: dict[str, Any],
) -> None:
    [overview] = [page for page in pages() if page.name == "index"]
    tiles = overview.blocks[0]
    [figure] = [figure for figure in tiles.options["figures"] if figure["label"] == label]
    alone = replace(overview, blocks=[replace(tiles, options={"figures": [figure]})])
    assert not compare(alone, site, engine, warehouse)
    wrong = {**figure, **change}
    if "where" in change:
        # the page shows other rows than it says
        figures = Oracle.figures
        monkeypatch.setattr(Oracle, "figures", lambda self, block, _, by: figures(self, block, wrong, by))
    else:
        alone = replace(overview, blocks=[replace(tiles, options={"figures": [wrong]})])
    assert len(compare(alone, site, engine, warehouse)) == 1


def test_a_page_is_made_of_the_marts_that_its_exposure_names() -> None:
    shown: set[str] = set()
    for page in pages():
        name = "overview" if page.name == "index" else page.name.removesuffix(f"-{SUBJECT}")
        [exposure] = [found for found in manifest().exposures.values() if found.name == name]
        named = {manifest().nodes[unique_id].name for unique_id in exposure.depends_on.nodes}
        listed = set(chain.from_iterable(marts_of(drill.sql) for drill in page.drills.values()))
        asks = listed | set(chain.from_iterable(marts_of(query.sql) for query in page.queries.values()))
        read = {mart.removeprefix("marts.") for mart in asks if mart.startswith("marts.")}
        # up to when it is known stands on every page
        assert named == read | {"ticks"}, page.path.name
        shown |= {mart.removeprefix("marts.") for mart in listed}
        shown |= {
            mart.removeprefix("marts.")
            for block in page.blocks
            for query in {block.query, *(figure.get("from") for figure in block.options.get("figures") or [])} - {None}
            for mart in marts_of(page.queries[str(query)].sql)
        }
    assert set(published_marts()) <= shown | {"ticks"}, "each mart is in a tile, a chart, a table or a list"


def test_the_readme_says_which_metric_and_page_answer_each_kpi() -> None:
    text = (DBT / "README.md").read_text()
    table = text[text.index("| KPI | metrics |") :].split("\n\n")[0].splitlines()[2:]
    assert len(table) >= 20
    on_pages = {
        page.name.removesuffix(f"-{SUBJECT}"): {metric for block in page.blocks for metric in metrics_of(block)}
        for page in pages()
    }
    definitions = read_definitions(METRICS)
    for line in table:
        kpi, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        metrics, marts, where = (re.findall(r"`(\w+)`", cell) for cell in cells)
        assert metrics
        assert set(metrics) <= definitions.keys(), kpi
        assert {sources()[metric].mart for metric in metrics} == set(marts), kpi
        assert set(metrics) <= set(chain.from_iterable(on_pages[page] for page in where)), kpi
        assert all(on_pages[page] & set(metrics) for page in where), kpi
