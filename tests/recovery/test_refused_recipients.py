"""Who cannot be reached stays alone: the others are reached once, however often it is tried.

Users of another system met the failure in mautic#7226.
"""

from collections.abc import Callable, Sequence

import pytest
from rehearsal import Place, action, write_outbox

from activations.channels import email
from activations.channels.face import Answer, Channel, Message, Setting
from activations.delivery.account import DeliveryAccount
from activations.journal.journal import open_journal
from activations.sandbox.server import Sandbox

RUNS = 5
RECIPIENTS, FEW = 1_000, 100
# the numbers of those who are poisoned, and what the server says to them
NO_SUCH_USER, FULL, NO_ADDRESS = (3, 50, 51, 77), (12, 99), 42
REASONS = {
    "550 5.1.1 no such user": 4,
    "after 3 attempts: 452 4.2.2 mailbox full": 2,
    "not an e-mail address: An email address must have an @-sign.": 1,
}


def answer_to(recipient: str) -> str | None:
    if recipient in {f"person{number}@example.com" for number in NO_SUCH_USER}:
        return "550 5.1.1 no such user"
    if recipient in {f"person{number}@example.com" for number in FULL}:
        return "452 4.2.2 mailbox full"
    return None


def deliver_five_times(
    place: Place, recipients: int, channel: Callable[[Setting], Channel] | None = None
) -> list[DeliveryAccount]:
    rows = [action(number) for number in range(recipients)]
    rows[NO_ADDRESS]["address"] = "nobody"
    write_outbox(place.outbox, rows)
    more = {"channels": {"email": channel}} if channel else {}
    with Sandbox(place.received, refuse=answer_to) as sandbox:
        return [place.deliver(sandbox, **more) for _ in range(RUNS)]


def check(place: Place, recipients: int) -> None:
    poisoned = {*NO_SUCH_USER, *FULL, NO_ADDRESS}
    assert place.recipients() == {
        f"person{number}@example.com": 1 for number in range(recipients) if number not in poisoned
    }


def test_seven_of_a_thousand_are_refused_and_the_others_get_it_once(place: Place) -> None:
    first, *later = deliver_five_times(place, RECIPIENTS)
    check(place, RECIPIENTS)
    assert (first.accepted, first.rejected, first.failed) == (993, 5, 2)
    assert [account.already_settled for account in later] == [RECIPIENTS] * (RUNS - 1)
    assert all(account.adds_up for account in (first, *later))
    with open_journal(place.journal_url) as journal:
        dead_letters = journal.reasons(["rejected", "failed", "unknown", "expired"])
    assert {reason: number for *_, reason, number in dead_letters} == REASONS


class _OneForAll(email.EmailChannel):
    """The mutant: a refused recipient makes its batch fail, though the others' messages have gone."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        answers = await super().push(batch)
        if any(answer.status == "rejected" for answer in answers):
            return [Answer(answer.action_id, "retry", "the batch failed") for answer in answers]
        return answers


def test_the_mutant_that_sends_a_batch_again_for_one_refused_recipient_is_caught(place: Place) -> None:
    deliver_five_times(place, FEW, lambda setting: _OneForAll(**vars(email.open_channel(setting))))
    with pytest.raises(AssertionError):
        check(place, FEW)
    assert max(place.recipients().values()) > 1
