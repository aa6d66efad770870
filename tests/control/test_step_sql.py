"""A step is one SELECT over the warehouse: what is more, or reaches out of it, is found by `hourbell lint`."""

import shutil
from pathlib import Path

import pytest

from activations.delivery.delivery import TEMPLATES
from dagster_project.lint import lint
from dagster_project.ticks.transform import DBT

STEP = "models/workflows/abandoned_cart/abandoned_cart__reassurance.sql"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflows, their registry and the seeds."""
    copy = tmp_path_factory.mktemp("project") / "dbt"
    shutil.copytree(DBT / "models" / "workflows", copy / "models" / "workflows")
    shutil.copytree(DBT / "seeds", copy / "seeds")
    shutil.copy(DBT / "dbt_project.yml", copy)
    return copy


def problems(project: Path, text: str) -> list[str]:
    step = project / STEP
    before = step.read_text()
    try:
        step.write_text(text)
        return [found.problem for found in lint(project, TEMPLATES) if found.path == step]
    finally:
        step.write_text(before)


WRITTEN = (DBT / STEP).read_text()


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("\n; copy (select 1) to 'people.csv'", "2 statements"),
        ("\n; attach 'other.duckdb'", "2 statements"),
        ("\n; install httpfs", "2 statements"),
        ("\n; load httpfs", "2 statements"),
        ("\n; drop table raw.events", "2 statements"),
        ("\ncross join read_csv('people.csv')", "reaches out of the warehouse by read_csv"),
        ("\ncross join read_parquet('s3://bucket/*.parquet')", "by read_parquet"),
        ("\ncross join READ_TEXT ('/etc/passwd')", "by READ_TEXT"),
        ("\ncross join glob('/home/*')", "by glob"),
        ("\ncross join 'people.parquet'", "reads the file people.parquet"),
        ('\ncross join "https://host.example/people.csv"', "reads the file"),
        ("\ncross join sqlite_scan('journal.sqlite', 'journal')", "by sqlite_scan"),
        ("\ncross join query('select 1')", "by query"),
        ("\nwhere getenv('HOURBELL_LINK_KEY') <> ''", "by getenv"),
    ],
)
def test_a_step_that_is_more_than_a_question_is_found(project: Path, added: str, told: str) -> None:
    assert any(told in problem for problem in problems(project, WRITTEN.rstrip() + added))


@pytest.mark.parametrize(
    "instead",
    [
        "copy (select 1) to 'people.csv'",
        "attach 'other.duckdb' as other",
        "install httpfs",
        "load httpfs",
        "pragma database_list",
        "set memory_limit = '1TB'",
        "create table people as select 1",
        "insert into raw.events select 1",
        "delete from raw.events",
        "update raw.contacts set email = null",
        "export database 'elsewhere'",
    ],
)
def test_another_statement_is_found(project: Path, instead: str) -> None:
    assert any("no SELECT" in found or "cannot be read as one SELECT" in found for found in problems(project, instead))


def test_a_condition_that_a_macro_is_given_is_sql_too(project: Path) -> None:
    text = WRITTEN.replace("send(", "send(when=\"exists (from read_csv('people.csv'))\", ", 1)
    assert any("by read_csv" in problem for problem in problems(project, text))


def test_what_the_registry_allows_is_not_found(project: Path) -> None:
    registry = project / "dbt_project.yml"
    before = registry.read_text()
    try:
        registry.write_text(before.replace("abandoned_cart:\n", "abandoned_cart:\n      may_read: [read_csv]\n", 1))
        assert problems(project, WRITTEN.rstrip() + "\ncross join read_csv('people.csv')") == []
        assert problems(project, WRITTEN.rstrip() + "\ncross join read_text('people.csv')") != []
    finally:
        registry.write_text(before)


def test_every_step_of_the_project_is_one_select() -> None:
    assert lint(DBT, TEMPLATES) == []
