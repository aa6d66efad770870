"""Deliver the outbox, the channels side by side.

Whatever happens in between, an action is sent once at most and none is forgotten: what was claimed and not recorded is
found out about by the next delivery.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

import uvloop

from activations.account import DeliveryAccount, Progress, Tally
from activations.backlog import giving_way
from activations.channel_delivery import ChannelDelivery
from activations.channels.face import Channel, Setting
from activations.channels.registry import CHANNELS
from activations.errors import HourbellError
from activations.holds.hold import Hold, holds_of
from activations.holds.settle import note_settled, settle_holds
from activations.journal import Journal, open_journal
from activations.outbox import OutboxFile, OutboxFileError, count_actions, outbox_files
from activations.outcomes import write_outcomes
from activations.patience import Patience
from activations.profile import Profile
from activations.receipts import receipts_folder
from activations.spool import land_spool

TEMPLATES = Path(__file__).resolve().parent / "templates"
PATIENCE = Patience()


class DeliveryStoppedError(HourbellError):
    """Something could not be delivered; all the rest was. `account` says how far it came, and nothing was lost."""

    def __init__(self, message: str, account: DeliveryAccount) -> None:
        super().__init__(message)
        self.account = account


def deliver(
    outbox: Path,
    journal_url: str,
    *,
    spool: Path,
    profile: Profile,
    now: datetime | Callable[[], datetime],
    land: Callable[[Path], object] | None = None,
    templates: Path = TEMPLATES,
    channels: Mapping[str, Callable[[Setting], Channel]] = CHANNELS,
    patience: Patience = PATIENCE,
    progress: Progress | None = None,
    receipts: Path | None = None,
) -> DeliveryAccount:
    """Deliver what is due in the outbox, and say what became of every action in it.

    `now` is naive UTC. Outcomes go to the spool as files for landing; `land` is then called with the spool, and what it
    has landed is removed from there. Several deliveries may run at once. `receipts` is the folder of receipts where the
    journal is on a server; else they are beside its file.

    Raises HourbellError where the journal or the spool cannot be used, and DeliveryStoppedError, after all that could
    be done was done, where a channel or a file could not.
    """
    started = time.monotonic()
    setting = Setting(profile, now if callable(now) else lambda: now, spool, templates)
    tally = Tally(progress)
    with open_journal(journal_url, receipts_folder(journal_url, receipts or default_receipts(spool))) as journal:
        holds = holds_of(outbox, templates)
        files = deliverable(outbox, holds)
        problems = settle_holds(holds, journal, now=setting.now(), tally=tally)
        # whatever is there already need not be looked through for each few hundred messages
        gc.freeze()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                problems += runner.run(deliver_files(files, journal, setting, channels, patience, tally))
        finally:
            gc.unfreeze()
        note_settled(holds, journal)
        written = write_outcomes(journal, spool)
    if land is not None:
        land_spool(spool, land)
    account = tally.account(outcomes_written=written, seconds=time.monotonic() - started)
    if problems:
        raise DeliveryStoppedError("\n".join(problems), account)
    return account


def default_receipts(spool: Path) -> Path:
    """Where the receipts are if the journal is on a server and no folder is named."""
    return spool.parent / "journal" / "receipts"


def deliverable(outbox: Path, holds: Iterable[Hold]) -> list[OutboxFile]:
    """The files that may be sent: those of the outbox, and of what was held and is released."""
    return [*outbox_files(outbox), *(file for hold in holds if hold.standing == "released" for file in hold.files)]


async def deliver_files(
    files: list[OutboxFile],
    journal: Journal,
    setting: Setting,
    channels: Mapping[str, Callable[[Setting], Channel]],
    patience: Patience,
    tally: Tally,
) -> list[str]:
    """Deliver what has something to do, the channels side by side; returns what was wrong."""
    waiting, problems = _waiting(files, journal, tally)
    left_behind = giving_way([file for found in waiting.values() for file in found], journal, setting.now())
    # what a dead deliverer left may belong to a channel that has nothing else to do
    for row in journal.in_doubt():
        waiting.setdefault(row.channel, {})

    async def one(name: str) -> list[str]:
        try:
            if name not in channels:
                raise HourbellError(
                    f"There is no channel {name!r} for the outbox file {next(iter(waiting[name]), None)}. Name one of "
                    f"{', '.join(channels)} in the step, or add it to activations/channels/registry.py."
                )
            channel = channels[name](setting)
            try:
                problems = await ChannelDelivery(channel, journal, setting.now, patience, tally, left_behind).deliver(
                    waiting[name]
                )
            finally:
                await channel.close()
            if problems:
                tally.leave_the_rest(name)
            return problems
        except HourbellError as error:
            tally.leave_the_rest(name)
            return [str(error)]

    tally.show()
    results = await asyncio.gather(*(one(name) for name in sorted(waiting)), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
        problems += result
    return problems


def _waiting(
    files: list[OutboxFile], journal: Journal, tally: Tally
) -> tuple[dict[str, dict[OutboxFile, int]], list[str]]:
    """Files with something to do and how many actions each has, by channel; and what is wrong with others."""
    finished = journal.finished_files()
    waiting: dict[str, dict[OutboxFile, int]] = {}
    problems = []
    for file in files:
        fingerprint, actions = finished.get(file.name, ("", 0))
        if fingerprint == file.fingerprint:
            tally.finished_earlier(file.channel, actions)
            continue
        try:
            actions = count_actions(file)
        except OutboxFileError as error:
            problems.append(str(error))
        else:
            tally.expect(file.channel, actions)
            waiting.setdefault(file.channel, {})[file] = actions
    return waiting, problems
