"""A deliverer killed at each point, over each kind of provider, with its journal in a file and on a server.

Nothing is sent twice, nothing is left out where that can be known, and at most one batch is in doubt; the
next delivery goes on from where this one was. Users of other systems met the failure in mautic#13070, mautic#15949 and
listmonk#2070.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import crashing
import polars as pl
import pytest
import sqlalchemy as sa
from rehearsal import NOW, Place, action, channels, webhook_action, write_outbox

from activations.channels import email
from activations.delivery.account import DeliveryAccount
from activations.journal.care import rebuild, verify
from activations.journal.journal import open_journal
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.server import Sandbox
from activations.sandbox.webhooks import webhooks

ACTIONS = 60
Provider = Literal["keyed", "askable", "blind"]
KILLED_IN_DOUBT = ("claimed", "rendered", "called", "answered")


@dataclass(frozen=True)
class Rehearsal:
    """One cell of the matrix."""

    place: Place
    provider: Provider

    def write(self) -> None:
        if self.provider == "keyed":
            rows = [webhook_action(number) for number in range(ACTIONS)]
            write_outbox(self.place.outbox, rows, channel="webhook")
        else:
            write_outbox(self.place.outbox, [action(number) for number in range(ACTIONS)])

    @contextmanager
    def receiver(self, kill_after: int = -1) -> Iterator[tuple[dict[str, Any], list[Any]]]:
        """A receiver that kills when it has taken so many; where it is, and whom it kills."""
        victims: list[Any] = []
        with ExitStack() as held:
            if self.provider != "keyed":
                sandbox, doom = held.enter_context(crashing.deadly(self.place, kill_after))
                waiting = _Victims(doom)
                yield {"port": sandbox.port, "blind": self.provider == "blind"}, waiting
                return
            taken: list[str] = []

            def after(key: str) -> Reply | None:
                taken.append(key)
                if len(taken) == kill_after:
                    victims[0].kill()
                return None

            sandbox_of_webhooks = held.enter_context(HttpSandbox(self.place.received, now=lambda: NOW, after=after))
            yield {"port": 1, "webhooks": sandbox_of_webhooks.url}, victims

    def kill(self, point: str, **how: Any) -> None:
        self.write()
        batch = crashing.BATCH
        with self.receiver(batch + batch // 2 if point == "called" else -1) as (where, victims):
            process = crashing.start(self.place, **where, point=point, **how)
            victims.append(process)
            process.join(30)
            assert process.exitcode == -signal.SIGKILL, "it was to die"

    def deliver(self, **more: Any) -> DeliveryAccount:
        with self.receiver() as (where, _):
            return self.place.deliver(where.pop("port"), **where, **more)

    def taken(self) -> Counter[str]:
        """How often each action had an effect."""
        if self.provider == "keyed":
            return Counter(each.webhook_id for each in webhooks(self.place.received))
        return self.place.recipients()


class _Victims(list[Any]):
    def __init__(self, doom: Any) -> None:
        super().__init__()
        self._doom = doom

    def append(self, victim: Any) -> None:
        super().append(victim)
        self._doom(victim)


@pytest.mark.parametrize("provider", ["keyed", "askable", "blind"])
@pytest.mark.parametrize("point", crashing.POINTS)
def test_killed_and_run_again(any_place: Place, point: str, provider: Provider) -> None:
    rehearsal = Rehearsal(any_place, provider)
    rehearsal.kill(point)
    before = rehearsal.taken()
    account = rehearsal.deliver()
    again = rehearsal.deliver()
    assert account.adds_up
    assert again.already_settled == ACTIONS
    taken = rehearsal.taken()
    assert max(taken.values()) == 1, "nothing is sent twice"
    in_doubt = crashing.BATCH if provider == "blind" and point in KILLED_IN_DOUBT else 0
    assert account.unknown == in_doubt, "at most one batch is in doubt, and it is not sent anew"
    if in_doubt:
        assert len(taken) == (ACTIONS if point == "answered" else len(before) + crashing.BATCH)
    else:
        assert len(taken) == ACTIONS, "nobody is left out"
    if provider == "keyed":
        repeated = sum(each.calls > 1 for each in webhooks(any_place.received))
        assert repeated <= (crashing.BATCH if point in ("called", "answered") else 0)
    assert verify(any_place.journal_url, any_place.receipts).agrees


def test_killed_while_outcomes_are_written_back(any_place: Place) -> None:
    rehearsal = Rehearsal(any_place, "askable")
    rehearsal.kill(crashing.WRITE_BACK)
    assert rehearsal.deliver().already_settled == ACTIONS
    rows = pl.concat(pl.read_parquet(path) for path in sorted(any_place.spool.glob("outcomes/*.parquet")))
    assert rows.unique().height == ACTIONS, "written twice at most, as the same rows"
    assert rows["action_id"].n_unique() == ACTIONS
    assert rehearsal.deliver().outcomes_written == 0


def test_killed_again_and_again(any_place: Place) -> None:
    """Each run dies over its second batch, at another point; still nothing comes twice."""
    rehearsal = Rehearsal(any_place, "keyed")
    for point in ("answered", "called", "claimed"):
        rehearsal.kill(point)
    account = rehearsal.deliver()
    assert account.adds_up
    assert account.unknown == 0
    assert rehearsal.taken() == {f"hourbell-{action(number)['action_id']}": 1 for number in range(ACTIONS)}


@pytest.mark.parametrize("provider", ["askable", "blind"])
def test_the_mutant_that_sends_and_then_marks_is_caught(any_place: Place, provider: Provider) -> None:
    rehearsal = Rehearsal(any_place, provider)
    rehearsal.kill("called", send_then_mark=True)
    rehearsal.deliver()
    assert max(rehearsal.taken().values()) == 2


def test_the_mutant_that_calls_a_blind_provider_again_is_caught(any_place: Place) -> None:
    rehearsal = Rehearsal(any_place, "blind")
    rehearsal.kill("answered")
    hopeful = {
        **channels(crashing.BATCH),
        "email": lambda setting: _Hopeful(**vars(email.open_channel(setting))),
    }
    rehearsal.deliver(channels=hopeful)
    assert max(rehearsal.taken().values()) == 2


class _Hopeful(email.EmailChannel):
    idempotency = "keyed"  # type: ignore[assignment]


def test_the_mutant_that_writes_no_receipts_is_caught(any_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the receipt an answer that was had is in doubt."""
    rehearsal = Rehearsal(any_place, "blind")
    rehearsal.kill("receipted")
    monkeypatch.setattr("activations.journal.journal.catch_up", lambda *_, **__: 0)
    assert rehearsal.deliver().unknown == crashing.BATCH


def test_several_deliverers_over_one_journal(any_place: Place) -> None:
    write_outbox(any_place.outbox, [action(number) for number in range(300)])
    with Sandbox(any_place.received) as sandbox:
        processes = [crashing.start(any_place, sandbox.port) for _ in range(3)]
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert any_place.deliver(sandbox).already_settled == 300
    assert any_place.recipients() == {f"person{number}@example.com": 1 for number in range(300)}


def test_a_journal_that_lost_rows_is_rebuilt(any_place: Place) -> None:
    rehearsal = Rehearsal(any_place, "blind")
    rehearsal.write()
    assert rehearsal.deliver().accepted == ACTIONS
    url, receipts = any_place.journal_url, any_place.receipts
    with open_journal(url, receipts) as journal, journal.transaction() as connection:
        connection.execute(sa.text("delete from journal where action_id % 2 = 0"))
        connection.execute(sa.text("delete from finished_files"))
    found = verify(url, receipts)
    assert (found.missing, found.agrees) == (ACTIONS // 2, False)
    assert rebuild(url, receipts).rows == ACTIONS
    assert verify(url, receipts).agrees
    assert rehearsal.deliver().already_settled == ACTIONS
    assert rehearsal.taken() == {f"person{number}@example.com": 1 for number in range(ACTIONS)}
