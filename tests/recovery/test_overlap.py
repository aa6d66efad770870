"""Several deliverers at once, and the same hour again and again: each action is sent once.

Users of another system met the failure in mautic#1737.
"""

from typing import Any

import crashing
from rehearsal import NOW, PROCESSES, Place, webhook_action, write_outbox

from activations.sandbox.http import HttpSandbox
from activations.sandbox.webhooks import webhooks

PEOPLE = 10_000
# a server is slower, and has nothing of its own to show in so many
PEOPLE_ON_A_SERVER = 1_000
DELIVERERS = 4
RUNS = 3
SECONDS = 120


def deliver_at_once(place: Place, people: int, runs: int = RUNS, **how: Any) -> list[int]:
    """Have processes of the system deliver the same outbox, all from the same moment on; returns their exit codes."""
    write_outbox(place.outbox, [webhook_action(number) for number in range(people)], channel="webhook")
    codes = []
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        for _ in range(runs):
            gate = PROCESSES.Barrier(DELIVERERS)
            processes = [
                crashing.start(place, 1, webhooks=sandbox.url, gate=gate, batch_size=250, **how)
                for _ in range(DELIVERERS)
            ]
            for process in processes:
                process.join(SECONDS)
            codes += [process.exitcode for process in processes]
    return codes


def calls(place: Place) -> dict[str, int]:
    """How often the sandbox was called for each action."""
    return {received.webhook_id: received.calls for received in webhooks(place.received)}


def test_the_same_hour_three_times_by_four_at_once_reaches_each_of_10000_once(any_place: Place) -> None:
    people = PEOPLE_ON_A_SERVER if any_place.server_url else PEOPLE
    assert deliver_at_once(any_place, people) == [0] * DELIVERERS * RUNS
    assert calls(any_place) == {f"hourbell-{webhook_action(number)['action_id']}": 1 for number in range(people)}


def test_the_mutant_that_looks_first_and_marks_afterwards_is_caught(place: Place) -> None:
    deliver_at_once(place, 300, runs=1, send_then_mark=True)
    assert max(calls(place).values()) > 1
