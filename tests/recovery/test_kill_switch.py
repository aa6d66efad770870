"""The kill switch, thrown while 100,000 messages leave: at most one more batch goes, at the product's own sizes."""

import pytest
from rehearsal import IMPATIENT, NOW, Place, action, write_outbox

from activations.channels.registry import CHANNELS
from activations.delivery.account import DeliveryAccount
from activations.journal.journal import Journal, open_journal
from activations.sandbox.server import Sandbox

ACTIONS, FEW = 100_000, 1_500
THROWN_AT = 700
BATCH = 500


def throw_the_switch(place: Place, actions: int) -> DeliveryAccount:
    """Deliver, and have somebody pause everything when the sandbox has kept so many."""
    write_outbox(place.outbox, [action(number) for number in range(actions)])
    kept = 0

    def pause(recipient: str) -> bool:
        nonlocal kept
        kept += 1
        if kept == THROWN_AT:
            with open_journal(place.journal_url) as journal:
                journal.pause("all", "", reason="stop", now=NOW)
        return False

    with Sandbox(place.received, lose_answer=pause) as sandbox:
        return place.deliver(sandbox, channels=CHANNELS, patience=IMPATIENT)


def check(place: Place, account: DeliveryAccount, actions: int) -> None:
    sent = place.recipients()
    assert max(sent.values()) == 1
    assert THROWN_AT <= len(sent) <= THROWN_AT + BATCH
    assert (account.accepted, account.paused) == (len(sent), actions - len(sent))
    with open_journal(place.journal_url) as journal:
        assert journal.counts() == {("email", "accepted"): len(sent)}, "what did not leave is nobody's"


def test_flipped_within_100000_at_most_one_more_batch_leaves(place: Place) -> None:
    check(place, throw_the_switch(place, ACTIONS), ACTIONS)


def test_the_mutant_that_looks_at_the_switch_when_it_begins_is_caught(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "_pauses", lambda *_: [])
    account = throw_the_switch(place, FEW)
    with pytest.raises(AssertionError):
        check(place, account, FEW)
