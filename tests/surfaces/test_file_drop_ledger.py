"""Each action is in one file, whatever dies, fails or is lost while it is dropped."""

import dataclasses
import errno
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from file_drops import actions_of, dropped, folder, letter_action
from rehearsal import NOW, write_outbox
from surface import Surface

from activations import durable
from activations.channels import file_drop
from activations.delivery.delivery import DeliveryStoppedError
from activations.settings.profile import Profile
from activations.surfaces import drop_ledger
from activations.surfaces.drop_files import MANIFEST, SIGNATURE
from activations.surfaces.drop_places import FolderPlace, NotDroppedError, UnclearDropError
from activations.surfaces.drop_settings import Drop


class _Dies(BaseException):
    """As a process that is killed."""


@dataclasses.dataclass(frozen=True)
class _Frail:
    """A place at which the process dies, or which fails, as it puts what ends so: before it is there, or after."""

    place: FolderPlace
    ending: str
    is_there: bool
    how: Callable[[], BaseException]
    moments: list[int]

    async def put(self, name: str, content: bytes) -> None:
        is_it = (name.endswith(self.ending) if self.ending else "manifest" not in name) and self.moments
        if is_it and not self.is_there:
            self.moments.pop()
            raise self.how()
        await self.place.put(name, content)
        if is_it:
            self.moments.pop()
            raise self.how()

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def frail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the next opened places fail once."""

    def make(ending: str, is_there: bool, how: Callable[[], BaseException], times: int = 1) -> None:
        moments = [1] * times

        def opened(drop: Drop, profile: Profile, rehearsals: Path, now: Callable[[], datetime]) -> Any:
            return _Frail(FolderPlace(rehearsals / drop.name), ending, is_there, how, moments)

        monkeypatch.setattr(file_drop, "open_place", opened)

    return make


ENDINGS = pytest.mark.parametrize("ending", ["", MANIFEST, SIGNATURE], ids=["content", "manifest", "signature"])
THERE = pytest.mark.parametrize("is_there", [False, True], ids=["before", "after"])


@ENDINGS
@THERE
@pytest.mark.parametrize("changed", [False, True], ids=["same batch", "another batch"])
def test_killed_while_dropping_and_run_again(
    office: Surface, frail: Callable[..., None], ending: str, is_there: bool, changed: bool
) -> None:
    """The next delivery may compose another batch, because something has expired by then; all are in one file."""
    written = [letter_action(number) for number in range(5)]
    if changed:
        written[2]["expires_at"] = NOW + timedelta(hours=1)
    write_outbox(office.place.outbox, written, channel="direct_mail")
    frail(ending, is_there, _Dies)
    with pytest.raises(_Dies):
        office.deliver()
    assert len(dropped(office)) == (ending == SIGNATURE and is_there)
    office.now = NOW + timedelta(hours=2)
    account = office.deliver()
    began = ending == SIGNATURE
    assert account.accepted == 5 if began or not changed else 4
    assert account.expired == (changed and not began)
    found = actions_of(office)
    assert set(found.values()) == {1}
    assert len(found) == account.accepted, "whatever is said to be dropped is, and nothing else"
    assert office.deliver().already_settled == 5


@ENDINGS
def test_a_place_that_refuses_loses_nothing(office: Surface, frail: Callable[..., None], ending: str) -> None:
    write_outbox(office.place.outbox, [letter_action(1), letter_action(2)], channel="direct_mail")
    frail(ending, False, lambda: NotDroppedError("the bucket is gone"), times=1)
    account = office.deliver()
    assert (account.waiting, account.accepted) == (2, 0)
    assert dropped(office) == []
    assert office.deliver().accepted == 2
    assert set(actions_of(office).values()) == {1}


@ENDINGS
@THERE
def test_an_answer_that_is_lost_is_found_out_about(
    office: Surface, frail: Callable[..., None], ending: str, is_there: bool
) -> None:
    write_outbox(office.place.outbox, [letter_action(1), letter_action(2)], channel="direct_mail")
    frail(ending, is_there, lambda: UnclearDropError("the answer was lost"))
    assert office.deliver().accepted == 2
    assert set(actions_of(office).values()) == {1}


@ENDINGS
def test_a_name_that_may_be_lost_is_no_file_that_is_not_there(
    office: Surface, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Its folder cannot be synced once it has been renamed: the partner may have taken it by now."""
    written = [letter_action(1), letter_action(2, expires_at=NOW + timedelta(hours=1))]
    write_outbox(office.place.outbox, written, channel="direct_mail")
    left = [1]

    def failing(path: Path) -> None:
        newest = max(path.iterdir(), key=lambda file: file.stat().st_mtime_ns, default=path)
        if left and path == folder(office) and newest.name.endswith(ending or ".csv"):
            left.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(durable, "sync", failing)
    first = office.deliver()
    assert not left
    assert (first.accepted, first.waiting) == ((2, 0) if ending == SIGNATURE else (0, 2))
    # by then it would be another batch, and another file
    office.now = NOW + timedelta(hours=2)
    second = office.deliver()
    assert (second.accepted, second.expired) == ((0, 0) if ending == SIGNATURE else (1, 1))
    assert set(actions_of(office).values()) == {1}


def test_while_it_cannot_be_found_out_nothing_is_settled(office: Surface, frail: Callable[..., None]) -> None:
    write_outbox(office.place.outbox, [letter_action(1)], channel="direct_mail")
    frail(SIGNATURE, True, lambda: UnclearDropError("the answer was lost"), times=2)
    with pytest.raises(DeliveryStoppedError, match="cannot be found out"):
        office.deliver()
    office.now = NOW + timedelta(days=2)
    assert office.deliver().accepted == 1, "it was there, though it would be late by now"
    assert set(actions_of(office).values()) == {1}


def test_the_mutant_without_a_ledger_is_caught(
    office: Surface, frail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file written twice under two names: the second batch is another, because something has expired."""
    written = [letter_action(1), letter_action(2, expires_at=NOW + timedelta(hours=1))]
    write_outbox(office.place.outbox, written, channel="direct_mail")
    frail(SIGNATURE, True, _Dies)
    with pytest.raises(_Dies):
        office.deliver()
    monkeypatch.setattr(drop_ledger, "_names", lambda engine, action_ids: {})
    monkeypatch.setattr(drop_ledger.DropLedger, "_stage", lambda ledger, file, action_ids: None)
    office.now = NOW + timedelta(hours=2)
    office.deliver()
    assert max(actions_of(office).values()) == 2
