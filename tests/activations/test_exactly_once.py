"""No action is sent twice and none is forgotten, whenever a deliverer dies and however many there are."""

import signal
from typing import Any

import crashing
import pytest
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.outbox import outbox_files, read_actions
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.sandbox.server import Sandbox

ACTIONS = 60


def kill(place: Place, point: str, *, actions: int = ACTIONS, batch: int = crashing.BATCH, **how: Any) -> Sandbox:
    """Let a deliverer die in its second batch."""
    write_outbox(place.outbox, [action(number) for number in range(actions)])
    with crashing.deadly(place, batch + batch // 2 if point == "called" else -1) as (sandbox, doom):
        process = crashing.start(place, sandbox.port, point=point, batch_size=batch, **how)
        doom(process)
        process.join(30)
        assert process.exitcode == -signal.SIGKILL, "it was to die"
    return sandbox


def everybody(actions: int = ACTIONS) -> dict[str, int]:
    return {f"person{number}@example.com": 1 for number in range(actions)}


def test_killed_in_the_middle_of_500(place: Place) -> None:
    kill(place, "called", actions=500, batch=100)
    with Sandbox(place.received) as sandbox:
        account = place.deliver(sandbox, batch_size=100)
    assert place.recipients() == everybody(500)
    assert account.accepted + account.already_settled == 500


def test_a_stop_by_hand_leaves_nothing_in_doubt(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(ACTIONS)])
    with crashing.deadly(place, crashing.BATCH + 3, signal.SIGINT) as (sandbox, doom):
        process = crashing.start(place, sandbox.port, blind=True)
        doom(process)
        process.join(30)
        assert process.exitcode == 1
    assert len(place.recipients()) == 2 * crashing.BATCH, "the batch is finished, and no other begun"
    with Sandbox(place.received) as sandbox:
        account = place.deliver(sandbox, blind=True)
    assert (account.accepted, account.already_settled, account.unknown) == (20, 40, 0)
    assert place.recipients() == everybody()


def test_a_claim_of_somebody_alive_is_left_alone(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(10)])
    (file,) = outbox_files(place.outbox)
    (actions,) = read_actions(file, 100)
    url = sqlite_url(place.journal)
    with open_journal(url) as slow:
        slow.claim(actions[:4], {each.action_id: f"<{each.action_id}@x>" for each in actions}, provider="x", now=NOW)
        account = place.deliver(sandbox)
        assert (account.held, account.accepted) == (4, 6)
        assert account.adds_up
        assert not slow.in_doubt()
    # it has gone without recording anything
    with open_journal(url) as other:
        assert len(other.in_doubt()) == 4
    assert place.deliver(sandbox).accepted == 4
    assert place.recipients() == everybody(10)


@pytest.mark.parametrize("blind", [False, True])
def test_lost_answers(place: Place, blind: bool) -> None:
    write_outbox(place.outbox, [action(number) for number in range(30)])
    lost = {"person3@example.com", "person17@example.com"}
    with Sandbox(place.received, lose_answer=lambda recipient: recipient in lost) as sandbox:
        account = place.deliver(sandbox, blind=blind)
        again = place.deliver(sandbox, blind=blind)
    assert place.recipients() == everybody(30)
    assert (account.accepted, account.unknown) == ((28, 2) if blind else (30, 0))
    assert again.already_settled == 30


def test_a_full_disk_loses_nothing(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(300)])
    process = crashing.start(place, sandbox.port, file_limit=150_000)
    process.join(60)
    assert process.exitcode == 1
    assert str(place.journal) in (place.root / "error.txt").read_text()
    assert 0 < len(place.recipients()) < 300
    account = place.deliver(sandbox)
    assert place.recipients() == everybody(300)
    assert account.adds_up
