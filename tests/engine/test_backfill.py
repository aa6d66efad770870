"""`hourbell backfill`: who qualified before a workflow went live stays out until asked for, and then enters once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_world import SHOP_SPAN, Engine, changed, contents, differences, steps

from activations.errors import HourbellError
from dagster_project.history import backfill as module
from dagster_project.history.backfill import Backfill, let_in, plan_backfill
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks.windows import HOUR, Window, split
from dagster_project.warehouse import open_warehouse

WENT_LIVE = SHOP_SPAN.start + 28 * HOUR
AHEAD = 3 * HOUR
NEXT = Window(SHOP_SPAN.end, SHOP_SPAN.end + HOUR)


def run(engine: Engine, *windows: Window) -> None:
    replay(engine.home, windows, statements=engine.statements, with_outbox=False)


def asked(engine: Engine, question: str) -> list[tuple]:
    with open_warehouse(engine.home) as warehouse:
        return warehouse.execute(question).fetchall()


def carts(engine: Engine, condition: str = "true") -> dict[tuple[int, str], Any]:
    """What entries carry, by contact and reason to enter."""
    rows = asked(
        engine,
        f"select contact_id, entry_key, (cart_id, cart_value, item_count, occurred_at) "
        f"from workflows.abandoned_cart__entered where {condition}",
    )
    found = {(contact, key): carried for contact, key, carried in rows}
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def late(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The shop, with a workflow that is closed at first. Copy it; do not change it."""
    engine = shop.copy(tmp_path_factory.mktemp("late") / "home")
    status = [one for one in engine.statements if one.model == "workflow_status_changes"]
    closed = changed(status, "('abandoned_cart', True)", "('abandoned_cart', false)")
    statements = [one for one in engine.statements if one.model != "workflow_status_changes"]
    before = Window(SHOP_SPAN.start, WENT_LIVE)
    replay(engine.home, split(before, 7 * HOUR), statements=[*closed, *statements], with_outbox=False)
    run(engine, *split(Window(WENT_LIVE, SHOP_SPAN.end), 7 * HOUR))
    return engine


@pytest.fixture(scope="module")
def expected(lived: Engine) -> dict[tuple[int, str], Any]:
    """Who entered before then where the workflow had been live, and would still be in it."""
    return carts(
        lived,
        f"reached_at < timestamp '{WENT_LIVE}' "
        "and enrollment_id not in (select enrollment_id from workflows.abandoned_cart__exited)",
    )


@pytest.fixture(scope="module")
def planned(late: Engine) -> Backfill:
    before = contents(late.home)
    found = plan_backfill(late.home, "abandoned_cart", SHOP_SPAN.start, AHEAD)
    assert differences(before, contents(late.home)) == []
    return found


@pytest.fixture
def backfilled(late: Engine, planned: Backfill, tmp_path: Path) -> Engine:
    engine = late.copy(tmp_path / "home")
    let_in(engine.home, planned)
    return engine


def test_who_qualified_before_stays_out_until_asked_for(
    late: Engine, lived: Engine, expected: dict, tmp_path: Path
) -> None:
    assert len(expected) > 3
    engine = late.copy(tmp_path / "home")
    run(engine, NEXT)
    assert not expected.keys() & carts(engine).keys()
    assert carts(late) == carts(lived, f"reached_at >= timestamp '{WENT_LIVE}'") != {}


def test_the_size_is_shown_first(lived: Engine, planned: Backfill, expected: dict, backfilled: Engine) -> None:
    assert {(one.contact_id, one.entry_key) for one in planned.qualified} == expected.keys()
    assert planned.treated + planned.held_out == len({contact for contact, _ in expected})
    gone = carts(lived, f"reached_at < timestamp '{WENT_LIVE}'").keys() - expected.keys()
    assert planned.left_already == len({contact for contact, _ in gone} - {contact for contact, _ in expected})
    run(backfilled, *split(Window(SHOP_SPAN.end, SHOP_SPAN.end + AHEAD), HOUR))
    ((sent,),) = asked(
        backfilled,
        "select count(distinct contact_id) from decisions.decisions where step = 'reminder' and outcome = 'send' "
        f"and workflow = 'abandoned_cart' and reached_at = timestamp '{SHOP_SPAN.end}'",
    )
    assert sent > 0
    assert {step.step: step.sent for step in planned.steps} == {"reminder": sent}


def test_exactly_they_enter_once(late: Engine, backfilled: Engine, expected: dict) -> None:
    run(backfilled, NEXT)
    once = carts(backfilled)
    assert {key: once[key] for key in expected} == expected
    assert once.keys() - expected.keys() >= carts(late).keys()
    assert asked(
        backfilled,
        "select distinct reached_at, assignment in ('treated', 'holdout') from workflows.abandoned_cart__entered "
        f"where occurred_at < timestamp '{WENT_LIVE}' - interval '1 hour'",
    ) == [(SHOP_SPAN.end, True)]
    before = contents(backfilled.home)
    run(backfilled, NEXT)
    assert differences(before, contents(backfilled.home)) == []
    run(backfilled, Window(NEXT.end, NEXT.end + HOUR))
    assert carts(backfilled) == once


def test_it_is_the_same_in_ticks_of_any_size(backfilled: Engine, tmp_path: Path) -> None:
    following = Window(SHOP_SPAN.end, SHOP_SPAN.end + timedelta(days=1))
    other = backfilled.copy(tmp_path / "other")
    run(backfilled, following)
    run(other, *split(following, 5 * HOUR))
    with open_warehouse(backfilled.home) as one, open_warehouse(other.home) as many:
        assert steps(one)["abandoned_cart__reassurance"] != []
        assert steps(one) == steps(many)


def test_who_qualified_while_it_was_live_had_their_chance(late: Engine, expected: dict, tmp_path: Path) -> None:
    """Even if the rule of then took them in less readily than the one of now."""
    engine = late.copy(tmp_path / "home")
    assert asked(engine, f"delete from workflows.abandoned_cart__entered where reached_at >= '{WENT_LIVE}'") != [(0,)]
    found = plan_backfill(engine.home, "abandoned_cart", SHOP_SPAN.start, HOUR)
    assert {(one.contact_id, one.entry_key) for one in found.qualified} == expected.keys()


def test_it_goes_back_before_the_first_tick(lived: Engine) -> None:
    """There nobody entered anything, and what lets people in has not been looked for."""
    found = plan_backfill(lived.home, "reengagement", SHOP_SPAN.start - timedelta(days=20), HOUR)
    assert found.treated + found.held_out > 3
    assert {one.qualified_at < SHOP_SPAN.start for one in found.qualified} == {True}
    inside = asked(lived, "select contact_id from workflows.reengagement__entered")
    assert not {contact for (contact,) in inside} & {one.contact_id for one in found.qualified}


def test_nobody_is_let_in_twice(backfilled: Engine, expected: dict) -> None:
    for _ in range(2):
        again = plan_backfill(backfilled.home, "abandoned_cart", SHOP_SPAN.start, HOUR)
        assert again.qualified == []
        assert again.entered_already == len({contact for contact, _ in expected})
        run(backfilled, NEXT)


def test_what_cannot_be_backfilled_is_told(
    late: Engine, backfilled: Engine, planned: Backfill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(backfilled, NEXT)
    with pytest.raises(HourbellError, match="A tick has run meanwhile"):
        let_in(backfilled.home, planned)
    with pytest.raises(HourbellError, match="Nothing is known after 2026-03-03 18:00"):
        plan_backfill(late.home, "abandoned_cart", SHOP_SPAN.end, HOUR)
    with pytest.raises(HourbellError, match="There is no workflow 'winter_sale'"):
        plan_backfill(late.home, "winter_sale", SHOP_SPAN.start, HOUR)
    with pytest.raises(HourbellError, match="no history to go by"):
        plan_backfill(Home(tmp_path / "new").prepare(), "abandoned_cart", SHOP_SPAN.start, HOUR)
    monkeypatch.setattr(module, "workflow_statuses", lambda: {"abandoned_cart": "closed"})
    with pytest.raises(HourbellError, match="abandoned_cart takes nobody in: it is closed"):
        plan_backfill(late.home, "abandoned_cart", SHOP_SPAN.start, HOUR)


def test_the_command_asks_first(
    late: Engine,
    planned: Backfill,
    tmp_path: Path,
    run_command: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = late.copy(tmp_path / "home")
    monkeypatch.setenv("HOURBELL_HOME", str(engine.home.root))
    command = ("backfill", "abandoned_cart", "--since", "2026-03-02", "--ahead", "1h")
    monkeypatch.setattr("sys.stdin", (tmp_path / "answer").open("w+"))
    code, said = run_command(*command)
    assert (code, f"{planned.treated} treated" in said) == (1, True)
    assert asked(engine, "select * from engine.backfilled") == []
    code, said = run_command(*command, "--yes")
    assert (code, "They enter with the next tick" in said) == (0, True)
    assert asked(engine, "select count(*) from engine.backfilled") == [(len(planned.qualified),)]
