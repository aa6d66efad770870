"""A broken workflow does not stop the others, and catches up when it is mended."""

import shutil
from datetime import datetime, timedelta

import pytest

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks import tick as ticks
from dagster_project.ticks import transform
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.tick import run_tick
from dagster_project.ticks.windows import Window, split
from dagster_project.warehouse import open_warehouse

DAY = timedelta(days=1)
SPAN = Window(datetime(2026, 3, 2), datetime(2026, 3, 5))


def break_model(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    node = transform.manifest().nodes[f"model.hourbell.{name}"]
    monkeypatch.setattr(node, "raw_code", "select no_such_column from {{ ref('abandoned_cart__entered') }}")


def arrivals(home: Home) -> list[tuple]:
    with open_warehouse(home) as warehouse:
        return warehouse.execute(
            "select enrollment_id, workflow, step, reached_at from decisions.arrivals order by all"
        ).fetchall()


def test_the_others_go_on_and_the_broken_one_catches_up(
    home: Home, compiled: tuple[Home, list[Statement]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = split(SPAN, DAY)
    run_tick(home, first)
    with monkeypatch.context() as patch:
        break_model(patch, "abandoned_cart__reminder")
        during = run_tick(home, second)
    assert during.broken == ["abandoned_cart"]
    with open_warehouse(home) as warehouse:
        decided = dict(
            warehouse.execute(
                "select workflow, count(*) from decisions.candidates where tick_end = ? group by workflow", [second.end]
            ).fetchall()
        )
    assert "abandoned_cart" not in decided
    assert {"welcome_series", "post_purchase"} <= set(decided)
    assert sum(during.actions.values()) > 0

    after = run_tick(home, third)
    assert after.broken == []
    caught_up = arrivals(home)

    clean = Home(home.root.parent / "clean")
    clean.prepare()
    for file in home.landing.rglob("*.parquet"):
        copied = clean.landing / file.relative_to(home.landing)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(file.read_bytes())
    empty, statements = compiled
    shutil.copyfile(empty.warehouse, clean.warehouse)
    ticks.land(clean, first)
    replay(clean, split(SPAN, DAY), statements=statements, with_outbox=False)
    assert caught_up == arrivals(clean)
    with open_warehouse(home) as warehouse:
        twice = warehouse.execute(
            "select action_id from decisions.decisions where outcome = 'send' group by action_id having count(*) > 1"
        ).fetchall()
    assert twice == []
