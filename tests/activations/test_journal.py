"""The journal by itself."""

import fcntl
import gc
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rehearsal import NOW, action, write_outbox

from activations.delivery.outbox import Action, outbox_files, read_actions
from activations.errors import HourbellError
from activations.journal.journal import Journal, Settlement, open_journal
from activations.journal.place import sqlite_url
from activations.journal.presence import FilePresence, TakenForDeadError


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "journal.sqlite")


@pytest.fixture
def actions(tmp_path: Path) -> list[Action]:
    write_outbox(tmp_path / "outbox", [action(number) for number in range(6)])
    (file,) = outbox_files(tmp_path / "outbox")
    (read,) = read_actions(file, 100)
    return read


def claim(journal: Journal, actions: list[Action]) -> tuple[int, int, int]:
    ids = {each.action_id: f"<{each.action_id}@x>" for each in actions}
    claims = journal.claim(actions, ids, provider="x", now=NOW)
    return len(claims.ours), claims.settled, claims.held


def test_an_action_is_claimed_once(url: str, actions: list[Action]) -> None:
    with open_journal(url) as one, open_journal(url) as two:
        assert claim(one, actions[:4]) == (4, 0, 0)
        assert claim(two, actions) == (2, 0, 4)
        one.settle([Settlement(each.action_id, "accepted") for each in actions[:3]], now=NOW)
        one.release([actions[3].action_id])
        assert claim(two, actions) == (1, 3, 2)
        assert two.counts() == {("email", "accepted"): 3, ("email", "claimed"): 3}


def test_what_a_deliverer_holds_it_is_not_given_again(url: str, actions: list[Action]) -> None:
    with open_journal(url) as journal:
        assert claim(journal, actions[:2]) == (2, 0, 0)
        assert claim(journal, actions) == (4, 0, 2)


def test_what_is_settled_stays_as_it_was_settled(url: str, actions: list[Action]) -> None:
    with open_journal(url) as journal:
        claim(journal, actions[:1])
        journal.settle([Settlement(actions[0].action_id, "accepted")], now=NOW)
        with pytest.raises(HourbellError, match="1 of 1 actions were settled"):
            journal.settle([Settlement(actions[0].action_id, "rejected")], now=NOW)
        assert journal.counts() == {("email", "accepted"): 1}


def test_what_a_dead_deliverer_claimed_is_in_doubt_and_taken_over_once(url: str, actions: list[Action]) -> None:
    with open_journal(url) as dead:
        claim(dead, actions)
    with open_journal(url) as one, open_journal(url) as two:
        assert len(one.in_doubt()) == 6
        ids = {each.action_id: "<another@x>" for each in actions}
        (first, *_) = one.claim(actions, ids, provider="x", now=NOW).ours
        assert first.in_doubt
        assert first.attempts == 2
        assert first.message_id == f"<{first.action.action_id}@x>", "it is asked for by the id that it was sent with"
        assert claim(two, actions) == (0, 0, 6)
        assert not two.in_doubt()


def test_a_deliverer_that_was_taken_for_dead_does_not_record(url: str, actions: list[Action]) -> None:
    with open_journal(url) as one:
        claim(one, actions)
        with open_journal(url) as other, other.transaction() as connection:
            connection.exec_driver_sql("update journal set claimed_by = 'another'")
        with pytest.raises(HourbellError, match="took this deliverer for dead"):
            one.settle([Settlement(actions[0].action_id, "accepted")], now=NOW)


def test_what_is_still_its_own_is_recorded(url: str, actions: list[Action]) -> None:
    with open_journal(url) as journal:
        claim(journal, actions[:2])
        with pytest.raises(HourbellError):
            journal.settle(
                [Settlement(actions[0].action_id, "accepted"), Settlement(actions[5].action_id, "accepted")], now=NOW
            )
        assert journal.counts() == {("email", "accepted"): 1, ("email", "claimed"): 1}


def test_a_deliverer_is_dead_as_soon_as_its_lock_is_gone(tmp_path: Path) -> None:
    one, two = FilePresence(tmp_path), FilePresence(tmp_path)
    one.enter()
    assert two.is_alive(one.deliverer)
    one.leave()
    assert not two.is_alive(one.deliverer)
    # what a process that was killed leaves: a file that nobody locks
    (tmp_path / "killed.lock").touch()
    assert not two.is_alive("killed")
    two.enter()
    assert [path.stem for path in tmp_path.iterdir()] == [two.deliverer]


def test_a_deliverer_whose_lock_was_removed_knows_it(tmp_path: Path) -> None:
    """Others take it for dead, whatever holds the file that has no name any more."""
    presence = FilePresence(tmp_path)
    presence.enter()
    presence.prove()
    path = tmp_path / f"{presence.deliverer}.lock"
    path.unlink()
    with pytest.raises(TakenForDeadError, match="Somebody has removed"):
        presence.prove()
    path.touch()
    with pytest.raises(TakenForDeadError):
        presence.prove()


def test_clearing_up_spares_the_living(tmp_path: Path) -> None:
    path = tmp_path / "living.lock"
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        FilePresence(tmp_path).enter()
        assert path.exists()


@pytest.mark.parametrize("url", ["sqlite://", "mysql://x/y", "nonsense", "postgresql+nosuchdriver://x/y"])
def test_a_url_that_cannot_be_used_is_explained(url: str) -> None:
    with pytest.raises(HourbellError), open_journal(url):
        pass


@contextmanager
def plans(engine: sa.Engine) -> Iterator[list[str]]:
    """How SQLite goes about what is asked meanwhile."""
    told: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        with closing(cursor.connection.cursor()) as beside:
            if statement.startswith("SELECT"):
                told.extend(step for *_, step in beside.execute(f"explain query plan {statement}", parameters))

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield told
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)


def test_what_each_delivery_asks_for_is_found_without_reading_the_whole_journal(url: str) -> None:
    """A journal grows with every message; a delivery takes as long as what is new."""
    with open_journal(url) as journal:
        with plans(journal._engine) as unwritten:
            journal.unwritten_outcomes(["action_id", "status"], 10)
        with plans(journal._engine) as claimed:
            journal.in_doubt()
            journal.abandoned("email")
    by_action = "SEARCH journal USING INDEX sqlite_autoindex_journal_1 (action_id=?)"
    assert unwritten == ["SCAN open_actions", by_action]
    assert set(claimed) == {by_action, "USING ROWID SEARCH ON TABLE open_actions FOR IN-OPERATOR", "SCAN pauses"}


_BEFORE = """
    create table journal (
        action_id bigint not null primary key, channel text not null, tick_end datetime not null,
        workflow text not null, step text not null, provider text not null, message_id text not null,
        status text not null, reason text, provider_message_id text, attempts integer not null,
        claimed_by text not null, claimed_at datetime not null, settled_at datetime, outcome_written boolean not null
    );
    create index journal_claimed on journal (claimed_by) where status = 'claimed';
    create index journal_unwritten on journal (action_id) where not outcome_written;
"""
"""A journal as it was before open actions had a table."""


def test_a_journal_of_an_earlier_version_is_brought_up_to_date(url: str, tmp_path: Path, actions: list[Action]) -> None:
    """What is sent is not sent again, an outcome that was in a file is in no second one, none is forgotten."""
    states = {0: ("accepted", True), 1: ("rejected", False), 2: ("claimed", False)}
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as before, before:
        before.executescript(_BEFORE)
        for number, (status, is_written) in states.items():
            each = actions[number]
            moment = f"{NOW:%Y-%m-%d %H:%M:%S.%f}"
            row = (
                *(each.action_id, each.channel, f"{each.tick_end:%Y-%m-%d %H:%M:%S.%f}", each.workflow, each.step),
                *("x", f"<{each.action_id}@x>", status, None, None, 1, "somebody", moment),
                *(None if status == "claimed" else moment, is_written),
            )
            before.execute(f"insert into journal values ({', '.join('?' * len(row))})", row)
    for _ in range(2):
        with open_journal(url) as journal:
            assert [row.action_id for row in journal.in_doubt()] == [actions[2].action_id]
            unwritten = journal.unwritten_outcomes(["action_id", "status"], 10)
            assert [tuple(row) for row in unwritten] == [(actions[1].action_id, "rejected")]
    with open_journal(url) as journal:
        assert claim(journal, actions) == (4, 2, 0)
        journal.outcomes_written([actions[1].action_id])
        assert not journal.unwritten_outcomes(["action_id", "status"], 10)


class _Batch:
    """Something large that a deliverer holds."""


def test_whoever_waits_for_others_lets_go_of_its_batch(url: str, actions: list[Action]) -> None:
    """Python looks for garbage seldom in a delivery, and a batch of mails has many megabytes."""

    def claim_with_a_batch() -> weakref.ref[_Batch]:
        batch = _Batch()
        assert claim(journal, actions) == (6, 0, 0)
        return weakref.ref(batch)

    path = url.removeprefix("sqlite:///")
    with open_journal(url) as journal, closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("begin immediate")
        letting_go = threading.Timer(0.1, other.rollback)
        letting_go.start()
        gc.disable()
        try:
            assert claim_with_a_batch()() is None
        finally:
            gc.enable()
            letting_go.join()
