"""A disk that is full, for good and not by a limit: one clear error, and with more room the next run loses nothing."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from disk import Disk
from rehearsal import Place, action, write_outbox

from activations.errors import HourbellError
from activations.journal.care import verify
from activations.journal.journal import Journal
from activations.sandbox.server import Sandbox

ACTIONS = 400


def check_delivery(disk: Disk, tmp_path: Path, room: int, mend: Callable[[], object] = lambda: None) -> None:
    """Deliver to where the disk gets full on the way, and again when there is room and what was wrong is mended."""
    place = Place(disk.path)
    write_outbox(place.outbox, [action(number) for number in range(ACTIONS)])
    # what the provider keeps is on another disk
    place.received.symlink_to(tmp_path / "received")
    with Sandbox(tmp_path / "received") as sandbox:
        disk.leave_room(room)
        with pytest.raises(HourbellError) as raised:
            place.deliver(sandbox, blind=True, batch_size=20)
        disk.resize()
        mend()
        account = place.deliver(sandbox, blind=True, batch_size=20)
    assert place.recipients() == {f"person{number}@example.com": 1 for number in range(ACTIONS)}
    assert verify(place.journal_url, place.receipts).agrees
    assert account.adds_up
    assert "Make room" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("room", [60_000, 130_000, 165_000, 180_000])
def test_delivery_on_a_full_disk_loses_nothing_that_was_acknowledged(disk: Disk, tmp_path: Path, room: int) -> None:
    check_delivery(disk, tmp_path, room)


def test_the_mutant_that_takes_a_failed_write_for_done_is_caught(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(journal: Journal, work: Callable[..., Any], is_there: object) -> Any:
        with journal._engine.connect() as connection:
            connection.begin()
            done = work(connection)
            with suppress(sa.exc.DBAPIError):
                connection.commit()
            return done

    def note(journal: Journal, *receipts: Any) -> None:
        with suppress(HourbellError):
            journal._receipts.append(*receipts)

    monkeypatch.setattr(Journal, "_write", write)
    monkeypatch.setattr(Journal, "_note", note)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_delivery(disk, tmp_path, 130_000, mend=monkeypatch.undo)
    assert max(Place(disk.path).recipients().values()) > 1
