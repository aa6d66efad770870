"""The kill switch, between batches and in the middle of one."""

import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import crashing
import pytest
from rehearsal import NOW, Place, action, channels, write_outbox

from activations.channels import email
from activations.journal.care import rebuild
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.sandbox.server import Sandbox

Hourbell = Callable[..., tuple[int, str]]


@pytest.fixture
def hourbell(monkeypatch: pytest.MonkeyPatch, place: Place, run_command: Hourbell) -> Hourbell:
    """Run a command beside the deliveries of this place."""
    monkeypatch.setenv("HOURBELL_HOME", str(place.root))
    return run_command


def three_workflows(place: Place) -> None:
    names = ["abandoned_cart", "welcome_series", "reengagement"]
    write_outbox(place.outbox, [action(number, workflow=names[number % 3]) for number in range(30)])


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (["--all"], 0),
        (["--channel", "email"], 0),
        (["--channel", "webhook"], 30),
        (["--workflow", "welcome_series"], 20),
    ],
)
def test_what_is_paused_waits_until_it_is_resumed(
    place: Place, sandbox: Sandbox, hourbell: Hourbell, options: list[str], sent: int
) -> None:
    three_workflows(place)
    code, said = hourbell("pause", *options, "--reason", "wrong price")
    assert code == 0
    assert "wrong price" in said
    for _ in range(2):
        account = place.deliver(sandbox)
        assert (len(place.recipients()), account.paused) == (sent, 30 - sent)
        assert account.adds_up
    assert any("wrong price" in reason for reason in account.reasons) == (sent < 30)
    assert hourbell("resume", *options)[0] == 0
    assert place.deliver(sandbox).accepted == 30 - sent
    assert set(place.recipients().values()) == {1}
    code, said = hourbell("resume", *options)
    assert code == 1
    assert "is not paused" in said


@pytest.mark.parametrize("options", [["--workflow", "no_such_one"], ["--channel", "emial"]])
def test_what_nobody_knows_is_not_taken_for_paused(place: Place, hourbell: Hourbell, options: list[str]) -> None:
    code, said = hourbell("pause", *options)
    assert code == 1
    assert f"There is no {options[0][2:]} {options[1]}" in said
    assert "Known are: " in said
    assert hourbell("resume", *options)[0] == 1


def test_what_comes_too_late_meanwhile_expires(place: Place, sandbox: Sandbox, hourbell: Hourbell) -> None:
    three_workflows(place)
    hourbell("pause", "--workflow", "welcome_series")
    assert place.deliver(sandbox).accepted == 20
    hourbell("resume", "--workflow", "welcome_series")
    assert place.deliver(sandbox, now=NOW + timedelta(days=2)).expired == 10


@pytest.mark.parametrize("push_size", [10, 1_000])
def test_in_the_middle_of_a_batch(place: Place, push_size: int) -> None:
    """At the tenth message somebody pauses everything: what is under way goes out, and no more."""
    write_outbox(place.outbox, [action(number) for number in range(200)])
    kept: list[str] = []

    def pause_at_the_tenth(recipient: str) -> bool:
        kept.append(recipient)
        if len(kept) == 10:
            with open_journal(sqlite_url(place.journal)) as journal:
                journal.pause("all", "", reason="stop", now=NOW)
        return False

    small = {"email": lambda setting: replace(email.open_channel(setting), batch_size=100, push_size=push_size)}
    with Sandbox(place.received, lose_answer=pause_at_the_tenth) as sandbox:
        account = place.deliver(sandbox, channels=small)
        sent = len(place.recipients())
        assert account.adds_up
        assert (account.accepted, account.paused) == (sent, 200 - sent)
        assert sent <= (20 if push_size == 10 else 100)
        with open_journal(sqlite_url(place.journal)) as journal:
            assert journal.counts() == {("email", "accepted"): sent}
            journal.resume("all", "", now=NOW)
        place.deliver(sandbox, channels=channels(50))
    assert place.recipients() == {f"person{number}@example.com": 1 for number in range(200)}


def test_the_mutant_that_looks_at_the_switch_once_is_caught(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activations.journal.journal.pause_of", lambda *_: None)
    monkeypatch.setattr("activations.delivery.channel_delivery.pause_of", lambda *_: None)
    with pytest.raises(AssertionError):
        test_in_the_middle_of_a_batch(place, 10)


def test_what_is_in_doubt_stays_so_while_it_is_paused(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(60)])
    with Sandbox(place.received) as sandbox:
        process = crashing.start(place, sandbox.port, point="answered")
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
        with open_journal(sqlite_url(place.journal)) as journal:
            journal.pause("workflow", "abandoned_cart", reason="", now=NOW)
        account = place.deliver(sandbox)
        assert (account.already_settled, account.paused) == (20, 40)
        with open_journal(sqlite_url(place.journal)) as journal:
            assert len(journal.in_doubt()) == 20
            journal.resume("workflow", "abandoned_cart", now=NOW)
        assert place.deliver(sandbox).accepted == 40
    assert place.recipients() == {f"person{number}@example.com": 1 for number in range(60)}


def test_a_journal_that_is_rebuilt_stays_paused(place: Place, hourbell: Hourbell) -> None:
    hourbell("pause", "--all", "--reason", "stop")
    hourbell("pause", "--workflow", "welcome_series")
    hourbell("resume", "--workflow", "welcome_series")
    rebuild(sqlite_url(place.journal), Path("nowhere"))
    with open_journal(sqlite_url(place.journal)) as journal:
        assert [(pause.scope, pause.reason) for pause in journal.pauses()] == [("all", "stop")]


def test_the_journal_is_looked_after_by_commands(place: Place, hourbell: Hourbell) -> None:
    write_outbox(place.outbox, [*(action(number) for number in range(5)), action(5, address="nobody")])
    with Sandbox(place.received, lose_answer=lambda recipient: recipient == "person3@example.com") as sandbox:
        place.deliver(sandbox, blind=True)
    unknown = "7000000000000000003"
    code, said = hourbell("journal", "list")
    assert code == 0
    assert unknown in said
    assert "the provider cannot be asked" in said
    assert "not an e-mail address" in said
    assert hourbell("journal", "verify")[0] == 0
    assert hourbell("journal", "resolve", unknown)[0] == 1
    assert hourbell("journal", "resolve", unknown, "--accepted")[0] == 0
    code, said = hourbell("journal", "resolve", unknown, "--not-accepted")
    assert code == 1
    assert "only what is unknown" in said
    for suffix in ("", "-wal", "-shm"):
        place.journal.with_name(place.journal.name + suffix).unlink(missing_ok=True)
    code, said = hourbell("journal", "verify")
    assert code == 1
    assert "accepted by its receipt, and not in the journal" in said
    assert hourbell("journal", "rebuild")[0] == 0
    assert hourbell("journal", "verify")[0] == 0
    code, said = hourbell("journal", "list", "--status", "unknown")
    assert unknown not in said
