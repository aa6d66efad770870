"""`hourbell lint`: each kind of fault, put into a copy of the project, is found where it is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from dagster_project.lint import Finding, lint
from dagster_project.lint.stranded import stranded
from dagster_project.ticks.transform import DBT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The workflows, their registry and the seeds; nothing else is read."""
    copy = tmp_path / "dbt"
    shutil.copytree(DBT / "models" / "workflows", copy / "models" / "workflows")
    shutil.copytree(DBT / "seeds", copy / "seeds")
    shutil.copy(DBT / "dbt_project.yml", copy)
    return copy


def change(project: Path, file: str, old: str, new: str) -> None:
    path = project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def found(project: Path) -> list[Finding]:
    return lint(project, TEMPLATES)


def test_the_workflows_of_the_project_have_nothing_wrong() -> None:
    assert found(DBT) == []


CART = "models/workflows/abandoned_cart/abandoned_cart__"
BACK = "models/workflows/reengagement/reengagement__"
REGISTRY = "dbt_project.yml"
GONE = "3 people are at the step sunset of reengagement, which is gone"
FAULTS = [
    (f"{CART}by_value.sql", ", otherwise='low'", "", f"{CART}by_value.sql", 4, "a branch without an else"),
    (f"{CART}incentive.sql", "branch='high'", "branch='higher'", f"{CART}incentive.sql", 5, "by higher"),
    (
        f"{CART}reassurance.sql",
        "wait='23 hours'",
        "wait='15 days'",
        f"{CART}reassurance.sql",
        5,
        "it takes 15 days",
    ),
    (
        f"{CART}reminder.sql",
        ", exits=ref('abandoned_cart__exited')",
        "",
        f"{CART}reminder.sql",
        5,
        "arrives all the same",
    ),
    (
        f"{CART}reassurance.sql",
        "wait='23 hours'",
        "wait='23 hours', local_time='10:00'",
        f"{CART}reassurance.sql",
        5,
        "no step before reassurance has the column timezone",
    ),
    (
        f"{CART}reassurance.sql",
        "wait='23 hours'",
        "until='best_before'",
        f"{CART}reassurance.sql",
        5,
        "no step before reassurance has the column best_before",
    ),
    (
        f"{BACK}we_miss_you.sql",
        "local_time='10:00'",
        "local_time='best hour'",
        f"{BACK}we_miss_you.sql",
        5,
        "no step before we_miss_you has the column best_hour",
    ),
    (f"{CART}reminder.sql", "cart_reminder", "cart_remainder", f"{CART}reminder.sql", 4, "no template cart_remainder"),
    (
        "models/workflows/lead_nurturing/lead_nurturing__call.sql",
        "carry=['owner'],",
        "carry=['owner'], channel='slack',",
        "models/workflows/lead_nurturing/lead_nurturing__call.sql",
        4,
        "sales does not read slack",
    ),
    (f"{CART}reminder.sql", "'email'", "'fax'", f"{CART}reminder.sql", 4, "no channel fax"),
    (
        f"{BACK}offer.sql",
        "ref('reengagement__we_miss_you')",
        "ref('orders')",
        f"{BACK}offer.sql",
        1,
        "nobody can reach offer",
    ),
    (REGISTRY, "goodbye, sunset]", "goodbye]", f"{BACK}sunset.sql", 1, "nobody registers the step sunset"),
    (REGISTRY, "goodbye, sunset]", "goodbye, sunset, encore]", REGISTRY, None, "has no reengagement__encore.sql"),
    (
        REGISTRY,
        "priority: 40",
        "priority: 30",
        REGISTRY,
        None,
        "fight over the same people: they have the same priority",
    ),
    (f"{BACK}entered.sql", "'after 180 days'", "'after 59 days'", f"{BACK}entered.sql", None, "goes on waiting"),
    (f"{BACK}entered.sql", "'after 180 days'", "'always'", f"{BACK}entered.sql", None, "who enters again goes on"),
    (
        f"{BACK}sunset.sql",
        "add_tag('sunset')",
        "start_workflow('sunset')",
        f"{BACK}sunset.sql",
        4,
        "no workflow sunset",
    ),
    (
        f"{BACK}sunset.sql",
        "add_tag('sunset')",
        "start_workflow('welcome_series')",
        f"{BACK}sunset.sql",
        4,
        "welcome_series does not hear start_workflow",
    ),
    (
        f"{BACK}sunset.sql",
        "add_tag('sunset')",
        "stop_workflow('abandoned_cart')",
        f"{BACK}sunset.sql",
        4,
        "abandoned_cart does not hear stop_workflow",
    ),
    ("seeds/frequency_caps.csv", "all,all,1,24", "all,all,0,24", "seeds/frequency_caps.csv", 2, "lets nothing through"),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "line", "problem"), FAULTS, ids=[fault[-1] for fault in FAULTS]
)
def test_a_fault_is_found_where_it_is(
    project: Path, file: str, old: str, new: str, where: str, line: int | None, problem: str
) -> None:
    change(project, file, old, new)
    findings = [finding for finding in found(project) if problem in finding.problem]
    assert len(findings) == 1, found(project)
    assert findings[0].path == project / where
    assert findings[0].line == (line or findings[0].line)
    assert findings[0].line > 1 or line == 1
    assert findings[0].mend


def test_a_workflow_that_hears_is_left_alone(project: Path) -> None:
    change(project, f"{BACK}sunset.sql", "add_tag('sunset')", "stop_workflow('abandoned_cart')")
    change(project, f"{CART}exited.sql", "converted_by_order(", "stopped(")
    assert found(project) == []


def test_two_workflows_with_the_same_way_in_are_told(project: Path) -> None:
    entered = (project / f"{BACK}entered.sql").read_text()
    (project / "models/workflows/welcome_series/welcome_series__entered.sql").write_text(entered)
    assert any("the same lets people into both" in finding.problem for finding in found(project))


def test_a_workflow_that_nobody_registers_is_told(project: Path) -> None:
    other = project / "models/workflows/winter_sale"
    other.mkdir()
    (other / "winter_sale__entered.sql").write_text("select * from {{ entries('anybody') }}")
    assert [finding.problem for finding in found(project)] == ["the workflow winter_sale is not registered"]


def test_what_cannot_be_read_is_named_with_its_line(project: Path) -> None:
    (project / f"{CART}reminder.sql").write_text("select\n    {{ send( }}\n")
    with pytest.raises(HourbellError, match=r"abandoned_cart__reminder\.sql:2 cannot be read"):
        found(project)


def test_people_at_a_step_that_is_gone_are_counted(project: Path) -> None:
    with duckdb.connect() as warehouse:
        assert list(stranded(warehouse)) == []
        warehouse.execute("create schema decisions")
        warehouse.execute(
            """
            create table decisions.arrivals as
            select number % 5 as enrollment_id, 'reengagement' as workflow, step, 'treated' as assignment,
                timestamp '2026-03-01' + to_hours(place) as reached_at, timestamp '2026-03-02' as tick_end
            from range(5) as people(number)
            cross join (values ('entered', 1), ('goodbye', 2), ('sunset', 3)) as steps(step, place)
            where number < 4 or step <> 'sunset'
            """
        )
        warehouse.execute("create table decisions.exits as select 3 as enrollment_id")
        assert list(stranded(warehouse)) == []
        change(project, REGISTRY, "goodbye, sunset]", "goodbye]")
        findings = list(stranded(warehouse, project / REGISTRY))
    assert [finding.problem for finding in findings] == [
        "3 people are at the step sunset of reengagement, which is gone"
    ]


def test_the_command_says_where(
    run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    from dagster_project.command import lint as command

    assert run_command("lint") == (0, "Nothing is wrong.\n")
    change(project, f"{CART}by_value.sql", ", otherwise='low'", "")
    monkeypatch.setattr(command, "DBT", project)
    code, said = run_command("lint")
    assert code == 1
    assert "abandoned_cart__by_value.sql:4 a branch without an else" in said


def own_template(templates: Path, **files: str) -> Path:
    """A copy of the templates with one that is written here: its files, `__` in their names being a dot."""
    shutil.copytree(TEMPLATES, templates)
    (templates / "own").mkdir()
    for name, source in files.items():
        (templates / "own" / f"{name.replace('__', '.')}.liquid").write_text(source)
    return templates


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"body__de__mjml": "{{ context.coupon }}", "subject__de": "x"},
            "own in de needs context.coupon, and otherwise",
        ),
        ({"subject__de": "x"}, "own lacks body.de.mjml.liquid"),
        ({"body__de__txt": "x"}, "own lacks subject.de.liquid"),
        ({"body__DE__mjml": "x"}, "nothing reads body.DE.mjml.liquid"),
        ({"body__mjml": "<mj-section>"}, "not valid MJML"),
        ({"preheader": "{% render 'nowhere' %}"}, "no blocks/nowhere.txt.liquid"),
        ({"preheader": "{% render 'offer' %}", "sms": "{% if %}"}, "no blocks/offer.txt.liquid"),
        ({"body__mjml": "{% render 'offer' %}"}, "the block offer needs code, which it is not given here"),
    ],
)
def test_a_template_that_cannot_be_used(project: Path, tmp_path: Path, files: dict[str, str], problem: str) -> None:
    templates = own_template(tmp_path / "templates", **{"subject": "x", "body__mjml": "", **files})
    (found,) = lint(project, templates)
    assert problem in found.problem
    assert found.path.parent == templates / "own"


def test_a_language_may_ask_for_less_or_say_what_stands_in(project: Path, tmp_path: Path) -> None:
    files = {"subject__de": "x", "body__de__mjml": "<mj-section></mj-section>", "subject": "{{ contact.first_name }}"}
    assert lint(project, own_template(tmp_path / "templates", body__mjml="<mj-section></mj-section>", **files)) == []
