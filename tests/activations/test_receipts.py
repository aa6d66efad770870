"""What the receipts say outlives the journal."""

import json
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import crashing
import pytest
import sqlalchemy as sa
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.outbox import Action, outbox_file, outbox_files, read_actions
from activations.errors import HourbellError
from activations.journal.care import rebuild, verify
from activations.journal.journal import Journal, Settlement, open_journal
from activations.journal.place import sqlite_url
from activations.journal.receipts import DamagedReceiptError, ReceiptLog, read_receipts, segments
from activations.sandbox.server import Sandbox

NOWHERE = Path("nowhere")


def rows(place: Place) -> list[tuple[Any, ...]]:
    """The journal as it is, read by nothing of ours."""
    with closing(sqlite3.connect(place.journal)) as connection:
        return connection.execute("select * from journal order by action_id").fetchall()


def folder(place: Place) -> Path:
    return place.journal.with_name("journal.sqlite.receipts")


@pytest.fixture
def delivered(place: Place) -> list[tuple[Any, ...]]:
    """Every way in which an action can end, in the journal."""
    write_outbox(
        place.outbox,
        [
            *(action(number) for number in range(60)),
            action(60, address="nobody"),
            action(61, expires_at=NOW),
            action(62, address="full@example.com"),
            action(63, address="broken@example.com"),
        ],
    )
    with Sandbox(
        place.received,
        refuse=lambda recipient: f"452 4.2.2 <{recipient}> is full" if recipient == "full@example.com" else None,
        lose_answer=lambda recipient: recipient == "broken@example.com",
    ) as sandbox:
        account = place.deliver(sandbox, blind=True, batch_size=20)
    assert (account.accepted, account.rejected, account.expired, account.failed, account.unknown) == (60, 1, 1, 1, 1)
    return rows(place)


def remove(place: Place) -> None:
    for suffix in ("", "-wal", "-shm"):
        place.journal.with_name(place.journal.name + suffix).unlink(missing_ok=True)


def nothing_is_sent_anew(place: Place) -> None:
    before = place.recipients()
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox, blind=True).already_settled == 64
    assert place.recipients() == before


def test_a_deleted_journal_comes_back_as_it_was(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    remove(place)
    nothing_is_sent_anew(place)
    assert rows(place) == delivered


def test_the_mutant_that_keeps_no_receipts_is_caught(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    remove(place)
    shutil.rmtree(folder(place))
    with pytest.raises(AssertionError):
        nothing_is_sent_anew(place)


def test_a_backup_that_is_brought_back_sends_nothing(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(20)])
    place.deliver(sandbox)
    backup = place.journal.with_name("backup")
    shutil.copy(place.journal, backup)
    write_outbox(place.outbox, [action(number) for number in range(50)])
    place.deliver(sandbox)
    after = rows(place)
    remove(place)
    shutil.copy(backup, place.journal)
    assert place.deliver(sandbox).already_settled == 50
    assert rows(place) == after
    assert set(place.recipients().values()) == {1}


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_flipped_bits_in_the_write_ahead_log(place: Place, sandbox: Sandbox, at: float) -> None:
    write_outbox(place.outbox, [action(number) for number in range(60)])
    # a deliverer that is killed leaves its log
    process = crashing.start(place, sandbox.port, point="recorded")
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    log = place.journal.with_name("journal.sqlite-wal")
    content = bytearray(log.read_bytes())
    content[int(len(content) * at)] ^= 0xFF
    log.write_bytes(content)
    assert place.deliver(sandbox).adds_up
    assert place.recipients() == {f"person{number}@example.com": 1 for number in range(60)}
    assert verify(sqlite_url(place.journal), NOWHERE).agrees


@pytest.mark.parametrize("spoil", ["header", "pages", "truncated"])
def test_a_broken_file_is_rebuilt(place: Place, delivered: list[tuple[Any, ...]], spoil: str) -> None:
    content = bytearray(place.journal.read_bytes())
    if spoil == "header":
        content[:100] = b"x" * 100
    elif spoil == "pages":
        content[8192:] = bytes(byte ^ 0x55 for byte in content[8192:])
    else:
        del content[len(content) // 2 :]
    place.journal.write_bytes(content)
    with pytest.raises(HourbellError, match="cannot be read whole"):
        rebuild(sqlite_url(place.journal), NOWHERE)
    assert place.journal.read_bytes() == content
    rebuilt = rebuild(sqlite_url(place.journal), NOWHERE, skip_unread=True)
    assert (rebuilt.rows, rebuilt.salvaged) == (64, 0)
    assert rebuilt.unread
    assert rebuilt.kept_as is not None
    assert rebuilt.kept_as.read_bytes() == content
    assert rows(place) == delivered
    nothing_is_sent_anew(place)


def test_rebuilding_keeps_what_only_the_old_journal_knows(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    """As after an upgrade from a version that wrote no receipts."""
    shutil.rmtree(folder(place))
    unwritten = delivered[0][0]
    with closing(sqlite3.connect(place.journal)) as connection, connection:
        connection.execute("insert into open_actions values (?)", [unwritten])
    before = verify(sqlite_url(place.journal), NOWHERE)
    assert (before.rows, before.without_receipt, before.agrees) == (64, 64, True)
    rebuilt = rebuild(sqlite_url(place.journal), NOWHERE)
    assert (rebuilt.rows, rebuilt.salvaged, rebuilt.receipts) == (64, 64, 0)
    assert not rebuilt.unread
    with open_journal(sqlite_url(place.journal)) as journal:
        assert [number for (number,) in journal.unwritten_outcomes(["action_id"], 100)] == [unwritten]
    nothing_is_sent_anew(place)


def read_until_damage(path: Path) -> int:
    """The rows of a journal that come before the first that cannot be read."""
    with closing(sqlite3.connect(path)) as connection:
        number = 0
        with suppress(sqlite3.DatabaseError):
            found = connection.execute("select rowid, * from journal order by rowid")
            while found.fetchone() is not None:
                number += 1
    return number


def test_what_stands_behind_a_damaged_page_is_not_forgotten_silently(
    place: Place,
    delivered: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., tuple[int, str]],
) -> None:
    """Nobody else knows of it: it would go out again."""
    shutil.rmtree(folder(place))
    with closing(sqlite3.connect(place.journal)) as connection:
        stored = connection.execute("select action_id from journal order by rowid").fetchall()
    whole = place.journal.read_bytes()
    for start in range(4096, len(whole), 4096):
        place.journal.write_bytes(whole[:start] + b"x" * 4096 + whole[start + 4096 :])
        if 5 < read_until_damage(place.journal) < 60:
            break
    else:
        pytest.fail("no page lies between rows")
    spoilt = place.journal.read_bytes()
    before = read_until_damage(place.journal)
    monkeypatch.setenv("HOURBELL_HOME", str(place.root))
    code, said = run_command("journal", "rebuild")
    assert code == 1
    assert "cannot be read whole" in said
    assert "would be sent again" in said
    assert "--skip-unread" in said
    assert place.journal.read_bytes() == spoilt
    assert not list(place.journal.parent.glob("*.rebuilt*"))
    # from both ends, and no further
    code, said = run_command("journal", "rebuild", "--skip-unread")
    assert code == 0
    assert "the old journal could not be read whole" in said
    assert before <= len(rows(place)) < len(delivered)
    assert set(rows(place)) < set(delivered)
    assert {stored[0], stored[-1]} <= {row[:1] for row in rows(place)}


def test_what_differs_is_shown(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    url = sqlite_url(place.journal)
    assert verify(url, NOWHERE).agrees
    with closing(sqlite3.connect(place.journal)) as connection, connection:
        connection.execute("update journal set status = 'rejected' where action_id % 100 = 7")
        connection.execute("delete from journal where action_id % 100 = 8")
    found = verify(url, NOWHERE)
    assert (found.rows, found.missing, found.different, found.agrees) == (63, 1, 1, False)
    assert "status rejected and accepted" in " ".join(found.examples)
    rebuild(url, NOWHERE)
    assert rows(place) == delivered


def test_nobody_rebuilds_what_somebody_uses(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    url = sqlite_url(place.journal)
    with open_journal(url), pytest.raises(HourbellError, match="Somebody is at the journal"):
        rebuild(url, NOWHERE)
    assert rows(place) == delivered


def test_an_unfinished_line_was_never_acted_on(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    (segment,) = segments(folder(place))
    content = segment.path.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    segment.path.write_bytes(content[: last + (len(content) - last) // 2])
    remove(place)
    assert len(list(read_receipts(segment))) == content.count(b"\n") - 1
    nothing_is_sent_anew(place)


def test_a_damaged_receipt_stops_everything_until_somebody_has_looked(
    place: Place, delivered: list[tuple[Any, ...]]
) -> None:
    (segment,) = segments(folder(place))
    content = bytearray(segment.path.read_bytes())
    content[100] ^= 1
    segment.path.write_bytes(content)
    remove(place)
    before = place.recipients()
    with Sandbox(place.received) as sandbox, pytest.raises(DamagedReceiptError, match="1 lines after byte 0"):
        place.deliver(sandbox)
    assert place.recipients() == before
    rebuilt = rebuild(sqlite_url(place.journal), NOWHERE, skip_damaged=True)
    assert [damage.line for damage in rebuilt.damaged] == [1]
    assert 0 < rebuilt.rows < 64


def test_receipts_hold_no_address(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    (segment,) = segments(folder(place))
    content = segment.path.read_text()
    assert "is full" in content
    assert "example.com" not in content


def test_receipts_are_json_a_line_each(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    (segment,) = segments(folder(place))
    kinds = [json.loads(line)["kind"] for line in segment.path.read_text().splitlines()]
    assert kinds[0] == "claim"
    assert {"claim", "settle", "release", "outcomes"} == set(kinds)


# what a commit may do other than succeed and say so


@pytest.fixture
def actions(place: Place) -> list[Action]:
    write_outbox(place.outbox, [action(number) for number in range(6)])
    (file,) = outbox_files(place.outbox)
    (read,) = read_actions(file, 100)
    return read


@pytest.fixture
def fail_once() -> Callable[[Journal, bool], None]:
    """Let the next commit of a journal report an error, after it has written or without."""

    def arm(journal: Journal, is_written: bool) -> None:
        dialect = journal._engine.dialect
        commit = dialect.do_commit

        def failing(connection: Any) -> None:
            del dialect.do_commit  # type: ignore[misc]
            if is_written:
                commit(connection)
            raise sqlite3.OperationalError("disk I/O error")

        dialect.do_commit = failing  # type: ignore[method-assign]

    return arm


def claim(journal: Journal, actions: list[Action]) -> int:
    ids = {each.action_id: f"<{each.action_id}@x>" for each in actions}
    return len(journal.claim(actions, ids, provider="x", now=NOW).ours)


def test_a_commit_that_reports_an_error_and_has_written(
    place: Place, actions: list[Action], fail_once: Callable[[Journal, bool], None]
) -> None:
    url = sqlite_url(place.journal)
    with open_journal(url) as journal:
        fail_once(journal, True)
        assert claim(journal, actions) == 6
        fail_once(journal, True)
        journal.settle([Settlement(each.action_id, "accepted") for each in actions[:3]], now=NOW)
        fail_once(journal, True)
        journal.release([each.action_id for each in actions[3:]])
        assert journal.counts() == {("email", "accepted"): 3}
    assert verify(url, NOWHERE).agrees


def test_a_claim_that_was_not_written_is_nobodys(
    place: Place, actions: list[Action], fail_once: Callable[[Journal, bool], None]
) -> None:
    with open_journal(sqlite_url(place.journal)) as journal:
        fail_once(journal, False)
        with pytest.raises(HourbellError, match="disk I/O error"):
            claim(journal, actions)
        assert journal.counts() == {}
        assert claim(journal, actions) == 6


def test_an_end_that_was_not_written_is_known_by_its_receipt(
    place: Place, actions: list[Action], fail_once: Callable[[Journal, bool], None]
) -> None:
    url = sqlite_url(place.journal)
    with open_journal(url) as journal:
        claim(journal, actions)
        fail_once(journal, False)
        with pytest.raises(HourbellError, match="disk I/O error"):
            journal.settle([Settlement(each.action_id, "accepted") for each in actions[:3]], now=NOW)
        # whatever else it settles must not hide that
        journal.settle([Settlement(actions[3].action_id, "rejected", "no")], now=NOW)
        assert journal.counts() == {("email", "claimed"): 5, ("email", "rejected"): 1}
    with open_journal(url) as journal:
        assert journal.counts() == {("email", "accepted"): 3, ("email", "claimed"): 2, ("email", "rejected"): 1}
        assert len(journal.in_doubt()) == 2
    assert verify(url, NOWHERE).agrees


def test_a_receipt_that_cannot_be_written_lets_nothing_go(place: Place, actions: list[Action]) -> None:
    url = sqlite_url(place.journal)
    folder(place).parent.mkdir()
    folder(place).write_text("in the way")
    with open_journal(url, recover=False) as journal:
        with pytest.raises(HourbellError, match="Receipts cannot be written"):
            claim(journal, actions)
        assert journal.counts() == {}
        folder(place).unlink()
        assert claim(journal, actions) == 6


def test_a_new_file_is_begun_when_one_is_full(
    place: Place, actions: list[Action], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activations.journal.receipts._SEGMENT_BYTES", 300)
    url = sqlite_url(place.journal)
    with open_journal(url) as journal:
        claim(journal, actions)
        for each in actions[:4]:
            journal.settle([Settlement(each.action_id, "accepted")], now=NOW)
        journal.release([actions[4].action_id])
    assert len(segments(folder(place))) > 2
    before = rows(place)
    remove(place)
    with open_journal(url):
        assert rows(place) == before


def test_a_line_that_failed_half_way_leaves_no_trace(tmp_path: Path) -> None:
    receipts = ReceiptLog(tmp_path, "me")
    receipts.append({"kind": "release", "rows": [1]})
    (segment,) = segments(tmp_path)
    room, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (segment.path.stat().st_size + 10, most))
    try:
        with pytest.raises(HourbellError, match="File too large"):
            receipts.append({"kind": "release", "rows": [2]})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    receipts.append({"kind": "release", "rows": [3]})
    receipts.close()
    assert [line["rows"] for each in segments(tmp_path) for line, _ in read_receipts(each)] == [[1], [3]]


# resolved by a person


def test_what_is_unknown_is_resolved_by_a_person_once(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    url = sqlite_url(place.journal)
    unknown = 7_000_000_000_000_000_063
    with open_journal(url) as journal:
        assert [row.action_id for row in journal.rows(["unknown"])] == [unknown]
        journal.resolve([unknown], accepted=True, note="the provider's log has it", now=NOW)
        assert journal.counts()["email", "accepted"] == 61
        for number in (unknown, 1):
            with pytest.raises(HourbellError):
                journal.resolve([number], accepted=False, note="", now=NOW)
    resolved = rows(place)
    rebuild(url, NOWHERE)
    assert rows(place) == resolved
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox).outcomes_written == 1


def test_what_did_not_arrive_is_failed_and_never_sent_by_itself(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    with open_journal(sqlite_url(place.journal)) as journal:
        journal.resolve([7_000_000_000_000_000_063], accepted=False, note="", now=NOW)
        assert ("email", "abandoned_cart", "failed", "by hand: it did not arrive", 1) in journal.reasons(["failed"])
    nothing_is_sent_anew(place)


def test_a_receipt_of_what_was_unknown_makes_it_known(place: Place, delivered: list[tuple[Any, ...]]) -> None:
    """A deliverer that was taken for dead noted the answer after another had given up."""
    (segment,) = segments(folder(place))
    columns = ["action_id", "status", "reason", "provider_message_id", "attempts", "settled_at"]
    late = ReceiptLog(folder(place), "late")
    late.append({"kind": "settle", "columns": columns, "rows": [
        [7_000_000_000_000_000_063, "accepted", None, "p", 1, NOW],
        [7_000_000_000_000_000_001, "failed", None, None, 9, NOW],
    ]})  # fmt: skip
    late.close()
    with open_journal(sqlite_url(place.journal)) as journal, journal.transaction() as connection:
        found = connection.execute(sa.text("select status, claimed_by from journal where action_id % 100 in (1, 63)"))
        assert [tuple(row) for row in found] == [("accepted", segment.deliverer), ("accepted", "late")]


@pytest.mark.parametrize(
    ("left", "certain"),
    [
        ("the claim was not noted", {3, 4}),
        ("all was noted", set()),
        ("the receipts are gone", set()),
        ("there never were any", set()),
        ("less than was read", set()),
        ("taken over before", set()),
    ],
)
def test_no_call_was_made_for_what_its_deliverer_did_not_note(tmp_path: Path, left: str, certain: set[int]) -> None:
    """Of claims that the dead have left; where it is not certain they are in doubt."""
    place = Place(tmp_path)
    file = write_outbox(place.outbox, [action(number) for number in range(6)])
    (batch,) = read_actions(outbox_file(file, "x"), 9)

    def claim(journal: Journal, *numbers: int) -> dict[int, bool]:
        actions = [batch[number] for number in numbers]
        claims = journal.claim(actions, {each.action_id: "<x>" for each in actions}, provider="sandbox", now=NOW)
        return {batch.index(each.action): each.in_doubt for each in claims.ours}

    def noted() -> tuple[Path, int]:
        path = segments(folder(place))[-1].path
        return path, path.stat().st_size

    with open_journal(place.journal_url) as first:
        claim(first, 0, 1, 2)
        first.settle([Settlement(batch[0].action_id, "accepted")], now=NOW)
        path, size = noted()
        claim(first, 3, 4)
    if left == "taken over before":
        with open_journal(place.journal_url) as second:
            claim(second, 5)
            path, size = noted()
            claim(second, 1, 2, 3, 4)
    if left == "there never were any":
        with closing(sqlite3.connect(place.journal)) as connection, connection:
            connection.execute("delete from receipts_read")
    if left in ("the receipts are gone", "there never were any"):
        path.unlink()
    elif left != "all was noted":
        with path.open("rb+") as kept:
            kept.truncate(size - (left == "less than was read"))
    with open_journal(place.journal_url) as last:
        found = claim(last, 1, 2, 3, 4)
    assert {number for number, in_doubt in found.items() if not in_doubt} == certain
    assert found.keys() == {1, 2, 3, 4}
