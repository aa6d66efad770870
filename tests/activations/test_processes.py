"""Several processes share what waits: the account adds up, and one that is killed costs nobody a message or two."""

import os
import pickle
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from rehearsal import NOW, PROCESSES, Place, action, channels, opened, webhook_action, write_outbox

from activations.channels import email
from activations.delivery import processes as processes_module
from activations.delivery.delivery import DeliveryStoppedError
from activations.journal.care import verify
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.keys.dkim import DkimKey, signed
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.server import Sandbox
from activations.sandbox.webhooks import webhooks

BATCH = 10


def everybody(actions: int) -> dict[str, int]:
    return {f"person{number}@example.com": 1 for number in range(actions)}


def at_message(number: int, act: Callable[[], object]) -> Callable[[str], bool]:
    """Do it when the sandbox has kept so many."""
    kept: list[str] = []

    def keep(recipient: str) -> bool:
        kept.append(recipient)
        # so slowly that all are at it when it happens
        time.sleep(0.005)
        if len(kept) == number:
            act()
        return False

    return keep


def kill_one() -> None:
    nursery = next(child for child in children(os.getpid()) if b"activations.delivery.share" in command_of(child))
    os.kill(children(nursery)[0], signal.SIGKILL)


def children(process: int) -> list[int]:
    paths = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in paths for child in path.read_text().split()]


def command_of(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def deliverers(place: Place) -> Counter[str]:
    """How many actions each has settled."""
    with open_journal(place.journal_url, place.receipts) as journal:
        return Counter(row.claimed_by for row in journal.rows(["accepted", "rejected", "expired", "unknown"]))


@pytest.mark.parametrize("processes", [2, 3])
def test_the_account_adds_up_over_processes(any_place: Place, processes: int) -> None:
    rows = [action(number) for number in range(80)]
    rows += [action(number, address="nobody") for number in range(80, 85)]
    rows += [action(number, expires_at=NOW) for number in range(85, 95)]
    rows += [action(number, send_after=NOW + timedelta(hours=1)) for number in range(95, 100)]
    write_outbox(any_place.outbox, rows)
    write_outbox(any_place.outbox, [webhook_action(number) for number in range(200, 240)], channel="webhook")
    told: list[tuple[int, int]] = []
    with (
        Sandbox(any_place.received) as sandbox,
        HttpSandbox(any_place.received, now=lambda: NOW) as endpoint,
    ):
        how: dict[str, Any] = {"processes": processes, "batch_size": BATCH, "webhooks": endpoint.url}
        account = any_place.deliver(sandbox, progress=lambda *so_far: told.append(so_far), **how)
        later = any_place.deliver(sandbox, now=NOW + timedelta(hours=2), webhooks=endpoint.url)
    assert account.adds_up
    assert (account.actions, account.accepted, account.rejected, account.expired, account.waiting) == (
        140, 120, 5, 10, 5
    )  # fmt: skip
    assert account.outcomes_written == 135
    assert (later.accepted, later.already_settled, later.adds_up) == (5, 135, True)
    assert any_place.recipients() == {
        **everybody(80),
        **{f"person{number}@example.com": 1 for number in range(95, 100)},
    }
    assert {each.calls for each in webhooks(any_place.received)} == {1}
    assert len(deliverers(any_place)) >= processes, "each had its share"
    assert told[-1] == (140, 140)
    assert verify(any_place.journal_url, any_place.receipts).agrees


def test_outcomes_are_written_while_others_deliver(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activations.delivery.outcomes.ROWS_A_FILE", 40)
    monkeypatch.setattr("activations.delivery.delivery.ROWS_A_FILE", 40)
    write_outbox(place.outbox, [action(number) for number in range(200)])
    waiting: list[int] = []

    def look(recipient: str) -> bool:
        waiting.append(len(list(place.spool.glob("outcomes/*.parquet"))))
        time.sleep(0.005)
        return False

    with Sandbox(place.received, lose_answer=look) as sandbox:
        account = place.deliver(sandbox, processes=2, batch_size=BATCH)
    assert account.outcomes_written == 200
    assert max(waiting) >= 2, "the first files are there while the rest is still being sent"
    files = [pl.read_parquet(path) for path in place.spool.glob("outcomes/*.parquet")]
    assert sorted(file.height for file in files) == [40] * 5
    assert pl.concat(files)["action_id"].n_unique() == 200


@pytest.mark.parametrize(("cores", "actions", "shared_by"), [(2, 39, 1), (2, 40, 2), (1, 40, 1)])
def test_a_backlog_is_shared_by_the_cores(
    place: Place, cores: int, actions: int, shared_by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes_module, "_BACKLOG", 40)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    write_outbox(place.outbox, [action(number) for number in range(actions)])
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox, processes=None, batch_size=BATCH).accepted == actions
    assert len(deliverers(place)) == shared_by


@pytest.mark.parametrize("provider", ["askable", "blind", "keyed"])
def test_one_that_is_killed_in_the_middle(any_place: Place, provider: str) -> None:
    actions = 120
    how: dict[str, Any] = {"processes": 2, "batch_size": BATCH}
    if provider == "keyed":
        write_outbox(any_place.outbox, [webhook_action(number) for number in range(actions)], channel="webhook")
        keep = at_message(35, kill_one)

        def after(key: str) -> Reply | None:
            keep(key)
            return None

        with HttpSandbox(any_place.received, now=lambda: NOW, after=after) as endpoint:
            account = any_place.deliver(1, webhooks=endpoint.url, **how)
            again = any_place.deliver(1, webhooks=endpoint.url)
        taken = Counter(each.webhook_id for each in webhooks(any_place.received))
    else:
        write_outbox(any_place.outbox, [action(number) for number in range(actions)])
        with Sandbox(any_place.received, lose_answer=at_message(35, kill_one)) as sandbox:
            account = any_place.deliver(sandbox, blind=provider == "blind", **how)
            again = any_place.deliver(sandbox, blind=provider == "blind")
        taken = any_place.recipients()
    assert account.adds_up
    assert max(taken.values()) == 1, "nothing twice"
    assert account.unknown <= (BATCH if provider == "blind" else 0), "a batch of the one that died, at most"
    assert len(taken) >= actions - account.unknown, "nobody is left out"
    assert account.accepted + account.unknown + account.already_settled == actions
    assert again.already_settled == actions
    assert len(deliverers(any_place)) >= 2, "not the one that died alone"
    assert verify(any_place.journal_url, any_place.receipts).agrees


def test_the_mutant_that_takes_a_death_for_an_end_is_caught(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    let_deliver = processes_module._let_deliver

    def all_well(*args: Any) -> list[Any]:
        return [last for last in let_deliver(*args) if last is not None and last.ending is not None]

    monkeypatch.setattr(processes_module, "_let_deliver", all_well)
    with pytest.raises(AssertionError):
        test_one_that_is_killed_in_the_middle(place, "askable")


def test_the_kill_switch_stops_all_of_them_in_the_middle_of_a_batch(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(600)])

    def pause() -> None:
        with open_journal(sqlite_url(place.journal)) as journal:
            journal.pause("all", "", reason="stop", now=NOW)

    small = {"email": partial(opened, email.open_channel, batch_size=100, push_size=10)}
    with Sandbox(place.received, lose_answer=at_message(25, pause)) as sandbox:
        account = place.deliver(sandbox, channels=small, processes=2)
        sent = len(place.recipients())
        assert account.adds_up
        assert (account.accepted, account.paused) == (sent, 600 - sent)
        assert sent <= 25 + 2 * 10, "each finishes the push that it is at"
        with open_journal(sqlite_url(place.journal)) as journal:
            assert journal.counts() == {("email", "accepted"): sent}
            journal.resume("all", "", now=NOW)
        assert place.deliver(sandbox).accepted == 600 - sent
    assert place.recipients() == everybody(600)


def test_whoever_loses_its_parent_stops_after_its_batch(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(400)])
    victims: list[Any] = []

    def keep(recipient: str) -> bool:
        kept.append(recipient)
        if len(kept) == 30:
            victims[0].kill()
        time.sleep(0.002)
        return False

    kept: list[str] = []
    with Sandbox(place.received, lose_answer=keep) as sandbox:
        parent = PROCESSES.Process(
            target=place.deliver, args=(sandbox.port,), kwargs={"processes": 2, "batch_size": 50}
        )
        victims.append(parent)
        parent.start()
        parent.join(30)
        before = -1
        while before != len(kept):
            before = len(kept)
            time.sleep(0.5)
        assert 30 <= before <= 30 + 2 * 100, "each finishes its batch, and perhaps one that it was about to begin"
        account = place.deliver(sandbox)
    assert (account.adds_up, account.unknown, account.held) == (True, 0, 0)
    assert place.recipients() == everybody(400)


def test_a_rate_is_kept_by_all_together(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(60)])
    slow = {"email": partial(opened, email.open_channel, rate=20.0)}
    arrived: list[float] = []

    def note(recipient: str) -> bool:
        arrived.append(time.monotonic())
        return False

    with Sandbox(place.received, lose_answer=note) as sandbox:
        assert place.deliver(sandbox, channels=slow, processes=2).accepted == 60
    assert arrived[-1] - arrived[0] >= 1.8, "the first 20 go at once, the others in two seconds"


def test_a_key_is_handed_over_and_signs_the_same() -> None:
    key = DkimKey("s1", generate_private_key(65537, 1024))
    other = pickle.loads(pickle.dumps(key))
    content = b"From: a@shop.example\r\n\r\nhello\r\n"
    first, second = (signed(content, each, domain="shop.example", signed_at=NOW) for each in (key, other))
    assert first == second


def test_a_server_that_is_down_is_told_once_and_loses_nothing(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(60)])
    with pytest.raises(DeliveryStoppedError) as stopped:
        place.deliver(1, processes=2, batch_size=BATCH)
    assert stopped.value.account.waiting == 60
    assert str(stopped.value).count("does not answer") == 1
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox, channels=channels(BATCH)).accepted == 60
