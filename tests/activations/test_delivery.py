"""What becomes of every action, and that it adds up."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import yaml
from rehearsal import NOW, Place, action, write_outbox

from activations.channels import email
from activations.delivery.delivery import DeliveryStoppedError
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.sandbox.server import Sandbox
from activations.sandbox.store import messages
from dagster_project.landing.load import load
from data.contract import FOLDER


def outcomes(place: Place) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in sorted(place.spool.glob("outcomes/*.parquet")))


def test_half_a_letter_in_a_name_holds_up_nobody_else(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(0, profile='{"first_name": "A\\ud800"}'), action(1)])
    account = place.deliver(sandbox)
    assert (account.accepted, account.rejected) == (1, 1)
    assert list(account.reasons) == ["rejected: the column profile holds half of a letter (a lone surrogate)"]


def test_every_way_to_end_adds_up(place: Place) -> None:
    write_outbox(
        place.outbox,
        [
            action(0),
            action(1, expires_at=NOW),
            action(2, send_after=NOW + timedelta(minutes=1)),
            action(3, address="nobody"),
            action(4, address=None),
            action(5, template="no_such_template"),
            action(6, template="cart_reminder", context='{"cart_id": "c", "item_count": 2}'),
            action(7, address="full@example.com"),
            action(8, address="broken@example.com"),
            action(9, kind="fly"),
            action(10, context="[]"),
            action(10),
        ],
    )
    with Sandbox(
        place.received,
        refuse=lambda recipient: "452 4.2.2 mailbox full" if recipient == "full@example.com" else None,
        lose_answer=lambda recipient: recipient == "broken@example.com",
    ) as sandbox:
        account = place.deliver(sandbox, blind=True)
        assert account.adds_up
        assert account.by_channel == {
            "email": {
                "actions": 12,
                "accepted": 1,
                "rejected": 6,
                "failed": 1,
                "expired": 1,
                "unknown": 1,
                "already_settled": 1,
                "waiting": 1,
            }
        }
        later = place.deliver(sandbox, blind=True, now=NOW + timedelta(minutes=1))
    assert (later.accepted, later.already_settled) == (1, 11)
    with open_journal(sqlite_url(place.journal)) as journal:
        assert sum(journal.counts().values()) == 11
    assert outcomes(place).height == 11
    reasons = " ".join(account.reasons)
    for part in (
        "no_such_template",
        "context.cart_value",
        "452 4.2.2 mailbox full",
        "'fly'",
        "before 2026-03-02 10:00 UTC",
    ):
        assert part in reasons


def test_what_is_put_off_is_tried_again(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(40)])
    refusals: dict[str, int] = {}

    def busy_twice(recipient: str) -> str | None:
        refusals[recipient] = refusals.get(recipient, 0) + 1
        return "451 4.3.2 later" if recipient.startswith("person1") and refusals[recipient] < 3 else None

    with Sandbox(place.received, refuse=busy_twice) as sandbox:
        account = place.deliver(sandbox)
    assert account.accepted == 40
    assert set(place.recipients().values()) == {1}
    assert {refusals[f"person{number}@example.com"] for number in range(10, 20)} == {3}
    with open_journal(sqlite_url(place.journal)) as journal, journal.transaction() as connection:
        attempts = connection.exec_driver_sql("select attempts, count(*) from journal group by 1 order by 1").fetchall()
    assert attempts == [(1, 29), (3, 11)]


def test_stale_messages_expire(place: Place, sandbox: Sandbox) -> None:
    for hours in range(48):
        tick_end = NOW - timedelta(hours=hours)
        rows = [action(hours, tick_end=tick_end, send_after=tick_end, expires_at=tick_end + timedelta(hours=12))]
        write_outbox(place.outbox, rows, tick_end=tick_end)
    account = place.deliver(sandbox)
    assert (account.accepted, account.expired) == (12, 36)


def test_time_that_passes_while_it_delivers_counts(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number, expires_at=NOW + timedelta(seconds=20)) for number in range(100)])
    moments = iter(range(10_000))

    def now() -> datetime:
        return NOW + timedelta(seconds=next(moments))

    account = place.deliver(sandbox, batch_size=10, now=now)
    assert account.adds_up
    assert account.accepted > 0
    assert account.expired > 0


def test_a_server_that_is_down_loses_nothing(place: Place) -> None:
    write_outbox(place.outbox, [action(number) for number in range(20)])
    with Sandbox(place.received) as gone:
        port = gone.port
    with pytest.raises(DeliveryStoppedError, match=f"127.0.0.1:{port} does not answer") as stopped:
        place.deliver(port)
    assert stopped.value.account.waiting == 20
    assert stopped.value.account.adds_up
    with Sandbox(place.received) as sandbox:
        assert place.deliver(sandbox).accepted == 20
    assert set(place.recipients().values()) == {1}


def test_trouble_of_one_file_or_channel_stays_there(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(5)])
    write_outbox(place.outbox, [action(20, channel="pigeon")], channel="pigeon")
    hour = timedelta(hours=1)
    broken = write_outbox(place.outbox, [action(30)], tick_end=NOW + hour)
    broken.write_bytes(broken.read_bytes()[:-20])
    short = write_outbox(place.outbox, [action(40)], tick_end=NOW + 2 * hour)
    pl.read_parquet(short).drop("address").write_parquet(short)
    strange = write_outbox(place.outbox, [action(50, channel="sms")], tick_end=NOW + 3 * hour)
    with pytest.raises(DeliveryStoppedError) as stopped:
        place.deliver(sandbox)
    assert stopped.value.account.accepted == 5
    assert stopped.value.account.adds_up
    problems = str(stopped.value).splitlines()
    assert len(problems) == 4
    for part in (str(broken), f"{short} lacks the column address", str(strange), "no channel 'pigeon'"):
        assert any(part in problem for problem in problems)


def test_of_a_file_that_is_damaged_further_on_it_is_said_what_became_of_the_rest(place: Place) -> None:
    rows = [
        action(number, kind="set_property", channel="profile", context='{"property": "tier", "value": "gold"}')
        for number in range(12)
    ]
    path = write_outbox(place.outbox, rows, channel="profile")
    whole = pq.read_table(path)
    pq.write_table(whole, path, row_group_size=4, compression="none", use_dictionary=False)
    third = pq.ParquetFile(path).metadata.row_group(2)
    spoilt = bytearray(path.read_bytes())
    for number in range(third.num_columns):
        start = third.column(number).data_page_offset
        spoilt[start : start + 16] = b"\xff" * 16
    path.write_bytes(spoilt)
    with pytest.raises(
        DeliveryStoppedError, match="what was sent of it is in the journal, and is not sent again"
    ) as ended:
        place.deliver(1, batch_size=4)
    assert ended.value.account.accepted == 8
    pq.write_table(whole, path)
    account = place.deliver(1, batch_size=4)
    assert (account.already_settled, account.accepted) == (8, 4)


def test_a_finished_file_is_not_read_again(place: Place, sandbox: Sandbox) -> None:
    path = write_outbox(place.outbox, [action(number) for number in range(5)])
    status = path.stat()
    place.deliver(sandbox)
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    account = place.deliver(sandbox)
    assert (account.actions, account.already_settled) == (5, 5)


def test_a_file_that_is_written_again_sends_only_what_is_new(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(5)])
    place.deliver(sandbox)
    write_outbox(place.outbox, [action(number) for number in range(6)])
    account = place.deliver(sandbox)
    assert (account.accepted, account.already_settled) == (1, 5)
    assert set(place.recipients().values()) == {1}


def test_what_a_dead_deliverer_left_is_settled_without_its_file(place: Place, sandbox: Sandbox) -> None:
    path = write_outbox(place.outbox, [action(number) for number in range(4)])
    place.deliver(sandbox)
    with open_journal(sqlite_url(place.journal)) as journal, journal.transaction() as connection:
        connection.execute(
            sa.text("update journal set status = 'claimed', claimed_by = 'gone' where action_id % 2 = 0")
        )
        connection.execute(sa.text("insert into open_actions select action_id from journal where status = 'claimed'"))
        connection.execute(sa.text("update journal set message_id = '<never@sent>' where action_id % 4 = 0"))
    path.unlink()
    account = place.deliver(sandbox)
    assert (account.accepted, account.failed) == (1, 1)
    assert account.adds_up


def test_outcomes_are_as_the_contract_wants_them_and_land_once(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(3)])
    landed: list[pl.DataFrame] = []

    def land(spool: Path) -> None:
        landed.append(outcomes(place))

    account = place.deliver(sandbox, land=land)
    assert account.outcomes_written == 3
    (rows,) = landed
    contract = yaml.safe_load((FOLDER / "outcomes.yml").read_text())
    assert rows.columns == [column["name"] for column in contract["columns"]]
    assert rows["status"].to_list() == ["accepted"] * 3
    assert rows["occurred_at"].to_list() == [NOW] * 3
    assert rows["provider"].to_list() == ["sandbox"] * 3
    assert not list(place.spool.glob("*/*.parquet")), "what has landed waits no more"
    place.deliver(sandbox, land=land)
    assert len(landed) == 1


def test_what_is_spooled_lands_like_any_file(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(3)])
    context = json.dumps({"property": "tag:sunset", "value": True})
    rows = [action(9, kind="add_tag", channel="profile", context=context)]
    write_outbox(place.outbox, rows, channel="profile")
    landing = place.root / "landing"
    place.deliver(sandbox, land=lambda spool: load(spool, landing, NOW))
    landed = {table: pl.read_parquet(landing / table / "*.parquet") for table in ("outcomes", "events")}
    assert {table: found.height for table, found in landed.items()} == {"outcomes": 4, "events": 1}
    assert all(found["landing_faults"].null_count() == found.height for found in landed.values())
    assert landed["outcomes"]["loaded_at"].to_list() == [NOW] * 4


def test_outcomes_that_could_not_land_wait(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(3)])

    def no_room(spool: Path) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        place.deliver(sandbox, land=no_room)
    assert outcomes(place).height == 3


def test_progress_is_told(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(40)])
    told: list[tuple[int, int]] = []
    place.deliver(sandbox, batch_size=10, progress=lambda done, expected: told.append((done, expected)))
    assert told[0] == (0, 40)
    assert told[-1] == (40, 40)
    assert len(told) >= 5


def test_nothing_to_deliver(place: Place) -> None:
    account = place.deliver(1)
    assert account.actions == 0
    assert account.adds_up


@pytest.mark.parametrize("spoil", ["a file in the way", "not a journal"])
def test_a_journal_that_cannot_be_used_is_named(place: Place, sandbox: Sandbox, spoil: str) -> None:
    write_outbox(place.outbox, [action(0)])
    if spoil == "a file in the way":
        place.journal.parent.write_text("")
    else:
        place.journal.parent.mkdir()
        place.journal.write_bytes(b"something else, and long enough to be read as a header of a database" * 20)
    with pytest.raises(Exception, match=str(place.journal.parent)) as raised:
        place.deliver(sandbox)
    assert type(raised.value).__name__ == "HourbellError"
    assert not place.recipients()


def test_the_same_actions_give_the_same_messages(tmp_path: Path, make_content: Callable[[Path], list[bytes]]) -> None:
    assert make_content(tmp_path / "one") == make_content(tmp_path / "two")


@pytest.fixture
def make_content() -> Callable[[Path], list[bytes]]:
    def make(root: Path) -> list[bytes]:
        place = Place(root)
        write_outbox(place.outbox, [action(number, variant=json.dumps(number)) for number in range(20)])
        with Sandbox(place.received) as sandbox:
            place.deliver(sandbox, batch_size=7)
        return sorted(message.content for message in messages(place.received))

    return make


def test_a_rate_is_kept(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(number) for number in range(60)])
    slow = {"email": lambda setting: replace(email.open_channel(setting), rate=40.0)}
    account = place.deliver(sandbox, channels=slow)
    assert account.accepted == 60
    assert account.seconds >= 1.0, "the first 40 go at once, the others a second later"
