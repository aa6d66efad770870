"""A dry run lists what then is sent, byte for byte; it sends nothing, connects to nothing and writes nothing."""

import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import crashing
import pytest
import sqlalchemy as sa
from rehearsal import NOW, Place, action, channels, webhook_action, write_outbox

from activations.channels.face import Answer, Message
from activations.delivery import dry_run as dry_running
from activations.delivery.dry_run import DryRun, Sending, dry_run
from activations.journal.journal import Journal, open_journal
from activations.journal.tables import JOURNAL
from activations.sandbox.http import HttpSandbox
from activations.sandbox.server import Sandbox
from activations.sandbox.store import messages
from activations.sandbox.webhooks import webhooks
from activations.settings.profile import silent_profile

HOUR = timedelta(hours=1)


def fill(place: Place) -> None:
    """Something of everything: new, settled, in doubt, twice, too late, too early, paused, and what cannot be sent."""
    write_outbox(place.outbox, [action(number) for number in range(60)])
    with crashing.deadly(place, crashing.BATCH + 7) as (sandbox, doom):
        process = crashing.start(place, sandbox.port)
        doom(process)
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
    write_outbox(
        place.outbox,
        [
            *(action(number) for number in range(58, 90)),
            action(90, expires_at=NOW),
            action(91, send_after=NOW + HOUR),
            action(92, address="nobody"),
            action(93, workflow="welcome_series"),
            action(94, address="mueller@bücher.example"),
        ],
        tick_end=NOW + HOUR,
    )
    write_outbox(place.outbox, [webhook_action(number) for number in range(100, 130)], channel="webhook")
    with open_journal(place.journal_url, place.receipts) as journal:
        journal.pause("workflow", "welcome_series", reason="wrong price", now=NOW)


@contextmanager
def nobody_calls(place: Place) -> Iterator[dict[str, Any]]:
    """Listeners for mail and webhooks that must hear of nobody; what a delivery must know of them."""
    with socket.create_server(("127.0.0.1", 0)) as mail, socket.create_server(("127.0.0.1", 0)) as web:
        profile = place.profile(mail.getsockname()[1], webhooks=f"http://127.0.0.1:{web.getsockname()[1]}")
        yield {"profile": profile, "spool": place.spool, "now": NOW, "channels": channels(20)}
        for listener in (mail, web):
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


def listed(place: Place) -> DryRun:
    with nobody_calls(place) as how:
        return dry_run(place.outbox, place.journal_url, **how)


def kept(place: Place) -> tuple[list[Any], dict[Path, bytes]]:
    """The rows of the journal, and every file beside it, in the outbox and in the spool."""
    with open_journal(place.journal_url, place.receipts, recover=False) as journal, journal.transaction() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(JOURNAL).order_by(JOURNAL.c.action_id))]
    folders = (place.receipts, place.outbox, place.spool)
    return rows, {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def received(place: Place) -> set[str]:
    """What the sandbox has, in the words of a dry run."""
    found = {
        str(Sending.of("email", Message(int(one.message_id[1:20]), one.message_id, one.recipient, one.content)))
        for one in messages(place.received)
    }
    for one in webhooks(place.received):
        number = int(one.webhook_id.removeprefix("hourbell-"))
        found.add(str(Sending.of("webhook", Message(number, one.webhook_id, one.endpoint, one.body))))
    return found


def check(place: Place) -> None:
    before, had = kept(place), received(place)
    found = listed(place)
    assert found.account.adds_up
    assert kept(place) == before, "a dry run leaves all as it was"
    with Sandbox(place.received) as mail, HttpSandbox(place.received, now=lambda: NOW) as web:
        account = place.deliver(mail, webhooks=web.url, batch_size=20)
    lines = [str(sending) for sending in found.sendings]
    assert sorted(lines) == sorted(received(place) - had), "the list is what was sent"
    assert len(lines) == len(set(lines)) > 80
    assert (account.rejected, account.expired, account.paused) == (1, 1, 1)


def test_the_list_is_what_then_is_sent_byte_for_byte(any_place: Place) -> None:
    fill(any_place)
    check(any_place)


class _Remembering(Journal):
    """The mutant: claims of a dry run stay."""


class _Calling(dry_running._SilentChannel):
    """The mutant: a dry run looks whether the server is there."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        profile = self.profile if self.name == "email" else None
        if profile is not None:
            socket.create_connection((profile.smtp.host, profile.smtp.port)).close()
        return await super().push(batch)


class _Elsewhere(dry_running._SilentChannel):
    """The mutant: what is listed is not what is sent."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await super().push([message._replace(content=message.content + b" ") for message in batch])


@pytest.mark.parametrize(
    ("name", "mutant"),
    [("_ForgetfulJournal", _Remembering), ("_SilentChannel", _Calling), ("_SilentChannel", _Elsewhere)],
    ids=["it remembers", "it connects", "it lists something else"],
)
def test_a_mutant_is_caught(place: Place, monkeypatch: pytest.MonkeyPatch, name: str, mutant: type) -> None:
    fill(place)
    monkeypatch.setattr(dry_running, name, mutant)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(place)


def test_where_there_is_no_journal_none_is_begun(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_outbox(place.outbox, [action(number) for number in range(3)])
    assert len(listed(place).sendings) == 3
    assert {path.name for path in place.root.iterdir()} == {"outbox"}


def test_the_command_prints_the_list_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]]
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(place.root))
    rows = [action(number, expires_at=None) for number in range(3)]
    write_outbox(place.outbox, rows)
    code, said = run_command("deliver", "--dry-run")
    assert code == 0
    profile = silent_profile(place.received, {})
    found = dry_run(place.outbox, place.journal_url, spool=place.spool, profile=profile, now=NOW)
    assert said == "".join(f"{sending}\n" for sending in found.sendings)
    assert not place.received.exists()
    assert run_command("deliver")[0] == 0
    assert sorted(said.splitlines()) == sorted(received(place))
