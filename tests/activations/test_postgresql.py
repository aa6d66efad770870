"""The journal on a server, over a line that may break."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from database import Line
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.delivery import DeliveryStoppedError
from activations.delivery.outbox import Action, outbox_files, read_actions
from activations.errors import HourbellError
from activations.journal.care import verify
from activations.journal.journal import Journal, Settlement, open_journal
from activations.journal.presence import PostgresPresence, TakenForDeadError
from activations.sandbox.server import Sandbox


@pytest.fixture
def line(postgresql_port: int) -> Iterator[Line]:
    line = Line(postgresql_port)
    threading.Thread(target=line.serve, daemon=True).start()
    yield line
    line.close()


@pytest.fixture
def actions(tmp_path: Path) -> list[Action]:
    write_outbox(tmp_path / "outbox", [action(number) for number in range(6)])
    (file,) = outbox_files(tmp_path / "outbox")
    (read,) = read_actions(file, 100)
    return read


def over(line: Line, url: str) -> str:
    return sa.make_url(url).set(port=line.own_port).render_as_string(hide_password=False)


def claim(journal: Journal, actions: list[Action]) -> tuple[int, int]:
    ids = {each.action_id: f"<{each.action_id}@x>" for each in actions}
    claims = journal.claim(actions, ids, provider="x", now=NOW)
    return len(claims.ours), claims.held


def test_a_commit_whose_answer_is_lost_is_read_back(
    server_url: str, line: Line, actions: list[Action], tmp_path: Path
) -> None:
    with open_journal(over(line, server_url), tmp_path / "receipts") as journal:
        line.armed = "after"
        assert claim(journal, actions) == (6, 0)
        line.armed = "after"
        journal.settle([Settlement(each.action_id, "accepted") for each in actions[:4]], now=NOW)
        line.armed = "after"
        journal.release([actions[4].action_id])
        assert journal.counts() == {("email", "accepted"): 4, ("email", "claimed"): 1}
    assert line.broken == 3
    assert verify(server_url, tmp_path / "receipts").agrees


def test_a_commit_that_never_arrived_is_not_assumed(
    server_url: str, line: Line, actions: list[Action], tmp_path: Path
) -> None:
    receipts = tmp_path / "receipts"
    with open_journal(over(line, server_url), receipts) as journal:
        line.armed = "before"
        with pytest.raises(HourbellError):
            claim(journal, actions)
        assert journal.counts() == {}
        assert claim(journal, actions) == (6, 0)
        line.armed = "before"
        with pytest.raises(HourbellError):
            journal.settle([Settlement(each.action_id, "accepted") for each in actions], now=NOW)
        assert journal.counts() == {("email", "claimed"): 6}
    # what it was told is in its receipts
    with open_journal(server_url, receipts) as journal:
        assert journal.counts() == {("email", "accepted"): 6}


def test_who_is_alive_is_told_by_the_server(server_url: str, actions: list[Action], tmp_path: Path) -> None:
    receipts = tmp_path / "receipts"
    with open_journal(server_url, receipts) as one, open_journal(server_url, receipts) as two:
        assert claim(one, actions) == (6, 0)
        assert claim(two, actions) == (0, 6)
        assert not two.in_doubt()
    with open_journal(server_url, receipts) as three:
        assert len(three.in_doubt()) == 6


def sessions(url: str) -> list[int]:
    """Those that hold a deliverer's lock in this schema's journals, by their process."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.text("select pid from pg_locks where locktype = 'advisory'"))
            return list(found.scalars())
    finally:
        engine.dispose()


def end(url: str, pids: list[int]) -> None:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            for pid in pids:
                assert connection.execute(sa.text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar()
    finally:
        engine.dispose()


def test_who_is_taken_for_dead_claims_nothing_more(server_url: str, actions: list[Action], tmp_path: Path) -> None:
    """The server has ended the session by which others know of it; what it was told is still noted."""
    receipts = tmp_path / "receipts"
    before = sessions(server_url)
    with open_journal(server_url, receipts) as one, open_journal(server_url, receipts) as two:
        assert claim(one, actions[:2]) == (2, 0)
        assert claim(one, actions[2:4]) == (2, 0), "nothing has happened"
        end(server_url, [pid for pid in sessions(server_url) if pid not in before])
        assert len(two.in_doubt()) == 4
        for _ in range(2):
            with pytest.raises(HourbellError, match="idle_session_timeout"):
                claim(one, actions[4:])
        with pytest.raises(HourbellError, match="idle_session_timeout"):
            one.abandoned("email")
        one.settle([Settlement(each.action_id, "accepted") for each in actions[:2]], now=NOW)
        assert one.counts() == {("email", "accepted"): 2, ("email", "claimed"): 2}
        assert claim(two, actions) == (4, 0)
    assert verify(server_url, receipts).agrees


def test_a_lock_that_a_pooler_gave_away_is_missed(server_url: str, actions: list[Action], tmp_path: Path) -> None:
    with open_journal(server_url, tmp_path / "receipts") as journal:
        assert claim(journal, actions[:2]) == (2, 0)
        presence = journal._presence
        assert isinstance(presence, PostgresPresence)
        assert presence._connection is not None
        presence._connection.execute(sa.text("select pg_advisory_unlock_all()"))
        with pytest.raises(TakenForDeadError):
            claim(journal, actions[2:])


def test_a_delivery_stops_where_it_is_taken_for_dead(server_url: str, tmp_path: Path) -> None:
    """And nobody gets anything twice."""
    place = Place(tmp_path, server_url)
    write_outbox(place.outbox, [action(number) for number in range(60)])
    before = sessions(server_url)
    kept: list[str] = []

    def keep(recipient: str) -> bool:
        kept.append(recipient)
        if len(kept) == 25:
            end(server_url, [pid for pid in sessions(server_url) if pid not in before])
        return False

    with Sandbox(place.received, lose_answer=keep) as sandbox:
        with pytest.raises(DeliveryStoppedError, match="idle_session_timeout"):
            place.deliver(sandbox, batch_size=20)
        assert len(place.recipients()) == 40
        assert place.deliver(sandbox, batch_size=20).adds_up
    assert set(place.recipients().values()) == {1}
    assert len(place.recipients()) == 60


def test_a_switch_thrown_on_one_machine_counts_on_all(server_url: str, actions: list[Action], tmp_path: Path) -> None:
    with open_journal(server_url, tmp_path / "here") as here, open_journal(server_url, tmp_path / "there") as there:
        there.pause("channel", "email", reason="stop", now=NOW)
        assert claim(here, actions) == (0, 0)
        assert there.resume("channel", "email", now=NOW)
        assert claim(here, actions) == (6, 0)


def test_a_server_that_cannot_be_reached_is_explained_without_the_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://hourbell:hunter2@127.0.0.1:1/none"
    with pytest.raises(HourbellError) as raised, open_journal(url, tmp_path):
        pass
    assert "hunter2" not in str(raised.value)
    with pytest.raises(HourbellError, match="folder of this machine"), open_journal(url):
        pass


def test_a_journal_of_an_earlier_version_is_brought_up_to_date(
    server_url: str, actions: list[Action], tmp_path: Path
) -> None:
    receipts = tmp_path / "receipts"
    with open_journal(server_url, receipts) as journal:
        assert claim(journal, actions[:3]) == (3, 0)
        journal.settle([Settlement(each.action_id, "accepted") for each in actions[:2]], now=NOW)
        journal.outcomes_written([actions[0].action_id])
        with journal.transaction() as connection:
            connection.exec_driver_sql("alter table journal add column outcome_written boolean not null default false")
            connection.execute(
                sa.text("update journal set outcome_written = true where action_id = :written"),
                {"written": actions[0].action_id},
            )
            connection.exec_driver_sql(
                "create index journal_unwritten on journal (action_id) where not outcome_written"
            )
            connection.exec_driver_sql("drop table open_actions")
    for _ in range(2):
        with open_journal(server_url, receipts) as journal:
            unwritten = journal.unwritten_outcomes(["action_id"], 10)
            assert [number for (number,) in unwritten] == [actions[1].action_id]
            assert [row.action_id for row in journal.in_doubt()] == [actions[2].action_id]
