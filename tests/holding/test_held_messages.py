"""What was held stands in a mart, from when it was held to what became of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from shop_history import NEXT, ShopHistory

from activations.holds.hold import Choice
from dagster_project.gate_out.held import learn_decisions
from dagster_project.registry import registered_workflows
from dagster_project.warehouse import open_warehouse


def told(history: ShopHistory) -> list[tuple[Any, ...]]:
    """What the mart says once the marts are published."""
    with open_warehouse(history.home) as connection:
        learn_decisions(connection, history.home)
        return connection.execute(
            "select workflow, became, messages, waiting, lost, decided_by, hours_held "
            "from marts.held_messages order by all"
        ).fetchall()


@pytest.fixture
def held(shop_history: ShopHistory, tmp_path: Path) -> ShopHistory:
    """A tick in which one workflow is held."""
    history = shop_history.copy(tmp_path / "home", approved=set(registered_workflows()) - {"abandoned_cart"})
    history.decide()
    history.leave()
    return history


def test_what_waits_is_at_stake_and_what_a_tick_holds_again_counts_once(held: ShopHistory) -> None:
    number = held.decided()["abandoned_cart"]
    assert told(held) == [("abandoned_cart", "held", number, number, 0, None, 0.0)]
    held.leave()
    assert told(held) == [("abandoned_cart", "held", number, number, 0, None, 0.0)]


@pytest.mark.parametrize(("choice", "became", "is_lost"), [("release", "sent", False), ("drop", "dropped", True)])
def test_what_a_person_decided_is_told(held: ShopHistory, choice: Choice, became: str, is_lost: bool) -> None:
    number = held.decided()["abandoned_cart"]
    held.holds()["abandoned_cart"].decide(choice, by="ann", at=NEXT.end + timedelta(minutes=3), note="a test")
    held.deliver()
    # the journal has all of it; what carriers said has not landed yet
    lost = number if is_lost else 0
    assert told(held) == [("abandoned_cart", became, number, 0, lost, "ann", 0.05)]


def test_where_nothing_is_held_nothing_is_told(shop_history: ShopHistory, tmp_path: Path) -> None:
    history = shop_history.copy(tmp_path / "home")
    history.decide()
    history.leave()
    assert told(history) == []
