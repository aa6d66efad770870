"""What was held stands in a mart, from when it was held to what became of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from shop_history import NEXT, ShopHistory

from activations.holds.hold import Choice
from dagster_project.gate_out.held import learn_decisions
from dagster_project.registry import registered_workflows
from dagster_project.warehouse import open_warehouse


def told(history: ShopHistory) -> list[tuple[Any, ...]]:
    """What the mart says once the marts are published; as many contacts are listed behind its numbers."""
    with open_warehouse(history.home) as connection:
        learn_decisions(connection, history.home)
        listed = connection.execute(
            "select workflow, became, count(*), count(*) filter (fate = 'waiting'), count(*) filter (fate = 'lost') "
            "from marts.held_contacts group by all order by all"
        ).fetchall()
        found = connection.execute(
            "select workflow, became, messages, waiting, lost, decided_by, hours_held "
            "from marts.held_messages order by all"
        ).fetchall()
        assert [row[:5] for row in found] == listed
        return found


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


def test_who_is_listed_is_who_stands_in_the_held_files(held: ShopHistory) -> None:
    with open_warehouse(held.home) as connection:
        found = connection.execute(
            "select action_id, contact_id, workflow, step, channel from marts.held_contacts order by all"
        ).fetchall()
    waiting = [str(file.path) for file in held.holds()["abandoned_cart"].files]
    files = duckdb.read_parquet(waiting).select("action_id, contact_id, workflow, step, channel")
    assert found == files.order("all").fetchall() != []


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
