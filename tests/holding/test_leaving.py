"""The gate out over whole ticks: what is held never is where delivery looks, and the others go on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shop_history import NEXT, ShopHistory

from activations.delivery.delivery import default_receipts
from activations.errors import HourbellError
from activations.journal.journal import open_journal
from activations.journal.receipts import receipts_folder
from dagster_project.gate_out import leave as gate
from dagster_project.outbox import outbox_folder
from dagster_project.registry import registered_workflows

SECONDS = 60
BROKEN = "post_purchase"
Nets = Callable[[pytest.MonkeyPatch], None]


def without_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "far_off", lambda *_: None)


def without_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "examine", lambda *_, **__: [])


def without_both(monkeypatch: pytest.MonkeyPatch) -> None:
    without_breaker(monkeypatch)
    without_expectations(monkeypatch)


def reasons_of(history: ShopHistory, status: str) -> list[tuple[str, str, str, str | None, int]]:
    """Channel, workflow, status, reason and number of the actions that ended so."""
    home = history.home
    with open_journal(home.journal_url, receipts_folder(home.journal_url, default_receipts(home.spool))) as journal:
        return journal.reasons([status])


def test_a_usual_tick_is_not_held(shop_history: ShopHistory, tmp_path: Path) -> None:
    usual = shop_history.copy(tmp_path / "home")
    usual.decide()
    usual.leave()
    assert usual.holds() == {}
    assert usual.visible() == set(usual.decided()) >= {"abandoned_cart"}
    assert usual.deliver().accepted == usual.received() == sum(usual.decided().values()) > 0


@pytest.mark.parametrize(
    ("says_now", "nets"),
    [
        (False, None),
        (False, without_breaker),
        (False, without_expectations),
        (True, None),
        # who is mailed too early, with the time of now, looks like anybody else: only their number tells
        (True, without_expectations),
    ],
)
def test_a_step_that_lost_its_window_is_held_before_its_first_message(
    shop_history: ShopHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nets: Nets | None, says_now: bool
) -> None:
    """Also with one of the two nets alone."""
    if nets is not None:
        nets(monkeypatch)
    broken = shop_history.copy(tmp_path / "home").without_its_window(says_now=says_now)
    broken.decide()
    broken.leave()
    assert broken.decided()[BROKEN] > 25
    assert set(broken.holds()) == {BROKEN}
    assert broken.visible() == set(broken.decided()) - {BROKEN} != set()
    account = broken.deliver()
    assert account.waiting == broken.decided()[BROKEN]
    assert account.accepted == broken.received() == sum(broken.decided().values()) - account.waiting


def test_without_the_gate_out_it_would_have_gone(
    shop_history: ShopHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_both(monkeypatch)
    broken = shop_history.copy(tmp_path / "home").without_its_window(says_now=True)
    broken.decide()
    broken.leave()
    assert broken.holds() == {}
    assert broken.deliver().accepted > 25


def test_of_two_workflows_the_new_one_waits_and_goes_when_it_is_released(
    shop_history: ShopHistory, tmp_path: Path
) -> None:
    two = shop_history.copy(tmp_path / "home", approved=set(registered_workflows()) - {"abandoned_cart"})
    two.decide()
    two.leave()
    new = two.holds()["abandoned_cart"]
    assert set(two.holds()) == {"abandoned_cart"}
    assert "first activation" in new.reasons[0]
    waiting = two.decided()["abandoned_cart"]
    first = two.deliver()
    assert (first.waiting, first.accepted) == (waiting, sum(two.decided().values()) - waiting)
    new.decide("release", by="ann", at=NEXT.end)
    assert two.deliver().accepted == waiting
    # a tick that runs again finds it as it was
    two.decide()
    two.leave()
    assert two.deliver().accepted == 0
    assert two.received() == sum(two.decided().values())


def test_what_was_released_and_is_decided_otherwise_is_held_again(shop_history: ShopHistory, tmp_path: Path) -> None:
    new = shop_history.copy(tmp_path / "home", approved=())
    new.decide()
    new.leave()
    assert new.visible() == set()
    for hold in new.holds().values():
        hold.decide("release", by="ann", at=NEXT.end)
    assert new.holds() == {}
    changed = new.changed("abandoned_cart__reminder", ("cart_reminder", "cart_incentive"))
    changed.decide()
    changed.leave()
    assert set(changed.holds()) == {"abandoned_cart"}
    assert "what goes out by email" in changed.holds()["abandoned_cart"].reasons[0]
    account = changed.deliver()
    assert account.waiting == changed.decided()["abandoned_cart"]
    assert account.accepted == sum(changed.decided().values()) - account.waiting


def test_what_is_dropped_ends_as_rejected(shop_history: ShopHistory, tmp_path: Path) -> None:
    dropped = shop_history.copy(tmp_path / "home", approved=set(registered_workflows()) - {"abandoned_cart"})
    dropped.decide()
    dropped.leave()
    dropped.holds()["abandoned_cart"].decide("drop", by="ann", at=NEXT.end, note="a test")
    number = dropped.decided()["abandoned_cart"]
    assert dropped.deliver().rejected == number
    ((*_, reason, counted),) = reasons_of(dropped, "rejected")
    assert "dropped by ann" in str(reason)
    assert "a test" in str(reason)
    assert counted == number
    assert dropped.deliver().accepted == 0


def test_a_person_sees_what_is_held_and_decides(
    shop_history: ShopHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple]
) -> None:
    broken = shop_history.copy(
        tmp_path / "home", approved=set(registered_workflows()) - {"abandoned_cart"}
    ).without_its_window(says_now=True)
    broken.decide()
    broken.leave()
    monkeypatch.setenv("HOURBELL_HOME", str(broken.home.root))
    code, said = run_command("status")
    assert code == 0
    assert "The gate out holds" in said
    assert {"abandoned_cart", BROKEN} == {workflow for workflow in registered_workflows() if f"  {workflow}," in said}

    code, said = run_command("drop", "welcome_series", "--yes")
    assert code == 1
    assert "Nothing is held of welcome_series" in said
    code, said = run_command("drop", BROKEN, "--yes", "--by", "ann", "--note", "the step had lost its window")
    assert code == 0
    assert "where about" in said
    # a message as it would have been
    assert "template post_purchase_tips" in said
    assert set(broken.holds()) == {"abandoned_cart"}
    code, said = run_command("release", "abandoned_cart", "--yes", "--by", "ann")
    assert code == 0
    assert "first activation" in said
    assert broken.holds() == {}

    number = broken.decided()
    account = broken.deliver()
    assert account.accepted == broken.received() == sum(number.values()) - number[BROKEN]
    assert [counted for *_, counted in reasons_of(broken, "rejected")] == [number[BROKEN]]


def test_no_answer_decides_nothing(
    shop_history: ShopHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple]
) -> None:
    new = shop_history.copy(tmp_path / "home", approved=())
    new.decide()
    new.leave()
    monkeypatch.setenv("HOURBELL_HOME", str(new.home.root))
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    for command in ("release", "drop"):
        code, said = run_command(command)
        assert code == 0
        assert "Nothing was decided" in said
    assert set(new.holds()) == set(new.decided())


def test_what_cannot_be_examined_is_held(
    shop_history: ShopHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object, **__: object) -> None:
        raise HourbellError("no such expectation")

    monkeypatch.setattr(gate, "examine", unreadable)
    held = shop_history.copy(tmp_path / "home")
    held.decide()
    held.leave()
    assert held.visible() == set()
    assert set(held.holds()) == set(held.decided())


DIES = """
import os, sys
from pathlib import Path
from dagster_project.gate_out import leave as gate
from dagster_project.gate_out.leave import leave
from dagster_project.home import Home
from dagster_project.warehouse import open_warehouse
from dagster_project.ticks.windows import Window, parse_time

def die(*arguments, **named):
    os.kill(os.getpid(), 9)

place = sys.argv[2]
if place == "hold":
    gate.forget_holds = die
else:
    Path.rename = die
home = Home(Path(sys.argv[1]))
with open_warehouse(home) as connection:
    leave(connection, home, Window(parse_time(sys.argv[3]), parse_time(sys.argv[4])))
"""


@pytest.mark.parametrize("place", ["hold", "rename"])
def test_a_kill_in_the_gate_leaves_nothing_unexamined(shop_history: ShopHistory, tmp_path: Path, place: str) -> None:
    broken = shop_history.copy(tmp_path / "home").without_its_window(says_now=True)
    broken.decide()
    window = [NEXT.start.isoformat(), NEXT.end.isoformat()]
    killed = subprocess.run(
        [sys.executable, "-c", DIES, str(broken.home.root), place, *window],
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(gate.__file__).parents[2])},
    )
    assert killed.returncode == -9
    assert broken.visible() == set()
    assert broken.deliver().accepted == 0
    broken.leave()
    assert set(broken.holds()) == {BROKEN}
    assert broken.visible() == set(broken.decided()) - {BROKEN}
    assert not (outbox_folder(broken.home.outbox, NEXT.end) / ".staged").exists()
