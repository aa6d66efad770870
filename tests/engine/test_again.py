"""`hourbell replay`: what was decided is decided again, and what a changed model decides otherwise is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from engine_world import SHOP_SPAN, Engine, contents, differences

from dagster_project.history import again
from dagster_project.history.again import Again, decide_again
from dagster_project.home import Home
from dagster_project.ticks.statements import Statement

SPAN = SHOP_SPAN.end - SHOP_SPAN.start


def test_what_was_decided_is_decided_again(lived: Engine) -> None:
    before = contents(lived.home)
    found = decide_again(lived.home, SPAN)
    assert found.is_same
    assert found.window == SHOP_SPAN
    assert sum(step.same for step in found.steps) > 30
    assert differences(before, contents(lived.home)) == []


def test_a_part_is_decided_again_with_what_came_later_already_there(lived: Engine) -> None:
    found = decide_again(lived.home, timedelta(hours=20))
    assert found.is_same
    assert found.ticks == 3
    assert found.steps


def test_what_another_model_decides_is_told(lived: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the reminder of a cart were for half of the people now."""
    compile_tick = again.compile_tick

    def changed(home: Home) -> list[Statement]:
        return [
            replace(one, sql=(one.sql[0], f"{one.sql[1][:-1]} where contact_id % 2 = 0)"))
            if one.model == "abandoned_cart__reminder"
            else one
            for one in compile_tick(home)
        ]

    monkeypatch.setattr(again, "compile_tick", changed)
    found = decide_again(lived.home, SPAN)
    assert not found.is_same
    assert found.other_arrivals > 0
    other = {(step.workflow, step.step): step for step in found.steps if step.only_then or step.only_now}
    reminder = other["abandoned_cart", "reminder"]
    assert reminder.only_then > 0
    assert reminder.same > 0
    assert _untouched(found) > 0


def _untouched(found: Again) -> int:
    return sum(step.same for step in found.steps if step.workflow == "welcome_series")
