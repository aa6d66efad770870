"""`hourbell new`: what it writes is a workflow of the project."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dbt.cli.main import dbtRunner

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from dagster_project.lint import lint
from dagster_project.scaffold import begin_workflow
from dagster_project.ticks.transform import DBT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "dbt"
    shutil.copytree(DBT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    return copy


def test_a_workflow_begun_as_a_copy_parses_and_has_nothing_wrong(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin_workflow(project, TEMPLATES, "win_back", "reengagement")
    assert lint(project, TEMPLATES) == []
    monkeypatch.setenv("HOURBELL_WAREHOUSE", str(tmp_path / "hourbell.duckdb"))
    folders = ["--project-dir", str(project), "--profiles-dir", str(project), "--log-path", str(tmp_path / "logs")]
    parsed = dbtRunner().invoke(["parse", *folders, "--target-path", str(tmp_path / "target"), "--quiet"])
    assert parsed.success, parsed.exception
    steps = {node.name for node in parsed.result.nodes.values() if node.fqn[1:3] == ["workflows", "win_back"]}
    assert {"win_back__entered", "win_back__exited", "win_back__sunset"} <= steps
    tests = [test for test in parsed.result.unit_tests.values() if test.model.startswith("win_back__")]
    assert len(tests) > 10
    assert all("reengagement" not in test.name for test in tests)
    assert "template='reengagement_offer'" in (begun.folder / "win_back__offer.sql").read_text()


def test_its_entry_is_closed_and_nothing_else_changes(project: Path) -> None:
    before = (project / "dbt_project.yml").read_text()
    begin_workflow(project, TEMPLATES, "winter_sale", "abandoned_cart")
    after = (project / "dbt_project.yml").read_text()
    added = yaml.safe_load(after)["vars"]["workflows"].pop("winter_sale")
    assert added["status"] == "closed"
    assert added["priority"] == 90
    kept = [line for line in after.splitlines() if line in before.splitlines()]
    assert [line for line in before.splitlines() if line.startswith("  #")] == [k for k in kept if k.startswith("  #")]
    assert yaml.safe_load(after)["vars"]["segments"] == yaml.safe_load(before)["vars"]["segments"]


@pytest.mark.parametrize(
    ("name", "like", "problem"),
    [
        ("winter_sale", "summer_sale", "There is no workflow summer_sale to start from"),
        ("welcome_series", "abandoned_cart", "There is a workflow welcome_series already"),
        ("triggers", "abandoned_cart", "There is a workflow triggers already"),
        ("Winter Sale", "abandoned_cart", "cannot be called Winter Sale"),
        ("winter__sale", "abandoned_cart", "cannot be called winter__sale"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(project: Path, name: str, like: str, problem: str) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(HourbellError, match=problem):
        begin_workflow(project, TEMPLATES, name, like)
    assert before == {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_the_command_says_what_to_do_next(
    run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    from dagster_project.command import new as command

    monkeypatch.setattr(command, "DBT", project)
    monkeypatch.setattr(command, "REPOSITORY", project.parent)
    code, said = run_command("new", "winter_sale", "--from", "abandoned_cart")
    assert code == 0
    assert "dbt/models/workflows/winter_sale/winter_sale__entered.sql" in said
    assert "closed: nobody enters yet" in said
