"""`hourbell forecast`: what a workflow would have done is what it did, where it was live; and nothing is touched.

What is forecast applies consent (mautic#15834) and leaves no trace (mautic#3225).
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from engine_world import SHOP_SPAN, Engine, contents, differences

from activations.errors import HourbellError
from dagster_project.history.forecast import Forecast, forecast
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks.windows import HOUR, split
from dagster_project.warehouse import open_warehouse

SPAN = SHOP_SPAN.end - SHOP_SPAN.start


def lived_through(engine: Engine, workflow: str) -> tuple[dict, dict]:
    """Contacts by assignment, and messages by step, as they came about."""
    with open_warehouse(engine.home) as warehouse:
        entered = warehouse.execute(
            "select assignment, count(distinct contact_id) from decisions.arrivals "
            "where workflow = ? and step = 'entered' group by assignment",
            [workflow],
        ).fetchall()
        sent = warehouse.execute(
            "select step, count(*) from decisions.decisions where workflow = ? and outcome = 'send' group by step",
            [workflow],
        ).fetchall()
        return dict(entered), dict(sent)


@pytest.mark.parametrize("workflow", ["abandoned_cart", "post_purchase"])
def test_what_it_would_have_done_is_what_it_did(lived: Engine, workflow: str) -> None:
    before = contents(lived.home)
    found = forecast(lived.home, workflow, SPAN, 7 * HOUR)
    entered, sent = lived_through(lived, workflow)
    assert sum(sent.values()) > 3
    assert {"treated": found.treated, "holdout": found.held_out} == {"treated": 0, "holdout": 0} | entered
    assert {step.step: step.sent for step in found.steps if step.sent} == sent
    for step in found.steps:
        assert step.reached >= step.sent + step.waiting + sum(number for _, number in step.stopped)
    assert differences(before, contents(lived.home)) == []


def test_it_goes_back_before_the_first_tick(lived: Engine) -> None:
    """There nothing was decided, and everything was learnt in one go."""
    found = forecast(lived.home, "welcome_series", SPAN + timedelta(days=20), timedelta(days=2))
    assert found.treated > sum(lived_through(lived, "welcome_series")[0].values())
    assert found.window.start == SHOP_SPAN.start - timedelta(days=20)
    assert sum(step.sent for step in found.steps) > 0


def test_who_has_agreed_to_nothing_is_not_counted_as_written_to(shop: Engine, lived: Engine, tmp_path: Path) -> None:
    engine = shop.copy(tmp_path / "home")
    with open_warehouse(engine.home) as connection:
        connection.execute("delete from raw.consents")
    replay(engine.home, split(SHOP_SPAN, 7 * HOUR), statements=engine.statements, with_outbox=False)
    found = forecast(engine.home, "abandoned_cart", SPAN, 7 * HOUR)
    assert found.treated > 0
    assert {step.sent for step in found.steps} == {0}
    assert {gate for step in found.steps for gate, _ in step.stopped} == {"no consent"}


def test_the_smallest_lift_is_that_of_a_textbook() -> None:
    """Two groups of 3,841 tell 10 from 12 points in four of five cases; the formula takes one share for both."""
    found = Forecast("x", SHOP_SPAN, 3_841, 3_841, 845, [], [])
    assert found.smallest_lift == pytest.approx(0.02, abs=0.0002)
    assert Forecast("x", SHOP_SPAN, 3_841, 0, 845, [], []).smallest_lift is None


def test_a_workflow_that_is_none_and_a_home_without_history_are_told(lived: Engine, tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match="There is no workflow 'winter_sale'"):
        forecast(lived.home, "winter_sale", SPAN, HOUR)
    with pytest.raises(HourbellError, match="no history to go by"):
        forecast(Home(tmp_path).prepare(), "birthday", SPAN, HOUR)


def test_the_command_tells_it(
    lived: Engine, run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(lived.home.root))
    code, said = run_command("forecast", "abandoned_cart", "--over", "1d", "--size", "12h")
    assert code == 0
    assert "contacts would have entered" in said
    assert "reminder" in said
    assert "The holdout would show a lift" in said or "Nobody is held out" in said
