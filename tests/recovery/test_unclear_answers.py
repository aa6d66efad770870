"""Time-outs, resets, 500 and 429, 5 % of the calls each: everybody is reached once, or it is said that nobody knows."""

import pytest
from faulty import REPLIES, SHARE, Idempotency, rehearse
from rehearsal import Place

ACTIONS = 2_000
FEW = 300


@pytest.mark.parametrize("idempotency", ["keyed", "blind"])
def test_every_action_is_accounted_for_and_none_is_done_twice(place: Place, idempotency: Idempotency) -> None:
    rehearsed = rehearse(place, ACTIONS, idempotency)
    rehearsed.check(idempotency)
    said = [answer for answers in rehearsed.provider.calls.values() for answer in answers]
    for fault in REPLIES:
        assert said.count(fault) > ACTIONS * SHARE / 2, "the rehearsal is not what it says it is"


def test_the_mutant_that_calls_a_blind_provider_again_is_caught(place: Place) -> None:
    with pytest.raises(AssertionError, match="twice"):
        rehearse(place, FEW, "blind", treated_as="keyed").check("blind")


def test_the_mutant_that_makes_a_new_key_for_each_call_is_caught(place: Place) -> None:
    with pytest.raises(AssertionError, match="twice"):
        rehearse(place, FEW, "keyed", with_keys=False).check("keyed")
