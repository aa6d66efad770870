"""Deliver the outbox of one channel: claim, render, push, record, a batch at a time."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activations.account import Tally
from activations.channels.face import Answer, Channel, Message, UnsendableError
from activations.errors import HourbellError
from activations.journal import Claim, Journal, Settlement
from activations.outbox import Action, OutboxFile, OutboxFileError, read_actions

_LONGEST_DELAY = 30.0
_NO_ANSWER = "the answer never came, and the provider cannot be asked"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often an action that the provider puts off is tried in one delivery, and the first pause in seconds.

    Each further pause is twice as long, give or take half.
    """

    attempts: int = 4
    first_pause: float = 1.0

    def pause(self, attempts: int) -> float:
        pause = min(self.first_pause * 2.0 ** (attempts - 1), _LONGEST_DELAY)
        return pause * random.uniform(0.5, 1.5)


@dataclass(frozen=True, slots=True)
class _Due:
    """An action to be done, and the file that it stands in."""

    action: Action
    file: str
    attempts: int = 0
    """Those that were made already."""
    not_before: float = 0.0
    """On the monotonic clock."""


class ProviderDownError(HourbellError):
    """The provider cannot be reached; what was not tried waits for the next delivery."""


class ChannelDelivery:
    """One delivery over one channel."""

    def __init__(
        self, channel: Channel, journal: Journal, now: Callable[[], datetime], patience: Patience, tally: Tally
    ) -> None:
        self._channel = channel
        self._journal = journal
        self._now = now
        self._patience = patience
        self._tally = tally
        self._put_off: list[_Due] = []
        self._unfinished: set[str] = set()
        self._free_at = 0.0

    async def deliver(self, files: Mapping[OutboxFile, int]) -> list[str]:
        """Deliver files, each with its number of actions; returns what was wrong with files.

        Raises HourbellError where the channel cannot go on; what it did not come to waits for the next delivery.
        """
        problems = []
        size = self._channel.batch_size
        if self._channel.rate is not None:
            size = max(1, min(size, int(self._channel.rate)))
        for file in files:
            try:
                for actions in read_actions(file, size):
                    await self._whole([_Due(action, file.name) for action in actions])
                    if len(self._put_off) >= size:
                        await self._try_again(size)
            except OutboxFileError as error:
                self._unfinished.add(file.name)
                problems.append(str(error))
        await self._try_again(size)
        await self._settle_orphans()
        for file, number in files.items():
            if file.name not in self._unfinished:
                self._journal.file_finished(file, number)
        return problems

    async def _try_again(self, size: int) -> None:
        """Try everything that was put off, each when its pause is over, until it is settled."""
        while self._put_off:
            now = time.monotonic()
            self._put_off.sort(key=lambda due: due.not_before)
            ready = [due for due in self._put_off[:size] if due.not_before <= now]
            if ready:
                self._put_off = self._put_off[len(ready) :]
                await self._whole(ready)
            else:
                await asyncio.sleep(self._put_off[0].not_before - now)

    async def _whole(self, batch: Sequence[_Due]) -> None:
        """Do a batch; one that is interrupted is finished and recorded first, so that it leaves nothing in doubt."""
        task = asyncio.ensure_future(self._batch(batch))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise

    async def _batch(self, batch: Sequence[_Due]) -> None:
        now = self._now()
        later = [due for due in batch if due.action.send_after is not None and due.action.send_after > now]
        ready = [due for due in batch if due.action.send_after is None or due.action.send_after <= now]
        self._tally.count(self._channel.name, "waiting", len(later))
        self._unfinished |= {due.file for due in later}
        claims = self._journal.claim(
            [due.action for due in ready],
            {due.action.action_id: self._channel.message_id(due.action.action_id) for due in ready},
            provider=self._channel.provider,
            now=now,
            attempts={due.action.action_id: due.attempts for due in ready if due.attempts},
        )
        self._tally.count(self._channel.name, "already_settled", claims.settled)
        if claims.held:
            self._tally.count(self._channel.name, "held", claims.held)
            self._unfinished |= {due.file for due in ready}
        files = {due.action.action_id: due.file for due in ready}

        settled, certain = await self._find_out([claim for claim in claims.ours if claim.in_doubt])
        messages: dict[int, tuple[Claim, Message]] = {}
        for claim in [*certain, *(claim for claim in claims.ours if not claim.in_doubt)]:
            prepared = self._prepare(claim)
            if isinstance(prepared, Settlement):
                settled.append(prepared)
            else:
                messages[claim.action.action_id] = (claim, prepared)
        self._settle(settled)
        if messages:
            await self._push(messages, files)
        self._tally.show()

    def _prepare(self, claim: Claim) -> Message | Settlement:
        """The message of a claim, or why there is none."""
        action = claim.action
        if self._is_late(action):
            return Settlement(
                action.action_id, "expired", f"was to be sent before {action.expires_at:%Y-%m-%d %H:%M} UTC"
            )
        try:
            if action.kind not in self._channel.kinds:
                raise UnsendableError(f"the channel {self._channel.name} cannot do {action.kind!r}")
            return self._channel.render(action, claim.message_id)
        except UnsendableError as error:
            return Settlement(action.action_id, "rejected", str(error))

    async def _push(self, messages: Mapping[int, tuple[Claim, Message]], files: Mapping[int, str]) -> None:
        """Push a batch and record the answers."""
        await self._keep_to_rate(len(messages))
        answers = {
            answer.action_id: answer
            for answer in await self._channel.push([message for _, message in messages.values()])
        }
        settled: list[Settlement] = []
        put_off: list[tuple[Claim, str]] = []
        in_doubt: list[Claim] = []
        untried: list[Answer] = []
        for number, (claim, _) in messages.items():
            answer = answers.get(number) or Answer(number, "in doubt")
            match answer.status:
                case "accepted" | "rejected":
                    settled.append(_settlement(answer, claim))
                case "retry":
                    put_off.append((claim, answer.reason or "put off"))
                case "in doubt":
                    in_doubt.append(claim)
                case "untried":
                    untried.append(answer)
        found_out, certain = await self._find_out(in_doubt)
        put_off += [(claim, "the connection was lost before the answer") for claim in certain]

        given_up = [(claim, reason) for claim, reason in put_off if claim.attempts >= self._patience.attempts]
        settled += [
            Settlement(
                claim.action.action_id, "failed", f"after {claim.attempts} attempts: {reason}", attempts=claim.attempts
            )
            for claim, reason in given_up
        ]
        self._settle(settled + found_out)
        again = [claim for claim, _ in put_off if claim.attempts < self._patience.attempts]
        # a claim is given back as soon as it is certain that nothing was taken, so that a crash leaves no doubt
        self._journal.release([*(claim.action.action_id for claim in again), *(answer.action_id for answer in untried)])
        self._put_off += [
            _Due(
                claim.action,
                files[claim.action.action_id],
                claim.attempts,
                time.monotonic() + self._patience.pause(claim.attempts),
            )
            for claim in again
        ]
        if untried:
            raise ProviderDownError(untried[0].reason or f"{self._channel.provider} cannot be reached.")

    async def _find_out(self, claims: Sequence[Claim]) -> tuple[list[Settlement], list[Claim]]:
        """What became of calls whose answer never came: those that are settled by it, and those to make again."""
        if not claims:
            return [], []
        if self._channel.idempotency == "blind":
            return [_unknown(claim.action.action_id, claim.attempts) for claim in claims], []
        if self._channel.idempotency == "askable":
            # what was on the wire when the connection was lost has to arrive first
            await asyncio.sleep(self._channel.ask_after)
            found = await self._channel.ask([claim.message_id for claim in claims])
            return [
                Settlement(
                    claim.action.action_id,
                    "accepted",
                    provider_message_id=found[claim.message_id],
                    attempts=claim.attempts,
                )
                for claim in claims
                if claim.message_id in found
            ], [claim for claim in claims if claim.message_id not in found]
        settled = [_unknown(claim.action.action_id, claim.attempts) for claim in claims if not self._may_repeat(claim)]
        return settled, [claim for claim in claims if self._may_repeat(claim)]

    async def _settle_orphans(self) -> None:
        """Settle what dead deliverers left of actions that are in the outbox no more."""
        orphans = self._journal.abandoned(self._channel.name, now=self._now())
        if not orphans:
            return
        found: Mapping[str, str] = {}
        if self._channel.idempotency == "askable":
            await asyncio.sleep(self._channel.ask_after)
            found = await self._channel.ask([row.message_id for row in orphans])
        self._tally.expect(self._channel.name, len(orphans))
        for row in orphans:
            if row.message_id in found:
                settlement = Settlement(
                    row.action_id, "accepted", provider_message_id=found[row.message_id], attempts=row.attempts
                )
            elif self._channel.idempotency == "askable":
                settlement = Settlement(
                    row.action_id, "failed", "it did not arrive, and its outbox file is gone", attempts=row.attempts
                )
            else:
                settlement = _unknown(row.action_id, row.attempts)
            self._settle([settlement])

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        self._journal.settle(settlements, now=self._now())
        for settlement in settlements:
            self._tally.count(self._channel.name, settlement.status, reason=settlement.reason)

    def _is_late(self, action: Action) -> bool:
        return action.expires_at is not None and action.expires_at <= self._now()

    def _may_repeat(self, claim: Claim) -> bool:
        """Whether to call again under the same key: not if it would be given up then, the first call's end unknown."""
        return not self._is_late(claim.action) and claim.attempts <= self._patience.attempts

    async def _keep_to_rate(self, messages: int) -> None:
        if self._channel.rate is not None:
            now = time.monotonic()
            self._free_at = max(self._free_at, now)
            await asyncio.sleep(self._free_at - now)
            self._free_at += messages / self._channel.rate


def _settlement(answer: Answer, claim: Claim) -> Settlement:
    return Settlement(
        answer.action_id,
        "accepted" if answer.status == "accepted" else "rejected",
        answer.reason,
        answer.provider_message_id,
        claim.attempts,
    )


def _unknown(action_id: int, attempts: int) -> Settlement:
    return Settlement(action_id, "unknown", _NO_ANSWER, attempts=attempts)
