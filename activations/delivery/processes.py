"""Deliver with several processes: each takes every so-manieth batch, over a journal connection and receipts of its own.

To the journal they are deliverers like any others, so that all it promises holds; the shares only keep them from
getting in each other's way. What one that died has left is delivered by the process that began them, which finds out
about what is in doubt as every delivery does.
"""

import asyncio
import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from activations.channels.face import Channel, Setting
from activations.delivery.account import Tally
from activations.delivery.garbage import rarely_collected
from activations.delivery.outbox import OutboxFile, Share
from activations.delivery.outcomes import OwnOutcomes
from activations.delivery.patience import Patience
from activations.delivery.side_by_side import (
    Ending,
    Waiting,
    deliver_files,
    deliver_waiting,
    overtaken,
    waiting_files,
)
from activations.errors import HourbellError
from activations.journal.journal import Journal, open_journal
from activations.settings.profile import Profile

_SECONDS_TO_BE_MISSED = 10.0
"""How long a server may take to notice that a deliverer has died."""
_LOOK_EVERY = 0.05
_TELL_EVERY = 0.1
"""Seconds; a batch may take a tenth of that, and the parent has to wake up for each that it is told of."""
_BACKLOG = 100_000
_MOST = 4

log = logging.getLogger(__name__)

T = TypeVar("T")
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Errand:
    """All that a process needs to know; it can be handed to one."""

    journal_url: str
    receipts: Path
    profile: Profile
    now: datetime | Callable[[], datetime]
    spool: Path
    templates: Path
    channels: Mapping[str, Callable[[Setting], Channel]]
    patience: Patience
    rows_a_file: int
    """Of outcomes."""

    @property
    def setting(self) -> Setting:
        now = self.now
        return Setting(self.profile, now if callable(now) else lambda: now, self.spool, self.templates)


@dataclass(frozen=True)
class _Told:
    """What a process says: who it is to the journal, how far it came and, when it is done, how it ended."""

    deliverer: str
    counts: Counts
    reasons: Mapping[str, int]
    outcomes_written: int = 0
    ending: Ending | None = None


def worthwhile_processes(waiting: Waiting) -> int:
    """One, or for a backlog that repays their start a process for each core, up to four."""
    actions = sum(number for counted in waiting.values() for number in counted.values())
    return 1 if actions < _BACKLOG else min(os.cpu_count() or 1, _MOST)


def deliver_with_processes(
    processes: int,
    files: list[OutboxFile],
    journal: Journal,
    errand: Errand,
    tally: Tally,
    outcomes: OwnOutcomes,
) -> list[str]:
    """Deliver what has something to do with so many processes; returns what was wrong.

    An interruption lets each finish the batch that it is at. What they write of their outcomes counts as `outcomes`.
    """
    fresh = tally.another()
    waiting, problems = waiting_files(files, journal, fresh)

    def deliver_alone(files: list[OutboxFile]) -> list[str]:
        return run(deliver_files(files, journal, errand.setting, errand.channels, errand.patience, tally, outcomes))

    if not waiting:
        return deliver_alone(files)
    # worked out once: each process would meet what another has sent meanwhile
    left_behind = overtaken(waiting, journal, errand.setting)
    early = Tally()
    if left_behind:
        # first of all: else it might be sent by a later delivery, to which nothing gives way any more
        overdue = Share(0, 1, only=left_behind)
        run(
            deliver_waiting(
                waiting,
                journal,
                errand.setting,
                errand.channels,
                errand.patience,
                early,
                outcomes,
                left_behind,
                overdue,
            )
        )
    told = _let_deliver(processes, waiting, errand, left_behind, fresh)
    outcomes.written += sum(last.outcomes_written for last in told if last is not None)
    dead = [last for last in told if last is None or last.ending is None]
    if dead:
        log.warning("%d of %d processes died; what they left is delivered now.", len(dead), processes)
        _wait_for_their_absence(journal, [last.deliverer for last in dead if last is not None])
        problems = deliver_alone(files)
        for last in told:
            if last is not None and last.ending is not None:
                tally.take_settled(last.counts, last.reasons)
        tally.take_settled(early.counts, early.reasons)
        return problems
    tally.take(fresh.counts, fresh.reasons)
    ending = Ending()
    for last in told:
        if last is not None and last.ending is not None:
            tally.take(last.counts, last.reasons)
            ending.unfinished |= last.ending.unfinished
            for name, found in last.ending.problems.items():
                known = ending.problems.setdefault(name, [])
                known += (problem for problem in found if problem not in known)
    tally.take_settled(early.counts, early.reasons)
    for name, counted in waiting.items():
        if name in ending.problems:
            tally.leave_the_rest(name)
            continue
        for file, actions in counted.items():
            if file.name not in ending.unfinished:
                journal.file_finished(file, actions)
    problems += (problem for found in ending.problems.values() for problem in found)
    if not problems:
        # what dead deliverers left of actions that are in the outbox no more
        problems += deliver_alone([])
    return problems


def _let_deliver(
    processes: int,
    waiting: Waiting,
    errand: Errand,
    left_behind: frozenset[int],
    fresh: Tally,
) -> list[_Told | None]:
    """Let processes deliver their shares, and return what each said last; None for one that never spoke."""
    if waiting.keys() <= errand.channels.keys():
        # they read no more than they need before they begin
        errand = replace(errand, channels={name: errand.channels[name] for name in waiting})
    pipes = [Pipe() for _ in range(processes)]
    last: dict[Connection, _Told | None] = {ours: None for ours, _ in pipes}
    theirs = [there.fileno() for _, there in pipes]
    # a clean beginning, out of reach of the keyboard: multiprocessing's would first read all that the command has read
    command = [sys.executable, "-m", "activations.delivery.share", *map(str, theirs)]
    nursery = subprocess.Popen(command, pass_fds=theirs, start_new_session=True, stdin=subprocess.PIPE)
    try:
        for _, there in pipes:
            there.close()
        assert nursery.stdin is not None
        with suppress(BrokenPipeError), nursery.stdin as told:
            told.write(pickle.dumps(sys.path))
            told.write(pickle.dumps((errand, waiting, left_behind)))
        speaking = set(last)
        while speaking:
            for ready in wait(list(speaking)):
                assert isinstance(ready, Connection)
                try:
                    last[ready] = ready.recv()
                except (EOFError, OSError):
                    speaking.remove(ready)
            done = sum(sum(parts.values()) for told in last.values() if told for parts in told.counts.values())
            fresh.show(done)
    finally:
        # whoever still delivers takes this for the sign to stop after its batch
        for ours in last:
            ours.close()
        nursery.wait()
    return list(last.values())


def deliver_share(
    parent: Connection, errand: Errand, waiting: Waiting, left_behind: frozenset[int], share: Share
) -> None:
    """Deliver a share and tell the parent how it goes; ends early when the parent has gone."""
    try:
        with open_journal(errand.journal_url, errand.receipts, recover=False) as journal:

            def say(ending: Ending | None = None) -> None:
                # a parent that has gone need not be told
                with suppress(BrokenPipeError, ConnectionResetError):
                    parent.send(_Told(journal.deliverer, tally.counts, tally.reasons, outcomes.written, ending))

            told_at = time.monotonic()

            def say_now_and_then(*_: int) -> None:
                nonlocal told_at
                if (now := time.monotonic()) - told_at >= _TELL_EVERY:
                    told_at = now
                    say()

            outcomes = OwnOutcomes(journal, errand.spool, errand.rows_a_file)
            tally = Tally(say_now_and_then)
            say()
            with rarely_collected():
                say(run(_until_left_alone(parent, waiting, journal, errand, tally, outcomes, left_behind, share)))
    except HourbellError as error:
        with suppress(BrokenPipeError, ConnectionResetError):
            parent.send(_Told("", {}, {}, ending=Ending({name: [str(error)] for name in waiting})))
    except asyncio.CancelledError:
        log.info("Stopped after its batch, as the process that began it has gone.")


async def _until_left_alone(
    parent: Connection,
    waiting: Waiting,
    journal: Journal,
    errand: Errand,
    tally: Tally,
    outcomes: OwnOutcomes,
    left_behind: frozenset[int],
    share: Share,
) -> Ending:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(parent.fileno())
        task.cancel()

    # nothing is ever said to a process: what can be read is that nobody is there
    loop.add_reader(parent.fileno(), stop)
    try:
        return await deliver_waiting(
            waiting, journal, errand.setting, errand.channels, errand.patience, tally, outcomes, left_behind, share
        )
    finally:
        loop.remove_reader(parent.fileno())


def _wait_for_their_absence(journal: Journal, dead: list[str]) -> None:
    """A server takes a moment to notice that somebody has died."""
    until = time.monotonic() + _SECONDS_TO_BE_MISSED
    while any(journal.is_alive(deliverer) for deliverer in dead) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do work in a loop of its own; what interrupts it lets it finish its batch."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
