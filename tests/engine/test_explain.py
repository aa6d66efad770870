"""`hourbell explain`: one contact, in words."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from engine_world import SHOP_SPAN, Engine

from activations.errors import HourbellError
from dagster_project.explain import explain, find_contact
from dagster_project.history.replay import replay
from dagster_project.not_reached import Passed, not_reached
from dagster_project.ticks.windows import HOUR, split
from dagster_project.warehouse import open_warehouse


@pytest.fixture(scope="module")
def explained(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = shop.copy(tmp_path_factory.mktemp("explained") / "home")
    replay(engine.home, split(SHOP_SPAN, 14 * HOUR), statements=engine.statements, with_outbox=False)
    return engine


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple:
    row = connection.execute(query).fetchone()
    assert row is not None, query
    return row


def test_every_decision_is_told_with_its_reason(explained: Engine) -> None:
    with open_warehouse(explained.home) as warehouse:
        for outcome in ("send", "stopped", "deferred"):
            contact, reason = one(
                warehouse,
                f"select contact_id, reason from decisions.decisions where outcome = '{outcome}' order by action_id",
            )
            found = explain(warehouse, contact)
            told = [happening for happening in found.happened if ": " in happening.what]
            (decided,) = one(warehouse, f"select count(*) from decisions.decisions where contact_id = {contact}")
            assert len(told) == decided
            assert reason is None or any(happening.why.endswith(reason) for happening in told)
            assert [happening.at for happening in found.happened] == sorted(one.at for one in found.happened)


def test_somebody_is_found_by_whatever_names_them(explained: Engine) -> None:
    with open_warehouse(explained.home) as warehouse:
        contact, email, user_id = one(
            warehouse,
            "select contact_id, email, user_id from contacts.contact_profiles "
            "where email is not null and user_id is not null order by contact_id",
        )
        for asked in (str(contact), email, f" {email.upper()} ", user_id):
            assert find_contact(warehouse, asked) == contact
        absorbed, survivor = one(
            warehouse, "select contact_id, into_contact_id from contacts.contact_merges order by merged_at desc"
        )
        assert find_contact(warehouse, str(absorbed)) == survivor
        assert absorbed in explain(warehouse, survivor).known_as
        with pytest.raises(HourbellError, match=r"Nobody is known as ghost@shop\.example"):
            find_contact(warehouse, "ghost@shop.example")


def test_what_did_not_happen_is_told_too(explained: Engine) -> None:
    with open_warehouse(explained.home) as warehouse:
        (contact,) = one(
            warehouse, "select contact_id from decisions.arrivals where assignment = 'holdout' order by reached_at desc"
        )
        found = explain(warehouse, contact)
        assert any("held out" in happening.what for happening in found.happened)
        assert any("effect can be measured" in step.why for step in found.not_reached)
        left, reason = one(
            warehouse,
            "select contact_id, reason from decisions.exits as exits inner join decisions.arrivals as arrivals "
            "on exits.enrollment_id = arrivals.enrollment_id where assignment = 'treated' order by exited_at desc",
        )
        assert any(
            happening.what == "leaves" and happening.why == reason for happening in explain(warehouse, left).happened
        )


NOON = datetime(2026, 3, 2, 12)


def passed(workflow: str, *steps: str, ways: Mapping[str, str] | None = None) -> list[Passed]:
    """Somebody who came to these steps at noon, one an hour."""
    return [
        Passed(workflow, 1, "treated", step, (ways or {}).get(step), NOON + place * HOUR)
        for place, step in enumerate(steps)
    ]


def whys(came: list[Passed], now: datetime) -> dict[str, str]:
    workflow = came[0].workflow
    return {one.step: one.why for one in not_reached(came, {}, now) if one.workflow == workflow}


def test_a_step_that_was_not_reached_says_what_it_waits_for() -> None:
    cart = passed("abandoned_cart", "entered", "reminder")
    assert whys(cart, NOON + 2 * HOUR) == {
        "reassurance": "not yet: is due on 2026-03-03 12:00, after reminder, which was reached on 2026-03-02 13:00",
        "by_value": "comes after reassurance, which was not reached",
        "incentive": "comes after by_value, which was not reached",
    }
    assert whys(cart, NOON + 30 * HOUR)["reassurance"] == (
        "it did not let them in when they came from reminder, which was reached on 2026-03-02 13:00"
    )
    low = passed("abandoned_cart", "entered", "reminder", "reassurance", "by_value", ways={"by_value": "low"})
    assert whys(low, NOON + 9 * HOUR) == {"incentive": "went another way: left by_value by low"}
    away = passed("reengagement", "entered", "we_miss_you", "offer")
    assert whys(away, NOON + 9 * HOUR)["reaction"] == (
        "not yet: waits for what is to happen after offer, which was reached on 2026-03-02 14:00, "
        "by 2026-03-09 14:00 at the latest"
    )
    assert whys(passed("reengagement", "entered"), NOON)["we_miss_you"] == (
        "not yet: waits for its time after entered, which was reached on 2026-03-02 12:00"
    )


def test_of_several_enrollments_the_one_that_was_entered_last_is_told_of() -> None:
    earlier = passed("abandoned_cart", "entered", "reminder", "reassurance")
    # which came to its last step after the other had been entered
    earlier[-1] = replace(earlier[-1], reached_at=NOON + 20 * HOUR)
    later = [Passed("abandoned_cart", 2, "treated", "entered", None, NOON + 10 * HOUR)]
    came = sorted([*earlier, *later], key=lambda one: one.reached_at)
    assert whys(came, NOON + 21 * HOUR).keys() == {"reminder", "reassurance", "by_value", "incentive"}


def test_the_command_prints_it(
    explained: Engine, run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = explained.copy(tmp_path / "home").home
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    with open_warehouse(home) as warehouse:
        (email,) = one(warehouse, "select email from contacts.contact_profiles where email is not null order by email")
    code, said = run_command("explain", email)
    assert code == 0
    assert email in said
    assert "What did not happen, and why" in said
    code, said = run_command("explain", "ghost@shop.example")
    assert code == 1
    assert "Nobody is known as ghost@shop.example" in said
