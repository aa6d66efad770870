"""Lint, types, and what the repository promises of itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dagster_project.home import Home
from dagster_project.ticks.transform import DBT

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LONGEST_LINE_OF_SQL = 130


def run(*command: str) -> None:
    outcome = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["ruff", "format", "mypy"],
)
def test_python_is_clean(command: tuple[str, ...]) -> None:
    run(*command)


def test_sql_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    # that of all who parse: had it another, dbt would read the whole project anew, here and in each process after it
    warehouse = Home(DBT / "target").warehouse
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HOURBELL_WAREHOUSE", str(warehouse))
    # half of its time is the collector of garbage, which finds none in trees that live to the end
    lint = "import gc; gc.disable(); from sqlfluff.cli.commands import cli; cli()"
    run("python", "-c", lint, "lint", "dbt/models", "dbt/tests", "--disable-progress-bar")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout")
def test_nothing_is_kept_at_the_top_but_what_belongs_there() -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    at_the_top = {name.partition("/")[0] for name in kept if not name.startswith(".")}
    folders, files = (
        {"activations", "dagster_project", "data", "dbt", "tests"},
        {"pyproject.toml", "README.md", "LICENSE"},
    )
    assert at_the_top == folders | files


def test_no_line_of_sql_is_too_long() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("models", "tests")
        for path in (ROOT / "dbt" / folder).rglob("*.sql")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST_LINE_OF_SQL
    ]
    assert not too_long


def test_ci_runs_the_test_command_of_the_readme() -> None:
    commands = re.findall(r"^    (python3 -m venv .*)$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert len(commands) == 2, "the README has one command that runs the demo and one that runs the tests"
    assert commands[1] in (ROOT / ".ci" / "run").read_text()


def test_one_macro_a_file() -> None:
    defined = re.compile(r"{%-?\s*(?:macro|materialization)\s+(\w+)")
    crowded = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "dbt" / "macros").rglob("*.sql")
        if len({name.split("__")[-1] for name in defined.findall(path.read_text())}) != 1
    }
    assert not crowded


def test_no_key_stands_twice_in_a_file_of_the_project() -> None:
    # YAML takes the later one, and says nothing
    twice = {
        str(path.relative_to(ROOT)): keys
        for folder in ("models", "seeds", "tests")
        for path in (ROOT / "dbt" / folder).rglob("*.yml")
        if (keys := keys_twice(yaml.compose(path.read_text(), yaml.CSafeLoader)))
    }
    assert not twice


def keys_twice(node: yaml.Node) -> list[str]:
    """The keys that a mapping below a node has more than once, with their lines."""
    if isinstance(node, yaml.SequenceNode):
        return [key for each in node.value for key in keys_twice(each)]
    if not isinstance(node, yaml.MappingNode):
        return []
    names = [key.value for key, _ in node.value]
    own = [f"{key.value} in line {key.start_mark.line + 1}" for key, _ in node.value if names.count(key.value) > 1]
    return own + [key for _, value in node.value for key in keys_twice(value)]


def test_every_model_says_what_it_is_and_its_grain() -> None:
    described = {
        model["name"]: model.get("description", "").strip()
        for path in (ROOT / "dbt" / "models").rglob("_*.yml")
        for model in yaml.safe_load(path.read_text()).get("models") or []
    }
    models = {path.stem for path in (ROOT / "dbt" / "models").rglob("*.sql")}
    assert models == set(described)
    without_grain = {name for name, text in described.items() if not re.search(r"One row [^.]*\.$", text)}
    assert not without_grain
