"""How pages are read and answered, what they may not ask, and that a site is whole at every moment."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from dagster_project.defs import reporting
from dagster_project.home import Home
from dagster_project.lint.reading import read_project
from dagster_project.registry import DrillRule
from dagster_project.reports import build, site
from dagster_project.reports.answers import answer
from dagster_project.reports.definitions import read_definitions
from dagster_project.reports.journey import HEIGHT, WIDTH, draw
from dagster_project.reports.measures import read_measure
from dagster_project.reports.operations import operations
from dagster_project.reports.pages import read_page
from dagster_project.reports.prose import prose
from dagster_project.reports.queries import ask, open_published
from dagster_project.reports.site import PAGES
from dagster_project.ticks.transform import DBT

PAGE = """
title: Numbers
queries:
  sent: {query}
blocks:
  - tiles: sent
    figures: [{{label: Sent, value: {value}}}]
"""


def write(
    folder: Path, query: str = "select day, sent from marts.channel_performance", value: str = "sum(sent)"
) -> Path:
    path = folder / "index.yml"
    path.write_text(PAGE.format(query=json.dumps(query), value=json.dumps(value)))
    return path


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("select * from decisions.outbox", "it reads decisions.outbox"),
        ("select * from read_csv('/etc/passwd')", "file system operations are disabled"),
        ("select * from '/etc/passwd'", "it reads"),
        ("delete from marts.ticks", "it is not one select"),
        ("select 1 as n; select 2 as n", "it is not one select"),
        ("select nothing from marts.ticks", "nothing"),
        ("select (", "it is no SQL"),
    ],
)
def test_a_query_that_fails_is_told_on_its_page_and_by_name_and_the_others_go_on(
    apart: Home, pages_folder: Path, query: str, says: str
) -> None:
    write(pages_folder, query)
    (pages_folder / "other.yml").write_text(
        PAGE.format(query='"select day, sent from marts.channel_performance"', value='"sum(sent)"')
    )
    built = build(apart, pages=pages_folder)
    assert len(built.failures) == 1
    assert "index.yml: the query sent: " in built.failures[0]
    assert says in built.failures[0]
    assert says in data_of((built.folder / "index.html").read_text())["queries"]["sent"]["error"]
    assert data_of((built.folder / "other.html").read_text())["queries"]["sent"]["rows"] == 400


def test_a_number_without_end_is_no_number_and_the_page_is_there(apart: Home, pages_folder: Path) -> None:
    """DuckDB divides by zero to infinity, and JSON has none."""
    divided = "select sent, sent / 0 as up, -sent / 0 as down, 0 * (sent / 0) as neither from marts.channel_performance"
    write(pages_folder, f"{divided} where sent > 0 limit 1")
    built = build(apart, pages=pages_folder)
    assert not built.failures
    columns = data_of(built.start.read_text())["queries"]["sent"]["columns"]
    assert columns["sent"]["values"][0] > 0
    assert [columns[name]["values"] for name in ("up", "down", "neither")] == [[None]] * 3


def test_a_mart_that_is_not_there_is_no_failure(apart: Home, pages_folder: Path) -> None:
    write(pages_folder, "select * from marts.of_another_version")
    built = build(apart, pages=pages_folder)
    assert not built.failures
    asked = data_of((built.folder / "index.html").read_text())["queries"]["sent"]
    assert asked == {"missing": "the mart marts.of_another_version is not published."}


def test_figures_are_read_as_sql_and_what_is_none_is_refused() -> None:
    assert read_measure("sum(clicked) / sum(sent)") == ["/", ["sum", "clicked"], ["sum", "sent"]]
    assert read_measure("(last(a) - 1) * 2.5") == ["*", ["-", ["last", "a"], ["number", 1.0]], ["number", 2.5]]
    assert read_measure("latest(standing)") == ["latest", "standing"]
    assert read_measure("coalesce(count(*), 0)") == ["coalesce", ["count"], ["number", 0.0]]
    for text in ("clicked", "sum(a + b)", "system('rm')", "sum(a) > 1", "", "sum(", "latest(a + 1)"):
        with pytest.raises(HourbellError, match="is not understood"):
            read_measure(text)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (("title: Numbers", "titel: Numbers"), "a page has a title"),
        (("title: Numbers", "title: Numbers\nfilter: [date]"), "the page has filter"),
        (("title: Numbers", "title: Numbers\nfilters: [country]"), "not country"),
        (("tiles: sent", "tiles: send"), "shows the query send"),
        (("label: Sent", "label: Sent, format: pounds"), "has the format pounds"),
        (("label: Sent", "label: Sent, format: {by: kind, sent: pounds}"), "has the format pounds"),
        (("label: Sent", "label: Sent, alarm: complaints"), "the name of a limit of vars.reputation"),
        (("label: Sent", "label: Sent, alarm: complaints_stop"), "of a rate"),
        (("label: Sent", "label: Sent, drill: people"), "names the drill people"),
        (("- tiles: sent", "- piles: sent"), "a block begins with"),
        (
            ("blocks:", "blocks:\n  - {chart: sent, spec: {}, metric: messages_sent}"),
            "the metric of each column",
        ),
    ],
)
def test_what_is_not_understood_in_a_page_is_named(pages_folder: Path, changed: tuple[str, str], says: str) -> None:
    path = write(pages_folder)
    path.write_text(path.read_text().replace(*changed))
    with pytest.raises(HourbellError, match=re.escape(says)) as raised:
        read_page(path)
    assert str(path) in str(raised.value)


def test_a_figure_of_a_column_that_is_not_there_is_told(apart: Home, pages_folder: Path) -> None:
    write(pages_folder, value="sum(received)")
    (failure,) = build(apart, pages=pages_folder).failures
    assert "the query sent has no column received; it has day, sent." in failure


def test_a_metric_that_nobody_defines_is_told_and_what_one_means_stands_on_the_page(
    apart: Home, pages_folder: Path
) -> None:
    path = write(pages_folder)
    stated = path.read_text()
    path.write_text(stated.replace("label: Sent", "label: Sent, metric: messages_cent"))
    (failure,) = build(apart, pages=pages_folder).failures
    assert "index.yml: there is no metric messages_cent" in failure
    path.write_text(stated.replace("label: Sent", "label: Sent, metric: messages_sent"))
    built = build(apart, pages=pages_folder)
    assert not built.failures
    assert "Messages handed to a channel." in built.start.read_text()


def test_definitions_that_dbt_would_not_read_name_their_file(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_text("metrics: [{name: sent}]")
    with pytest.raises(HourbellError, match=r"one\.yml has no metrics as dbt reads them"):
        read_definitions(tmp_path)


def test_a_chart_that_is_none_is_told(apart: Home, pages_folder: Path) -> None:
    path = write(pages_folder)
    path.write_text(path.read_text() + "  - chart: sent\n    spec: {mark: pie chart}\n")
    (failure,) = build(apart, pages=pages_folder).failures
    assert "Vega-Lite does not take it" in failure


def test_a_page_that_would_be_too_large_names_the_query(
    apart: Home, pages_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pages_folder, "select * from marts.channel_performance")
    monkeypatch.setattr(site, "MOST_BYTES", 12_000)
    built = build(apart, pages=pages_folder)
    assert "Most of it is the query sent: group it by day" in built.failures[0]
    assert (built.folder / "index.html").stat().st_size < 12_000


DRILLS = """
title: People
queries: {{hot: "select level, count(*) as contacts from marts.engagement_scores group by all"}}
drills: {{people: {{by: [level], sql: "select level, contact_id{more} from marts.engagement_scores"}}}}
blocks: [{{table: hot, by: [level], drill: people, figures: [{{label: Contacts, value: sum(contacts)}}]}}]
"""


@pytest.mark.parametrize(
    ("columns", "limit", "listed"), [(("contact_id",), 3, 6), ((), 3, None), (("action_id",), 3, None)]
)
def test_policy_says_whether_and_how_many_contacts_are_listed(
    apart: Home, pages_folder: Path, columns: tuple[str, ...], limit: int, listed: int | None
) -> None:
    path = pages_folder / "index.yml"
    path.write_text(DRILLS.format(more=""))
    with open_published(apart.published / "hourbell.duckdb", {}) as connection:
        answered = answer(connection, read_page(path), DrillRule(columns, limit))
        assert not answered.failures
        found = answered.data["drills"].get("people")
        assert (found and found["rows"]) == listed
        if found:
            # whole, though JavaScript could not count so far
            assert all(value.startswith("90071992547409") for value in found["columns"]["contact_id"]["known"])
        path.write_text(DRILLS.format(more=", 'anna@shop.example' as email"))
        refused = answer(connection, read_page(path), DrillRule(("contact_id",), limit))
        assert "it lists email" in refused.failures[0]
        assert not refused.data["drills"]


def test_who_waits_in_the_outbox_is_listed_by_the_hold_that_holds_them(apart: Home) -> None:
    marts = apart.published / "hourbell.duckdb"
    columns, nothing = operations(apart)["holds"]
    assert not nothing
    with duckdb.connect(str(marts), read_only=True) as connection:
        key = connection.execute(
            "select tick_end, workflow, channel from marts.held_contacts order by all limit 1"
        ).fetchall()[0]
        waiting = connection.execute(
            "select contact_id from marts.held_contacts where (tick_end, workflow, channel) = (?, ?, ?) order by all",
            key,
        ).fetchall()
    # as the same workflow by another channel, whose contacts are none of these
    held = [(*key, len(waiting), "too many", None), (*key[:2], "push", 1, "its first activation", None)]
    with open_published(marts, {"holds": (columns, held)}) as connection:
        answered = answer(connection, read_page(PAGES / "operations.yml"), DrillRule(("contact_id",), 50))
    assert not answered.failures
    listed = answered.data["drills"]["held"]["columns"]
    assert {name: listed[name]["known"] for name in ("workflow", "channel", "reasons")} == {
        "workflow": [key[1]],
        "channel": [key[2]],
        "reasons": ["too many"],
    }
    known, places = listed["contact_id"]["known"], listed["contact_id"]["places"]
    assert [known[place] for place in places] == [str(contact) for (contact,) in waiting] != []


def test_a_page_that_its_lists_make_too_large_keeps_its_figures(
    apart: Home, pages_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pages_folder / "index.yml").write_text(DRILLS.format(more=""))
    whole = build(apart, pages=pages_folder)
    assert not whole.failures
    monkeypatch.setattr(site, "MOST_BYTES", whole.start.stat().st_size - 1)
    built = build(apart, pages=pages_folder)
    assert "Let vars.reports.drill list fewer" in built.failures[0]
    shown = data_of(built.start.read_text())
    assert not shown["drills"]
    assert shown["queries"]["hot"]["rows"] == 2


def test_nothing_in_the_data_ends_the_script_that_holds_it(apart: Home, pages_folder: Path) -> None:
    write(pages_folder, "select '</script><script>alert(1)</script>' as sent")
    html = (build(apart, pages=pages_folder).folder / "index.html").read_text()
    assert "<script>alert" not in html
    assert data_of(html)["queries"]["sent"]["columns"]["sent"]["known"] == ["</script><script>alert(1)</script>"]
    assert "<img" not in prose("**bold** `code` <img src=x>")
    assert prose("**bold** and `a_b`") == "<p><strong>bold</strong> and <code>a_b</code></p>"
    assert prose("[the docs](docs)", {"docs": 'a"b'}) == '<p><a href="a&#34;b">the docs</a></p>'
    assert prose("[the docs](docs) and [more](javascript:alert(1))") == (
        "<p>the docs and [more](javascript:alert(1))</p>"
    )


def test_a_site_is_swapped_in_as_a_whole_and_the_one_before_stays_readable(
    apart: Home, pages_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pages_folder)
    first = build(apart, pages=pages_folder)
    before = first.start.resolve()
    build(apart, pages=pages_folder)
    assert first.start.resolve() != before
    assert before.exists()

    swapped = first.start.resolve()
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(HourbellError, match="Readers keep those that are there"):
            build(apart, pages=pages_folder)
    assert Path.rename is rename
    assert first.start.resolve() == swapped
    build(apart, pages=pages_folder)
    assert len(list(apart.reports.glob(".site-*"))) == 2
    assert not list(apart.reports.glob("*.unfinished"))


def test_pages_without_marts_say_what_to_do_and_never_stop_a_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]]
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(tmp_path))
    code, said = run_command("reports")
    assert code == 1
    assert "There are no published marts" in said
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([reporting.reports], instance=instance)
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN


def test_the_command_builds_every_page(
    apart: Home, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]]
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(apart.root))
    code, said = run_command("reports")
    assert code == 0, said
    assert "20 pages: " in said
    for page in apart.reports.joinpath("site").glob("workflow-*.html"):
        assert "<strong>Goal:</strong>" in page.read_text(), f"{page.name} does not say what it is to reach"
    sizes = {path.name: path.stat().st_size for path in apart.reports.joinpath("site").iterdir()}
    assert max(sizes.values()) < 2_000_000
    # neither in the pages nor in what they load is any address that would be asked for something
    for name in sizes.keys() - {"charts.js"}:
        text = (apart.reports / "site" / name).read_text()
        assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_steps_of_a_journey_stand_below_what_leads_to_them_and_never_on_each_other() -> None:
    for workflow in read_project(DBT, TEMPLATES).workflows:
        journey = draw(workflow)
        places = {node.step: (node.x, node.y) for node in journey.nodes}
        assert set(places) == set(workflow.registered)
        assert all(len(node.does) <= 29 for node in journey.nodes), "there is no room for more in a step"
        for edge in journey.edges:
            assert places[edge.from_step][1] + HEIGHT < places[edge.to_step][1]
        for step, (x, y) in places.items():
            assert WIDTH / 2 <= x <= journey.width - WIDTH / 2
            assert all(
                abs(x - other_x) >= WIDTH or abs(y - other_y) >= HEIGHT
                for other, (other_x, other_y) in places.items()
                if other != step
            )


def test_marts_are_read_only_while_pages_are_built(apart: Home) -> None:
    with open_published(apart.published / "hourbell.duckdb", {}) as connection:
        large = ask(connection, "select 9007199254740993 as id", None).as_data()["id"]
        assert large["known"] == ["9007199254740993"], "JavaScript would take it for another"
        assert ask(connection, "select count(*) as n from marts.ticks", None).rows == [(400,)]
        for sql in ("insert into published.marts.ticks select * from marts.ticks", "copy marts.ticks to '/tmp/x'"):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)
