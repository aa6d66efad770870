"""After 48 hours without a delivery: nothing goes past its send-by, and nobody gets two promotional messages."""

import json
import signal
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import crashing
import pytest
from rehearsal import NOW, Place, action, webhook_action, write_outbox

from activations.delivery import channel_delivery
from activations.delivery.account import DeliveryAccount
from activations.journal.journal import open_journal
from activations.sandbox.http import HttpSandbox
from activations.sandbox.server import Sandbox
from activations.sandbox.store import messages
from activations.sandbox.webhooks import webhooks

HOURS, EVERY = 48, 4
CONTACTS = 60
HOUR = timedelta(hours=1)
# hours that a message may be late, of those that are written in turn
PATIENCE = (12, 24, 72)


def backlog() -> list[dict[str, Any]]:
    """In each tick every third contact is due; each seventh message belongs to an order."""
    rows = []
    for hour in range(0, HOURS, EVERY):
        due = NOW - (HOURS - hour) * HOUR
        for contact in range(hour // EVERY % 3, CONTACTS, 3):
            number = len(rows)
            write = webhook_action if number % 5 == 0 else action
            rows.append(
                write(
                    number,
                    tick_end=due,
                    contact_id=contact,
                    address=f"person{contact}@example.com",
                    topic_kind="transactional" if number % 7 == 0 else "promotional",
                    send_after=due,
                    expires_at=due + PATIENCE[number % 3] * HOUR,
                )
            )
    return rows


def write(place: Place, rows: list[dict[str, Any]]) -> None:
    for tick_end in sorted({row["tick_end"] for row in rows}):
        for channel in ("email", "webhook"):
            of_file = [row for row in rows if (row["tick_end"], row["channel"]) == (tick_end, channel)]
            write_outbox(place.outbox, of_file, channel=channel, tick_end=tick_end)


def sent(place: Place) -> set[int]:
    """The actions that were sent."""
    mail = {int(one.message_id[1:20]) for one in messages(place.received)}
    return mail | {int(json.loads(one.body)["data"]["action_id"]) for one in webhooks(place.received)}


def deliver(place: Place, now: datetime = NOW, processes: int = 1) -> DeliveryAccount:
    with Sandbox(place.received) as mail, HttpSandbox(place.received, now=lambda: NOW) as web:
        return place.deliver(mail, webhooks=web.url, now=now, processes=processes)


def check(place: Place, rows: list[dict[str, Any]]) -> None:
    gone = [row for row in rows if row["action_id"] in sent(place)]
    assert all(row["expires_at"] > NOW for row in gone), "past its send-by"
    promotional = Counter(row["contact_id"] for row in gone if row["topic_kind"] == "promotional")
    assert max(promotional.values()) == 1, "more than one message at once"
    in_time = [row for row in rows if row["expires_at"] > NOW]
    # the last that is still in time goes, and whatever belongs to an order
    last = {row["contact_id"]: row["action_id"] for row in in_time if row["topic_kind"] == "promotional"}
    orders = {row["action_id"] for row in in_time if row["topic_kind"] == "transactional"}
    assert {row["action_id"] for row in gone} == {*last.values(), *orders}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_backlog_of_48_hours_gives_each_contact_one_message_in_time(place: Place, processes: int) -> None:
    rows = backlog()
    write(place, rows)
    account = deliver(place, processes=processes)
    check(place, rows)
    assert account.adds_up
    assert account.accepted + account.expired == len(rows)
    assert any("gave way to a later message" in reason for reason in account.reasons)
    assert deliver(place).already_settled == len(rows)
    check(place, rows)


def test_killed_on_the_way_it_still_is_one_message(place: Place) -> None:
    rows = [{**row, "channel": "email", "template": "cart_reassurance"} for row in backlog()]
    write(place, rows)
    with Sandbox(place.received) as sandbox:
        for point in ("recorded", "claimed"):
            process = crashing.start(place, sandbox.port, point=point, batch_size=10)
            process.join(30)
            assert process.exitcode == -signal.SIGKILL
    deliver(place)
    check(place, rows)


def test_what_gives_way_is_settled_before_anybody_sends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is stopped later cannot leave an overdue message to a delivery that finds it alone."""
    rows = backlog()
    write(place, rows)
    monkeypatch.setattr("activations.delivery.processes._let_deliver", _interrupted)
    with pytest.raises(InterruptedError):
        deliver(place, processes=2)
    assert not sent(place)
    with open_journal(place.journal_url) as journal:
        expired = {row.action_id for row in journal.rows(["expired"])}
        in_time = [row for row in rows if row["expires_at"] > NOW and row["topic_kind"] == "promotional"]
        last = {row["contact_id"]: row["action_id"] for row in in_time}
        assert {row["action_id"] for row in in_time} - {*last.values()} <= expired
    monkeypatch.undo()
    deliver(place, processes=2)
    check(place, rows)


def _interrupted(*_: object) -> None:
    raise InterruptedError


def test_ticks_that_follow_each_other_in_time_all_go(place: Place) -> None:
    rows = [
        action(hour, contact_id=1, tick_end=NOW - hour * HOUR, send_after=NOW - hour * HOUR, address="one@example.com")
        for hour in range(2)
    ]
    write(place, rows)
    assert deliver(place).accepted == 2


@pytest.mark.parametrize("mutant", ["nothing gives way", "nothing is late"])
def test_a_mutant_is_caught(place: Place, monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    if mutant == "nothing gives way":
        monkeypatch.setattr("activations.delivery.backlog.OVERDUE", timedelta(days=9))
    else:
        monkeypatch.setattr(channel_delivery, "_is_late", lambda *_: False)
    rows = backlog()
    write(place, rows)
    deliver(place)
    with pytest.raises(AssertionError, match="more than one" if mutant == "nothing gives way" else "past its"):
        check(place, rows)
