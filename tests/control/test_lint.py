"""`hourbell lint`: each kind of fault, put into a copy of the project, is found where it is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from dagster_project.lint import Finding, lint
from dagster_project.lint.finished import out_of_reach
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
        7,
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
        7,
        "no step before reassurance has the column timezone",
    ),
    (
        f"{CART}reassurance.sql",
        "wait='23 hours'",
        "until='best_before'",
        f"{CART}reassurance.sql",
        7,
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
        "suppress()",
        "start_workflow('sunset')",
        f"{BACK}sunset.sql",
        4,
        "no workflow sunset",
    ),
    (
        f"{BACK}sunset.sql",
        "suppress()",
        "start_workflow('welcome_series')",
        f"{BACK}sunset.sql",
        4,
        "welcome_series does not hear start_workflow",
    ),
    (
        f"{BACK}sunset.sql",
        "suppress()",
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
    change(project, f"{BACK}sunset.sql", "suppress()", "stop_workflow('abandoned_cart')")
    change(project, f"{CART}exited.sql", "converted_by_order(", "stopped(")
    assert found(project) == []


HELLO = "models/workflows/welcome_series/welcome_series__hello.sql"
STORY = "models/workflows/welcome_series/welcome_series__story.sql"
SENT = (
    "{{ send(template='welcome_hello', channels=['email'], topic='newsletter', "
    "variant=experiment('welcome subject')) }}"
)


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            [(HELLO, "'welcome subject'", "'welcome subjects'")],
            [
                "nobody draws the experiment welcome subject at welcome_series hello",
                "the experiment welcome subjects is not registered",
            ],
        ),
        (
            [(REGISTRY, "step: hello", "step: story")],
            [
                "nobody draws the experiment welcome subject at welcome_series story",
                "welcome_series hello draws welcome subject, which is counted at welcome_series story only",
            ],
        ),
        (
            [(REGISTRY, "{short subject: 1,", "{tiny subject: 1, huge subject: 1,")],
            ["the template welcome_hello says the same under all variants of welcome subject"],
        ),
        (
            [(HELLO, "template='welcome_hello'", "template='welcome_story'")],
            ["the template welcome_story says the same under all variants of welcome subject"],
        ),
        # by another hour, and then none that there is
        (
            [
                (HELLO, SENT, "{{ experiment('welcome subject') }} as branch"),
                (STORY, "wait='2 days'", "wait='2 days', branch='shortest subject'"),
            ],
            ["nobody is drawn for shortest subject by welcome subject"],
        ),
        (
            [
                (HELLO, SENT, "{{ experiment('welcome subject') }} as branch"),
                (STORY, "wait='2 days'", "wait='2 days', branch='short subject'"),
            ],
            [],
        ),
    ],
)
def test_an_experiment_that_tells_nothing_is_found(
    project: Path, changes: list[tuple[str, str, str]], problems: list[str]
) -> None:
    for file, old, new in changes:
        change(project, file, old, new)
    assert sorted(finding.problem for finding in found(project)) == problems


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
    (line,) = [
        number
        for number, text in enumerate((project / REGISTRY).read_text().splitlines(), 1)
        if "reengagement:" in text
    ]
    assert findings[0].line == line


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


def test_a_webhook_of_no_endpoint(project: Path, tmp_path: Path) -> None:
    templates = own_template(tmp_path / "templates")
    (templates / "own").rename(templates / "order_desk")
    (templates / "order_desk" / "webhook.yml").write_text("cart: '{{ context.cart_id }}'")
    assert lint(project, templates) == []
    (templates / "order_desk").rename(templates / "elsewhere")
    (found,) = lint(project, templates)
    assert (found.path, found.problem) == (
        templates / "elsewhere" / "webhook.yml", "webhooks.yml has no endpoint elsewhere that this is for"
    )  # fmt: skip
    assert found.mend == "add elsewhere to webhooks.yml, or name the folder after one of order_desk"


def test_a_language_may_ask_for_less_or_say_what_stands_in(project: Path, tmp_path: Path) -> None:
    files = {"subject__de": "x", "body__de__mjml": "<mj-section></mj-section>", "subject": "{{ contact.first_name }}"}
    assert lint(project, own_template(tmp_path / "templates", body__mjml="<mj-section></mj-section>", **files)) == []


COURSE = "course__exam.sql"


@pytest.fixture
def course(project: Path) -> Path:
    """A workflow whose last step asks for those who had finished."""
    folder = project / "models/workflows/course"
    folder.mkdir()
    (folder / "course__entered.sql").write_text("select * from {{ entries('anybody') }}")
    (folder / COURSE).write_text(
        "select arrivals.* from\n"
        "{{ arrivals(ref('course__entered'), wait='1 day', finished_since='2026-03-01', exits=ref('course__exited')) }}"
    )
    entry = "\n    course: {status: live, priority: 999, longest_path: 20 days, steps: [entered, exam]}"
    change(project, REGISTRY, "\n  workflows:", f"\n  workflows:{entry}")
    return project


def finished(warehouse: duckdb.DuckDBPyConnection, last_tick: str, first_tick: str | None = None) -> None:
    """Four who finished the course, on 2, 6 and 20 March, one of whom has left; and since when the exam is known."""
    for schema in ("engine", "workflows", "decisions"):
        warehouse.execute(f"create schema {schema}")
    warehouse.execute(
        "create table engine.windows as select 'decisions' as scope, timestamp '2026-03-01' as tick_start, "
        f"timestamp '{last_tick}' as tick_end, true as succeeded"
    )
    warehouse.execute(
        "create table workflows.step_changes as select 'course' as workflow, 'exam' as step, "
        f"timestamp '{first_tick}' as known_since where {'true' if first_tick else 'false'}"
    )
    warehouse.execute(
        """
        create table decisions.arrivals as
        select enrollment_id, 'course' as workflow, 'entered' as step, 'treated' as assignment, reached_at
        from (values
            (1, timestamp '2026-03-02'), (2, timestamp '2026-03-06'),
            (3, timestamp '2026-03-20'), (4, timestamp '2026-03-02')
        ) as people (enrollment_id, reached_at)
        """
    )
    warehouse.execute("create table decisions.exits as select 4 as enrollment_id")


def out_of_reach_of(course: Path, warehouse: duckdb.DuckDBPyConnection) -> list[Finding]:
    return list(out_of_reach(warehouse, course, TEMPLATES))


def test_who_finished_too_long_ago_to_be_reached_is_counted(course: Path) -> None:
    with duckdb.connect() as warehouse:
        assert out_of_reach_of(course, warehouse) == []
        finished(warehouse, "2026-03-24")
        (finding,) = out_of_reach_of(course, warehouse)
        assert (finding.path.name, finding.line, finding.is_error) == (COURSE, 2, True)
        # twenty days before the last tick
        assert finding.problem == (
            "1 who came to entered since 2026-03-01 are out of reach of finished_since: nobody is looked for "
            "before 2026-03-04 00:00"
        )
        change(course, "models/workflows/course/course__exam.sql", "'2026-03-01'", "'2026-03-05'")
        assert out_of_reach_of(course, warehouse) == []
        change(course, "models/workflows/course/course__exam.sql", "'2026-03-05'", "'soon'")
        assert [one.problem for one in out_of_reach_of(course, warehouse)] == ["soon is no day"]


def test_a_step_that_is_there_already_reaches_nobody_who_had_finished(course: Path) -> None:
    with duckdb.connect() as warehouse:
        finished(warehouse, "2026-04-02", first_tick="2026-03-22")
        (finding,) = out_of_reach_of(course, warehouse)
        assert (finding.path.name, finding.line, finding.is_error) == (COURSE, 2, False)
        assert "reaches nobody any more: exam has been there since 2026-03-22 00:00" in finding.problem
        # it was asked for when the step was new
        warehouse.execute("insert into decisions.arrivals values (2, 'course', 'exam', 'treated', '2026-03-22')")
        assert out_of_reach_of(course, warehouse) == []
