"""`hourbell new`: what it writes is a workflow of the project."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def test_an_experiment_that_is_copied_is_counted_by_itself(project: Path) -> None:
    before = registered(project)["experiments"]
    begun = begin_workflow(project, TEMPLATES, "winter_sale", "welcome_series")
    assert begun.experiments == ["welcome subject of winter_sale"]
    after = registered(project)["experiments"]
    assert after == before | {
        "welcome subject of winter_sale": before["welcome subject"] | {"workflow": "winter_sale"},
    }
    assert lint(project, TEMPLATES) == []
    # neither the steps nor the tests ask for the other's
    assert not re.search(r"welcome subject(?! of winter_sale)", "".join(path.read_text() for path in begun.files))


def test_an_experiment_that_is_counted_elsewhere_is_found(project: Path) -> None:
    """What a copy that goes on drawing the other's experiment would be."""
    begin_workflow(project, TEMPLATES, "winter_sale", "welcome_series")
    hello = project / "models" / "workflows" / "winter_sale" / "winter_sale__hello.sql"
    hello.write_text(hello.read_text().replace("welcome subject of winter_sale", "welcome subject"))
    counted_elsewhere, drawn_by_nobody = sorted(lint(project, TEMPLATES), key=lambda one: one.path.suffix == ".yml")
    assert (counted_elsewhere.path, counted_elsewhere.line) == (hello, 4)
    assert counted_elsewhere.problem == (
        "winter_sale hello draws welcome subject, which is counted at welcome_series hello only"
    )
    assert "an experiment of its own under vars.experiments" in counted_elsewhere.mend
    assert drawn_by_nobody.problem == (
        "nobody draws the experiment welcome subject of winter_sale at winter_sale hello"
    )


def registered(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]


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
    assert "experiment" not in said
    code, said = run_command("new", "spring_sale")
    assert code == 0
    assert "the experiment welcome subject of spring_sale" in said
