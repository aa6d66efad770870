"""Erasing people from what delivery keeps, with the journal in a file and on a server."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action, outbox_file, outbox_files, read_actions
from activations.erasure.anonymising import Anonymiser
from activations.erasure.erasure import REASON, UNKNOWN_REASON, erase_in_journal, erase_in_outbox, erase_in_sandbox
from activations.erasure.sought import Sought
from activations.erasure.suppression import NUMBER, Suppression
from activations.holds.settle import GATE
from activations.journal.care import verify
from activations.journal.journal import open_journal
from activations.journal.receipts import segments
from activations.journal.rows import Aim, Settlement
from activations.journal.tables import AIMS, READ
from activations.sandbox.server import Sandbox

OLD = action(1)["action_id"]


def erased(*numbers: int) -> Suppression:
    suppression = Suppression(b"a key of the test", {})
    return suppression.with_people({(NUMBER, suppression.hashed(NUMBER, str(number))): "p" for number in numbers})


def rows(place: Place) -> dict[int, tuple[str, str, str | None]]:
    engine = sa.create_engine(place.journal_url)
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.text("select action_id, status, message_id, reason from journal")).fetchall()
            return {number: (status, message_id, reason) for number, status, message_id, reason in found}
    finally:
        engine.dispose()


def test_an_action_of_theirs_is_known_under_another_number(any_place: Place) -> None:
    suppression = erased(OLD)
    renamed = {OLD: suppression.new_id(OLD)}
    write_outbox(any_place.outbox, [action(number) for number in range(1, 6)])
    with Sandbox(any_place.received) as sandbox:
        assert any_place.deliver(sandbox).accepted == 5
    before = rows(any_place)
    erase_in_journal(
        any_place.journal_url, any_place.receipts, renamed, Anonymiser(suppression, lambda _: None, lambda _: None)
    )
    after = rows(any_place)
    assert after.keys() == {renamed.get(number, number) for number in before}
    assert after[renamed[OLD]][0] == "accepted"
    assert str(OLD) not in str(after)
    assert {number: row for number, row in after.items() if number in before} == {
        number: row for number, row in before.items() if number != OLD
    }
    folders = [any_place.receipts, any_place.journal.parent]
    assert not [p for f in folders for p in f.rglob("*") if p.is_file() and str(OLD).encode() in p.read_bytes()]
    assert verify(any_place.journal_url, any_place.receipts).agrees
    # and nothing goes out again
    with Sandbox(any_place.received) as sandbox:
        any_place.deliver(sandbox)
    assert any_place.recipients().most_common(1)[0][1] <= 2
    assert any_place.recipients()["person2@example.com"] == 1


def test_what_waits_for_them_ends_as_rejected_and_leaves_the_outbox(any_place: Place) -> None:
    write_outbox(any_place.outbox, [action(number) for number in range(1, 6)])
    removed = erase_in_outbox(any_place.outbox, TEMPLATES, any_place.journal_url, any_place.receipts, {1, 2}, now=NOW)
    assert removed == 2
    left = [
        one.contact_id for file in outbox_files(any_place.outbox) for batch in read_actions(file, 9) for one in batch
    ]
    assert left == [3, 4, 5]
    assert {reason for _, _, reason in rows(any_place).values()} == {REASON}
    with Sandbox(any_place.received) as sandbox:
        assert any_place.deliver(sandbox).accepted == 3
    assert set(any_place.recipients()) == {f"person{number}@example.com" for number in (3, 4, 5)}
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        assert journal.counts() == {("email", "accepted"): 3, ("email", "rejected"): 2}


@pytest.mark.parametrize("provider", ["sandbox", GATE])
def test_what_may_have_gone_out_to_them_is_unknown(any_place: Place, provider: str) -> None:
    """A deliverer died after the call; one that settles holds, or erases, calls nobody."""
    file = write_outbox(any_place.outbox, [action(number) for number in range(1, 6)])
    (batch,) = read_actions(outbox_file(file, "x"), 9)
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        claimed = journal.claim(batch[:3], {each.action_id: "<x>" for each in batch}, provider=provider, now=NOW)
        assert len(claimed.ours) == 3
    erase_in_outbox(any_place.outbox, TEMPLATES, any_place.journal_url, any_place.receipts, {1, 4}, now=NOW)
    found = rows(any_place)
    called = ("rejected", REASON) if provider == GATE else ("unknown", UNKNOWN_REASON)
    assert (found[batch[0].action_id][0], found[batch[0].action_id][2]) == called
    assert (found[batch[3].action_id][0], found[batch[3].action_id][2]) == ("rejected", REASON)
    with Sandbox(any_place.received) as sandbox:
        any_place.deliver(sandbox)
    assert set(any_place.recipients()) == {f"person{number}@example.com" for number in (2, 3, 5)}


def test_what_is_paused_ends_as_well_and_what_is_others_stays_paused(any_place: Place) -> None:
    """Nobody would look again at what has left the outbox; and to pause is what one does before one erases."""
    file = write_outbox(any_place.outbox, [action(number) for number in range(1, 6)])
    (batch,) = read_actions(outbox_file(file, "x"), 9)
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        journal.claim(batch[:3], {each.action_id: "<x>" for each in batch}, provider="sandbox", now=NOW)
        journal.pause("all", "", reason="to erase", now=NOW)
    erase_in_outbox(any_place.outbox, TEMPLATES, any_place.journal_url, any_place.receipts, {1, 4}, now=NOW)
    found = {number: (status, reason) for number, (status, _, reason) in rows(any_place).items()}
    assert found == {
        batch[0].action_id: ("unknown", UNKNOWN_REASON),
        batch[1].action_id: ("claimed", None),
        batch[2].action_id: ("claimed", None),
        batch[3].action_id: ("rejected", REASON),
    }
    with Sandbox(any_place.received) as sandbox:
        account = any_place.deliver(sandbox)
    assert (account.accepted, account.paused) == (0, 3)
    assert not any_place.recipients()
    assert verify(any_place.journal_url, any_place.receipts).agrees


def test_where_receipts_were_read_is_known_afterwards_however_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that name somebody become shorter or longer."""
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, "sqlite:///./journal/journal.sqlite")
    write_outbox(place.outbox, [action(number) for number in range(1, 6)])
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox).accepted == 5
    suppression = erased(OLD)
    renamed = {OLD: suppression.new_id(OLD)}
    anonymiser = Anonymiser(suppression, lambda _: None, lambda _: None)
    erase_in_journal(place.journal_url, place.receipts, renamed, anonymiser)
    with open_journal(place.journal_url, place.receipts, recover=False) as journal, journal.reading() as connection:
        read = {row.segment: row.position for row in connection.execute(sa.select(READ))}
    assert read == {segment.name: segment.path.stat().st_size for segment in segments(place.receipts)}
    assert verify(place.journal_url, place.receipts).agrees


def test_what_a_sandbox_received_for_them_goes_by_a_short_id_too(tmp_path: Path) -> None:
    """A number may be anything, unless it is said to be an id."""
    path = tmp_path / "http" / "received.sqlite"
    path.parent.mkdir()
    kept = ['{"user_id":"123"}', '{"total":12}']
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table received (body blob)")
        connection.executemany(
            "insert into received values (?)", [(body.encode(),) for body in ('{"user_id":"12"}', *kept)]
        )
    assert erase_in_sandbox(tmp_path, Sought.of([("user_id", "12")]), ["12"], []) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert [body.decode() for (body,) in connection.execute("select body from received")] == kept


def test_what_an_action_of_theirs_has_set_is_known_no_more(any_place: Place) -> None:
    suppression = erased(OLD)
    actions = [Action(**action(number, channel="crm")) for number in (1, 2)]
    ids = {each.action_id: f"hourbell-{each.action_id}" for each in actions}
    aims = {each.action_id: Aim(f"target of {each.contact_id}", NOW) for each in actions}
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        journal.claim(actions, ids, provider="crm", now=NOW, aims=aims)
        journal.settle([Settlement(number, "accepted") for number in ids], now=NOW)
    anonymiser = Anonymiser(suppression, lambda _: None, lambda _: None)
    erase_in_journal(any_place.journal_url, any_place.receipts, {OLD: suppression.new_id(OLD)}, anonymiser)
    with open_journal(any_place.journal_url, any_place.receipts) as journal, journal.reading() as connection:
        assert connection.scalars(sa.select(AIMS.c.target)).all() == ["target of 2"]
    folders = [any_place.receipts, any_place.journal.parent]
    assert not [p for f in folders for p in f.rglob("*") if p.is_file() and b"target of 1" in p.read_bytes()]
