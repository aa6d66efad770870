"""What no decision has a say in is the same whether it is worked out tick by tick, or for many ticks in one go."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from engine_world import Engine, contents, differences, run_ticks
from workflow_history import DAYS, START

from dagster_project.history import groundwork as parts
from dagster_project.history.groundwork import Groundwork, laid, undecided_scopes
from dagster_project.registry import registered_workflows
from dagster_project.ticks.statements import Memory, Statement
from dagster_project.ticks.windows import HOUR, Window, split
from dagster_project.warehouse import open_warehouse

# a week by itself first, which leads up to days in which much happens
FIRST = Window(START, START + timedelta(days=7))
TICKS = [FIRST, *split(Window(FIRST.end, FIRST.end + timedelta(days=4)), 4 * HOUR)]
assert TICKS[-1].end < START + timedelta(days=DAYS)


def writes(model: str, scope: str, reads: str = "", at: str | None = "valid_from", **also: bool) -> Statement:
    return Statement(model, scope, (), f"t.{model}", at, reads=frozenset(reads.split()), **also)


def test_a_workflow_is_undecided_while_nothing_behind_it_is_decided() -> None:
    statements = [
        writes("profiles", "contacts"),
        writes("welcome_entered", "welcome", "t.profiles"),
        writes("welcome_hello", "welcome", "t.welcome_entered t.experiment_decisions"),
        writes("thanks_entered", "thanks", "t.profiles"),
        writes("follow_entered", "follow", "t.welcome_hello"),
        writes("further_entered", "further", "t.follow_entered"),
        writes("encore_entered", "encore", looks_at_ticks=True),
        writes("experiment_decisions", "decisions", "t.welcome_hello"),
        writes("welcome_performance", "marts", "t.welcome_hello"),
        writes("eligibility_changes", "contacts", "t.profiles", at="tick_end"),
        writes("allowed_entered", "allowed", "t.eligibility_changes"),
    ]
    assert undecided_scopes(statements) == {"contacts", "thanks"}


def test_what_says_how_a_tick_changed_things_looks_at_each_with_all_that_reads_it() -> None:
    statements = [
        writes("news", "contacts", at=None),
        writes("versions", "contacts", "t.news"),
        writes("changed", "contacts", "t.versions", at=None),
        writes("eligibility", "contacts", "t.changed", at="tick_end"),
        writes("latest", "contacts", "t.eligibility"),
    ]
    groundwork = Groundwork(statements, frozenset())
    assert [one.model for one in groundwork.of_any_span] == ["news", "versions", "changed"]
    assert [one.model for one in groundwork.of_each_tick] == ["changed", "eligibility", "latest"]
    assert [one.model for one in groundwork.of_last_tick] == ["news", "changed", "eligibility", "latest"]


def lay_all(engine: Engine, root: Path, statements: Sequence[Statement]) -> tuple[Engine, dict[str, dict]]:
    """A warehouse after all ticks, and how many rows each of them is told to have, by table and end of the tick."""
    home = engine.copy(root).home
    told: dict[str, dict] = {}
    with open_warehouse(home) as connection:
        connection.execute("set threads = 1")
        groundwork = Groundwork.of(connection, statements)
        for tick in laid(connection, groundwork, iter(TICKS), Memory.of(connection, statements)):
            for table, rows in tick.written.items():
                told.setdefault(table, {})[tick.window.end] = rows
    return Engine(home, statements), told


@pytest.fixture(scope="module")
def workflows(dense_life: Engine) -> list[Statement]:
    return [
        statement
        for statement in dense_life.of_workflows(*registered_workflows())
        if statement.scope in undecided_scopes(dense_life.statements)
    ]


@pytest.fixture(scope="module")
def one_by_one(dense_life: Engine, workflows: list[Statement], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = dense_life.copy(tmp_path_factory.mktemp("one by one") / "home")
    with open_warehouse(engine.home) as connection:
        run_ticks(connection, workflows, TICKS)
    return engine


def test_steps_of_a_day_in_one_go_are_those_of_its_ticks(
    dense_life: Engine, workflows: list[Statement], one_by_one: Engine, tmp_path: Path
) -> None:
    engine, told = lay_all(dense_life, tmp_path / "home", workflows)
    expected = contents(one_by_one.home)
    assert sum(1 for name, rows in expected.items() if name.startswith("workflows.") and rows) > 30
    assert differences(contents(engine.home), expected) == []
    with open_warehouse(engine.home, read_only=True) as connection:
        for statement in workflows:
            if statement.written_at == "reached_at":
                counted = connection.execute(
                    f"select tick_end, count(*) from {statement.table} group by tick_end"
                ).fetchall()
                assert {end: rows for end, rows in told[statement.table].items() if rows} == dict(counted)


def test_ticks_that_were_not_told_apart_would_be_seen(
    dense_life: Engine, workflows: list[Statement], one_by_one: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = Groundwork.of.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        parts.Groundwork, "of", classmethod(lambda *given: replace(of(*given), has_tick_end=frozenset()))
    )
    engine, _ = lay_all(dense_life, tmp_path / "home", workflows)
    assert differences(contents(engine.home), contents(one_by_one.home)) != []
