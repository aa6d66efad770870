"""No figure adds up two currencies: what is money on a page is told by currency, and so are its mart and its metric."""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from semantics import sources

from dagster_project.home import Home
from dagster_project.publish import FILE, published_marts
from dagster_project.registry import steps_by_workflow
from dagster_project.reports.answers import columns_of
from dagster_project.reports.pages import Block, Page, read_pages
from dagster_project.reports.queries import MissingMartError, ask, open_published
from dagster_project.reports.site import PAGES
from dagster_project.ticks.transform import manifest

SUBJECT = "abandoned_cart"
NAMED = re.compile(r"revenue|cost|money|worth|earned|added_per_message|order_value|given_back")
# money where what they are of is revenue
OF_REVENUE = {
    "adjusted_lift": ("lift", "lift_low", "lift_high", "adjusted_lift", "adjusted_lift_low", "adjusted_lift_high"),
    "experiment_results": ("mean", "lift", "lift_low", "lift_high"),
}
# by what page, query and column something is money
Money = Mapping[tuple[str, str], set[str]]


def money_of(mart: str) -> set[str]:
    """The columns of a mart that hold money, by its contract."""
    [node] = [found for found in manifest().nodes.values() if found.name == mart and found.resource_type == "model"]
    kinds = {name: str(column.data_type) for name, column in node.columns.items()}
    named = {name for name, kind in kinds.items() if kind.startswith("d") and kind != "date" and NAMED.search(name)}
    return named | {name for name, kind in kinds.items() if kind == "decimal(18,2)"} | set(OF_REVENUE.get(mart, ()))


@pytest.fixture(scope="module")
def money(made_up: Home, tmp_path_factory: pytest.TempPathFactory) -> Money:
    """What becomes of each page's columns when all money is worth seven times as much: those that change hold money."""
    file, dearer = made_up.published / FILE, tmp_path_factory.mktemp("dearer") / FILE
    with duckdb.connect(str(dearer)) as connection:
        connection.execute(f"attach '{file}' as published (read_only)")
        connection.execute("create schema marts")
        for mart in published_marts():
            changed = ", ".join(f'"{name}" * 7 as "{name}"' for name in sorted(money_of(mart)))
            kept = f"* replace ({changed})" if changed else "*"
            connection.execute(f"create table marts.{mart} as select {kept} from published.marts.{mart}")
    found: dict[tuple[str, str], set[str]] = {}
    with open_published(file, {}) as cheap, open_published(dearer, {}) as dear:
        for page in pages():
            for query in page.queries.values():
                try:
                    before, after = (columns(one, query.sql, page.subject) for one in (cheap, dear))
                except MissingMartError:
                    continue  # what waits in the outbox is no money
                found[page.name, query.name] = {name for name in before if before[name] != after[name]}
    return found


def columns(connection: duckdb.DuckDBPyConnection, sql: str, subject: str | None) -> dict[str, list[str]]:
    answer = ask(connection, sql, subject)
    return {name: sorted(str(row[place]) for row in answer.rows) for place, name in enumerate(answer.columns)}


def pages() -> list[Page]:
    return [page for page in read_pages(PAGES, sorted(steps_by_workflow())) if page.subject in (None, SUBJECT)]


def figures(block: Block) -> Iterator[tuple[str, str, set[str], bool]]:
    """What a block shows: its label, of which query, of which columns, and whether it is told by currency."""
    by = {column["column"] for column in block.options.get("by", [])}
    for figure in block.options.get("figures", []):
        by_currency = figure.get("per") == "currency" or "currency" in by or "currency" in (figure.get("where") or {})
        query = figure.get("from", block.query)
        yield figure["label"], query, set(columns_of(figure["measure"])), by_currency
    if block.kind == "chart":
        fields = set(re.findall(r"'field': '(\w+)'", str(block.options["spec"])))
        yield block.options["title"], str(block.query), fields, "currency" in fields


def mixed(shown: Sequence[Page], money: Money) -> list[str]:
    """Figures that add up money of whatever currency."""
    return [
        f"{page.path.name}: {block.options.get('title', block.kind)}: {label}"
        for page in shown
        for block in page.blocks
        for label, query, named, by_currency in figures(block)
        if named & money.get((page.name, query), set()) and not by_currency
    ]


def test_every_mart_with_money_says_in_which_currency() -> None:
    marts = {mart: set(manifest().nodes[f"model.hourbell.{mart}"].columns) for mart in published_marts()}
    with_money = {mart for mart in marts if money_of(mart)}
    assert with_money > {"workflow_performance", "customer_lifetime_value", "marginal_message", "revenue_lift"}
    assert {mart for mart in with_money if "currency" not in marts[mart]} == set()


def test_every_metric_of_money_can_be_told_by_currency() -> None:
    models = manifest().semantic_models.values()
    of_money = set()
    for model in models:
        assert model.node_relation is not None
        held = money_of(model.node_relation.alias)
        for measure in model.measures:
            if held & set(re.findall(r"\w+", str(measure.expr or measure.name))):
                of_money.add(measure.name)
                assert "currency" in {dimension.name for dimension in model.dimensions}, measure.name
    assert of_money > {"goal_revenue", "customer_revenue", "marginal_revenue", "credited_revenue", "tick_money"}
    assert sources()["lifetime_value"].dimensions["currency"]


def test_no_figure_of_a_page_adds_up_two_currencies(money: Money) -> None:
    assert mixed(pages(), money) == []
    assert sum(map(len, money.values())) > 60
    shown = {label for page in pages() for block in page.blocks for label, query, named, _ in figures(block)
             if named & money.get((page.name, query), set())}  # fmt: skip
    assert shown > {
        "ROI",
        "Missing orders",
        "Revenue of goals",
        "Lifetime value",
        "Earned each",
        "Covered",
        "Attributed",
    }


def changed(page: Page, label: str, change: Mapping[str, Any]) -> Page:
    blocks = deepcopy(list(page.blocks))
    for block in blocks:
        for figure in block.options.get("figures", []):
            if figure["label"] == label:
                figure.update(change)
    return replace(page, blocks=blocks)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("index", "ROI"),
        ("index", "Revenue of goals"),
        ("data_quality", "Missing orders"),
        ("audience", "Lifetime value"),
    ],
)
def test_a_figure_that_loses_its_currency_is_found_out(money: Money, name: str, label: str) -> None:
    [page] = [page for page in pages() if page.name == name]
    [told] = mixed([changed(page, label, {"per": None})], money)
    assert told.endswith(f": {label}")


def test_a_table_that_loses_its_currency_is_found_out(money: Money) -> None:
    [page] = [page for page in pages() if page.name == "attribution"]
    blocks = [
        replace(
            block, options={**block.options, "by": [one for one in block.options["by"] if one["column"] != "currency"]}
        )
        if block.kind == "table"
        else block
        for block in page.blocks
    ]
    found = mixed([replace(page, blocks=blocks)], money)
    assert {one.rpartition(": ")[2] for one in found} >= {"Revenue", "Attributed revenue", "Added revenue", "At least"}
