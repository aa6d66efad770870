"""Deliver what waits in files of the outbox, the channels side by side."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from activations.channels.face import Channel, Setting
from activations.collector.objections import objections_beside
from activations.delivery.account import Tally
from activations.delivery.backlog import giving_way
from activations.delivery.channel_delivery import ChannelDelivery
from activations.delivery.outbox import WHOLE, OutboxFile, OutboxFileError, Share, count_actions
from activations.delivery.outcomes import OwnOutcomes
from activations.delivery.patience import Patience
from activations.errors import HourbellError
from activations.journal.journal import Journal

Waiting = Mapping[str, Mapping[OutboxFile, int]]
"""Files with something to do and how many actions each has, by channel."""


@dataclass
class Ending:
    """How a delivery ended: what was wrong, by channel, and the files in which not everything is settled."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)


async def deliver_files(
    files: list[OutboxFile],
    journal: Journal,
    setting: Setting,
    channels: Mapping[str, Callable[[Setting], Channel]],
    patience: Patience,
    tally: Tally,
    outcomes: OwnOutcomes | None,
) -> list[str]:
    """Deliver what has something to do; returns what was wrong. Without `outcomes` no file says what became of it."""
    waiting, problems = waiting_files(files, journal, tally)
    left_behind = overtaken(waiting, journal, setting)
    # what a dead deliverer left may belong to a channel that has nothing else to do
    for row in journal.in_doubt():
        waiting.setdefault(row.channel, {})
    ending = await deliver_waiting(waiting, journal, setting, channels, patience, tally, outcomes, left_behind)
    for name, found in ending.problems.items():
        tally.leave_the_rest(name)
        problems += found
    return problems


async def deliver_waiting(
    waiting: Waiting,
    journal: Journal,
    setting: Setting,
    channels: Mapping[str, Callable[[Setting], Channel]],
    patience: Patience,
    tally: Tally,
    outcomes: OwnOutcomes | None,
    left_behind: Collection[int],
    share: Share = WHOLE,
) -> Ending:
    """Deliver a share of files, or all of them; `left_behind` are actions that give way to later ones."""
    ending = Ending()

    async def one(name: str) -> None:
        try:
            if name not in channels:
                raise HourbellError(
                    f"There is no channel {name!r} for the outbox file {next(iter(waiting[name]), None)}. Name one of "
                    f"{', '.join(channels)} in the step, or add it to activations/channels/registry.py."
                )
            channel = channels[name](setting)
            delivery = ChannelDelivery(
                channel,
                journal,
                setting.now,
                patience,
                tally,
                outcomes,
                left_behind,
                share,
                objections_beside(setting.spool),
            )
            try:
                problems = await delivery.deliver(waiting[name])
            finally:
                await channel.close()
            ending.unfinished |= delivery.unfinished
        except HourbellError as error:
            problems = [str(error)]
        if problems:
            ending.problems[name] = problems

    tally.show()
    results = await asyncio.gather(*(one(name) for name in sorted(waiting)), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return ending


def overtaken(waiting: Waiting, journal: Journal, setting: Setting) -> frozenset[int]:
    """Actions that give way to a later one to the same contact."""
    return giving_way([file for found in waiting.values() for file in found], journal, setting.now())


def waiting_files(
    files: list[OutboxFile], journal: Journal, tally: Tally
) -> tuple[dict[str, dict[OutboxFile, int]], list[str]]:
    """Files with something to do, and what is wrong with others; the tally is told of all."""
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
