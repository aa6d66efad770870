"""A deliverer in a process of its own, which dies where it is told to."""

import os
import resource
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rehearsal import PROCESSES, Place

import activations.delivery.delivery
import activations.delivery.outcomes
from activations.delivery.channel_delivery import ChannelDelivery
from activations.errors import HourbellError
from activations.journal.journal import Claim, Claims, Journal, Settlement, open_journal
from activations.journal.reading import known
from activations.journal.receipts import Receipt, ReceiptLog
from activations.sandbox.server import Sandbox
from activations.spool import spool_file

POINTS = ("claimed", "rendered", "called", "answered", "receipted", "recorded")
"""After the claim, before the call, in the call, after the answers, after the receipt, after the record: all of the
second batch."""
WRITE_BACK = "spooled"
"""After the outcomes are in a file and before the journal knows."""
BATCH = 20


def start(place: Place, port: int, **how: Any) -> Any:
    process = PROCESSES.Process(target=_deliver, args=(place, port), kwargs=how)
    process.start()
    return process


@contextmanager
def deadly(
    place: Place, after: int, by: signal.Signals = signal.SIGKILL
) -> Iterator[tuple[Sandbox, Callable[[Any], None]]]:
    """A sandbox that kills a deliverer in the moment in which it has kept so many messages, before it says so."""
    kept: list[str] = []
    victims: list[Any] = []

    def keep(recipient: str) -> bool:
        kept.append(recipient)
        if len(kept) == after:
            os.kill(victims[0].pid, by)
        return False

    with Sandbox(place.received, lose_answer=keep) as sandbox:
        yield sandbox, victims.append


def _deliver(
    place: Place,
    port: int,
    *,
    point: str | None = None,
    blind: bool = False,
    send_then_mark: bool = False,
    file_limit: int | None = None,
    batch_size: int = BATCH,
    webhooks: str | None = None,
    gate: Any = None,
) -> None:
    if gate is not None:
        gate.wait()
    if point is not None:
        _die_at(point)
    if send_then_mark:
        activations.delivery.delivery.open_journal = _open_send_then_mark
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        try:
            place.deliver(port, batch_size=batch_size)
        except HourbellError as error:
            (place.root / "error.txt").write_text(str(error))
            os._exit(1)
        os._exit(0)
    place.deliver(port, blind=blind, batch_size=batch_size, webhooks=webhooks)


def _die_at(point: str) -> None:
    """Die in the second batch. In the call itself it is the sandbox that kills, when it has part of the batch."""
    seen = dict.fromkeys((*POINTS, WRITE_BACK), 0)

    def count(here: str) -> None:
        seen[here] += 1
        if here == point and seen[here] == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    claim, settle, push, append = Journal.claim, ChannelDelivery._settle, ChannelDelivery._push, ReceiptLog.append

    def claim_and_count(journal: Journal, *args: Any, **more: Any) -> Claims:
        claims = claim(journal, *args, **more)
        count("claimed")
        return claims

    def settle_and_count(delivery: ChannelDelivery, settlements: Sequence[Settlement]) -> None:
        if settlements:
            count("answered")
        settle(delivery, settlements)
        if settlements:
            count("recorded")

    async def count_and_push(delivery: ChannelDelivery, *args: Any) -> None:
        count("rendered")
        await push(delivery, *args)

    def spool_and_die(*args: Any) -> Path:
        path = spool_file(*args)
        os.kill(os.getpid(), signal.SIGKILL)
        return path

    if point == WRITE_BACK:
        activations.delivery.outcomes.spool_file = spool_and_die

    def append_and_count(receipts: ReceiptLog, *lines: Receipt) -> None:
        append(receipts, *lines)
        if lines[0]["kind"] == "settle":
            count("receipted")

    ReceiptLog.append = append_and_count  # type: ignore[method-assign]
    ChannelDelivery._push = count_and_push  # type: ignore[method-assign]
    Journal.claim = claim_and_count  # type: ignore[method-assign]
    ChannelDelivery._settle = settle_and_count  # type: ignore[method-assign]


class _SendThenMark(Journal):
    """The mutant: nothing is written before the call."""

    def claim(self, actions: Sequence[Any], message_ids: Any, *, now: datetime, **more: Any) -> Claims:
        with self.transaction() as connection:
            already = {row.action_id for row in known(connection, [action.action_id for action in actions])}
        wanted = [action for action in actions if action.action_id not in already]
        self.remembered = {action.action_id: (action, message_ids[action.action_id], more) for action in wanted}
        claims = [Claim(action, message_ids[action.action_id], 1, in_doubt=False, claimed_at=now) for action in wanted]
        return Claims(claims, settled=len(already), held=0)

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        for settlement in settlements:
            action, message_id, more = self.remembered[settlement.action_id]
            super().claim([action], {action.action_id: message_id}, now=now, **more)
        super().settle(settlements, now=now)

    def release(self, action_ids: Collection[int]) -> None:
        """Nothing was claimed."""


@contextmanager
def _open_send_then_mark(url: str, receipts: Path) -> Iterator[Journal]:
    with open_journal(url, receipts) as journal:
        journal.__class__ = _SendThenMark
        yield journal
