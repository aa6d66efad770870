"""Deliver the outbox of one channel: claim, render, push, record, a batch at a time."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from activations.channels.face import Answer, Channel, Message, UnsendableError
from activations.collector.objections import Objections
from activations.delivery.account import Tally
from activations.delivery.outbox import WHOLE, Action, OutboxFile, OutboxFileError, Share, read_actions, sent_at
from activations.delivery.outcomes import OwnOutcomes
from activations.delivery.patience import Patience
from activations.delivery.reasons import plain, without
from activations.errors import HourbellError
from activations.journal.journal import Journal
from activations.journal.pauses import pause_of
from activations.journal.rows import Aim, Claim, Settled, Settlement

_NO_ANSWER = "the answer never came"
_OBJECTED = "they have objected since it was decided"
_OVERTAKEN = "a newer action has set the same since it was decided"
_BEHIND = "another action on the same is under way"

log = logging.getLogger(__name__)


class _Due(NamedTuple):
    """An action to be done, and the file that it stands in."""

    action: Action
    file: str
    attempts: int = 0
    """Those that were made already."""
    not_before: float = 0.0
    """On the monotonic clock."""
    claim: Claim | None = None
    """Kept where it is not known whether a call was taken, so that nobody forgets that there was one."""
    waits: int = 0
    """How often it has waited for another one on its target."""


class ProviderDownError(HourbellError):
    """The provider cannot be reached; what was not tried waits for the next delivery."""


class ChannelDelivery:
    """One delivery over one channel."""

    def __init__(
        self,
        channel: Channel,
        journal: Journal,
        now: Callable[[], datetime],
        patience: Patience,
        tally: Tally,
        outcomes: OwnOutcomes | None,
        giving_way: Collection[int] = (),
        share: Share = WHOLE,
        objections: Objections | None = None,
    ) -> None:
        self._channel = channel
        self._journal = journal
        self._now = now
        self._patience = patience
        self._tally = tally
        self._outcomes = outcomes
        self._giving_way = giving_way
        self._share = share
        self._objections = objections
        self._rate = None if channel.rate is None else channel.rate / share.of
        # not of a channel for messages, for which it costs nothing
        self._target: Callable[[Action], str | None] | None = getattr(channel, "target", None)
        self._put_off: list[_Due] = []
        self.unfinished: set[str] = set()
        """Files in which not everything of this share is settled."""
        self._free_at = 0.0

    async def deliver(self, files: Mapping[OutboxFile, int]) -> list[str]:
        """Deliver files, each with its number of actions; returns what was wrong with files.

        Only the whole outbox settles what dead deliverers left elsewhere and finishes files: of a share nobody knows
        what the others came to. Raises HourbellError where the channel cannot go on; what it did not come to waits for
        the next delivery.
        """
        problems = []
        size = self._channel.batch_size
        if self._rate is not None:
            size = max(1, min(size, int(self._rate)))
        for number, file in enumerate(files):
            try:
                for actions in read_actions(file, size, self._share, number):
                    await self._whole([_Due(action, file.name) for action in actions])
                    if len(self._put_off) >= size:
                        await self._try_again(size)
            except OutboxFileError as error:
                self.unfinished.add(file.name)
                problems.append(str(error))
        await self._try_again(size)
        if self._share != WHOLE:
            return problems
        if not problems:
            # a file that cannot be read may hold what a dead deliverer left
            await self._settle_orphans()
        for file, count in files.items():
            if file.name not in self.unfinished:
                self._journal.file_finished(file, count)
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
        self.unfinished |= {due.file for due in later}
        fresh = [due for due in ready if due.claim is None]
        in_doubt = [due for due in ready if due.claim is not None]
        claims = self._journal.claim(
            [due.action for due in fresh],
            {due.action.action_id: self._channel.message_id(due.action.action_id) for due in fresh},
            provider=self._channel.provider,
            now=now,
            attempts={due.action.action_id: due.attempts for due in fresh if due.attempts},
            aims=self._aims(fresh),
        )
        self._tally.count(self._channel.name, "already_settled", claims.settled)
        for pause, number in claims.paused.items():
            self._tally.count(self._channel.name, "paused", number, pause)
        if claims.held or claims.paused:
            self._tally.count(self._channel.name, "held", claims.held)
            self.unfinished |= {due.file for due in ready}
        files = {due.action.action_id: due.file for due in ready}
        if claims.behind:
            self._let_wait(fresh, claims.behind, in_doubt)
        overtaken = claims.overtaken | self._overtaken(in_doubt)

        kept = [due.claim._replace(attempts=due.attempts + 1) for due in in_doubt if due.claim is not None]
        settled, again = await self._find_out([*kept, *(claim for claim in claims.ours if claim.in_doubt)])
        messages: dict[int, tuple[Claim, Message]] = {}
        now = self._now()
        for claim in [*again, *(claim for claim in claims.ours if not claim.in_doubt)]:
            prepared = self._prepare(claim, now, overtaken)
            if isinstance(prepared, Settlement):
                settled.append(prepared)
            else:
                messages[claim.action.action_id] = (claim, prepared)
        self._settle(settled)
        if self._target is not None:
            # of several on one target the last one counts
            messages = dict(sorted(messages.items(), key=lambda entry: (sent_at(entry[1][0].action), entry[0])))
        await self._push_in_parts(messages, files)
        self._tally.show()

    async def _push_in_parts(self, messages: Mapping[int, tuple[Claim, Message]], files: Mapping[int, str]) -> None:
        """Push a batch, and stop in its middle where what is in it is paused."""
        entries = list(messages.items())
        for start in range(0, len(entries), self._channel.push_size):
            part = dict(entries[start : start + self._channel.push_size])
            await self._keep_to_rate(len(part))
            try:
                part = self._without_objections(self._without_paused(part, files))
                if part:
                    await self._push(part, files)
            except HourbellError:
                # nothing of the rest was called for; where it cannot be given back it is in doubt, and found out
                with suppress(HourbellError):
                    self._release([claim for _, (claim, _) in entries[start + self._channel.push_size :]])
                raise

    def _without_paused(
        self, part: dict[int, tuple[Claim, Message]], files: Mapping[int, str]
    ) -> dict[int, tuple[Claim, Message]]:
        pauses = self._journal.pauses()
        if not pauses:
            return part
        go_on = {}
        stopped = []
        for number, (claim, message) in part.items():
            pause = pause_of(pauses, claim.action.workflow, claim.action.channel)
            if pause is None:
                go_on[number] = (claim, message)
            else:
                stopped.append(claim)
                self._tally.count(self._channel.name, "paused", reason=str(pause))
                self.unfinished.add(files[number])
        self._release(stopped)
        return go_on

    def _without_objections(self, part: dict[int, tuple[Claim, Message]]) -> dict[int, tuple[Claim, Message]]:
        """Only what goes to those who have not objected since it was decided."""
        if self._objections is None or not part:
            return part
        against = self._objections.of(claim.action for claim, _ in part.values())
        claims = [claim for number, (claim, _) in part.items() if number in against]
        self._settle(
            [
                _unknown(claim, f"{_NO_ANSWER}, and {_OBJECTED}")
                if claim.in_doubt
                else Settlement(claim.action.action_id, "rejected", _OBJECTED)
                for claim in claims
            ]
        )
        return {number: entry for number, entry in part.items() if number not in against}

    def _release(self, claims: Sequence[Claim]) -> None:
        """Give claims back, but those of which a call may have been taken: they stay in doubt."""
        self._journal.release([claim.action.action_id for claim in claims if not claim.in_doubt])

    def _aims(self, batch: Sequence[_Due]) -> dict[int, Aim]:
        """What actions set; nothing of those that set nothing that stays."""
        if self._target is None:
            return {}
        targets = [(due.action, self._target(due.action)) for due in batch]
        return {action.action_id: Aim(target, sent_at(action)) for action, target in targets if target is not None}

    def _overtaken(self, batch: Sequence[_Due]) -> frozenset[int]:
        """Of actions whose call may have been taken: those that a newer one has overtaken while they waited."""
        aims = self._aims(batch)
        return self._journal.overtaken(aims) if aims else frozenset()

    def _let_wait(self, batch: Sequence[_Due], behind: Mapping[int, int], in_doubt: Sequence[_Due]) -> None:
        """Put off what is behind another on its target, as long as that is ours to settle, or else for a while."""
        ours = {due.action.action_id for due in (*self._put_off, *in_doubt) if due.claim is not None}
        for due in batch:
            number = due.action.action_id
            if number not in behind:
                continue
            if behind[number] in ours or due.waits < self._patience.attempts:
                pause = self._patience.pause(number, due.waits + 1)
                self._put_off.append(due._replace(waits=due.waits + 1, not_before=time.monotonic() + pause))
            else:
                self.unfinished.add(due.file)
                self._tally.count(self._channel.name, "waiting", reason=_BEHIND)

    def _prepare(self, claim: Claim, now: datetime, overtaken: Collection[int] = ()) -> Message | Settlement:
        """The message of a claim, or why there is none."""
        action = claim.action
        if action.action_id in overtaken:
            if claim.in_doubt:
                return _unknown(claim, f"{_NO_ANSWER}, and {_OVERTAKEN}")
            return Settlement(action.action_id, "expired", f"gave way: {_OVERTAKEN}")
        if _is_late(action, now):
            return Settlement(
                action.action_id, "expired", f"was to be sent before {action.expires_at:%Y-%m-%d %H:%M} UTC"
            )
        if action.action_id in self._giving_way and not claim.in_doubt:
            since = action.send_after or action.tick_end
            reason = f"gave way to a later message to the same contact: it had waited since {since:%Y-%m-%d %H:%M} UTC"
            return Settlement(action.action_id, "expired", reason)
        try:
            if action.kind not in self._channel.kinds:
                raise UnsendableError(f"the channel {self._channel.name} cannot do {action.kind!r}")
            return self._channel.render(action, claim.message_id)
        except UnsendableError as error:
            if claim.in_doubt:
                return _unknown(claim, f"{_NO_ANSWER}, and it cannot be rendered any more: {error}")
            return Settlement(action.action_id, "rejected", str(error))

    async def _push(self, messages: Mapping[int, tuple[Claim, Message]], files: Mapping[int, str]) -> None:
        """Push a batch and record the answers."""
        answers = {
            answer.action_id: answer
            for answer in await self._channel.push([message for _, message in messages.values()])
        }
        settled: list[Settlement] = []
        put_off: list[tuple[Claim, Answer]] = []
        postponed: list[tuple[Claim, Answer]] = []
        in_doubt: list[tuple[Claim, Answer]] = []
        untried: list[tuple[Claim, Answer]] = []
        for number, (claim, _) in messages.items():
            answer = answers.get(number) or Answer(number, "in doubt")
            match answer.status:
                case "accepted" | "rejected":
                    settled.append(_settlement(answer, claim))
                case "retry" if (answer.retry_after or 0.0) <= self._patience.longest:
                    put_off.append((claim, answer))
                case "retry" | "postponed":
                    postponed.append((claim, answer))
                case "in doubt":
                    in_doubt.append((claim._replace(in_doubt=True), answer))
                case "untried":
                    untried.append((claim, answer))
        reasons = {answer.action_id: answer.reason for _, answer in in_doubt if answer.reason}
        found_out, again = await self._find_out([claim for claim, _ in in_doubt], reasons)
        put_off += [
            (claim, Answer(claim.action.action_id, "retry", reasons.get(claim.action.action_id) or _NO_ANSWER))
            for claim in again
        ]
        settled += [self._given_up(claim, answer) for claim, answer in put_off if self._is_last(claim, answer)]
        self._settle(settled + found_out)
        put_off = [(claim, answer) for claim, answer in put_off if not self._is_last(claim, answer)]
        # a claim is given back as soon as it is certain that nothing was taken, so that a crash leaves no doubt
        self._release([claim for claim, _ in (*put_off, *postponed, *untried)])
        for claim, answer in postponed:
            self.unfinished.add(files[claim.action.action_id])
            self._tally.count(self._channel.name, "waiting", reason=plain(answer.reason, claim.action.address))
        for claim, answer in put_off:
            pause = self._patience.pause(claim.action.action_id, claim.attempts, answer.retry_after)
            self._put_off.append(
                _Due(
                    claim.action,
                    files[claim.action.action_id],
                    claim.attempts - (not answer.is_called),
                    time.monotonic() + pause,
                    claim if claim.in_doubt else None,
                )
            )
        if untried:
            raise ProviderDownError(untried[0][1].reason or f"{self._channel.provider} cannot be reached.")

    def _is_last(self, claim: Claim, answer: Answer) -> bool:
        return answer.is_called and claim.attempts >= self._patience.attempts

    def _given_up(self, claim: Claim, answer: Answer) -> Settlement:
        """What becomes of an action after the last attempt: an answer to a later call says nothing of an earlier."""
        reason = f"after {claim.attempts} attempts: {plain(answer.reason, claim.action.address) or 'put off'}"
        status: Settled = "unknown" if claim.in_doubt else "failed"
        return Settlement(claim.action.action_id, status, reason, attempts=claim.attempts)

    async def _find_out(
        self, claims: Sequence[Claim], reasons: Mapping[int, str] | None = None
    ) -> tuple[list[Settlement], list[Claim]]:
        """What became of calls whose answer never came: those that are settled by it, and those to make again.

        A provider that has forgotten what it took would take it a second time: then nobody can know.
        """
        settled: list[Settlement] = []
        again: list[Claim] = []
        asked: list[Claim] = []
        for claim in claims:
            reason = plain((reasons or {}).get(claim.action.action_id), claim.action.address) or _NO_ANSWER
            if self._channel.idempotency == "blind":
                settled.append(_unknown(claim, f"{reason}, and the provider cannot be asked"))
            elif self._is_forgotten(claim.claimed_at):
                settled.append(_unknown(claim, f"{reason}, and the provider has forgotten it by now"))
            elif self._channel.idempotency == "askable":
                asked.append(claim)
            elif self._may_repeat(claim):
                again.append(claim)
            else:
                settled.append(_unknown(claim, f"{reason}, and it is too late to call again"))
        if asked:
            # what was on the wire when the connection was lost has to arrive first
            await asyncio.sleep(self._channel.ask_after)
            found = await self._channel.ask([claim.message_id for claim in asked])
            settled += [
                Settlement(
                    claim.action.action_id,
                    "accepted",
                    provider_message_id=found[claim.message_id],
                    attempts=claim.attempts,
                )
                for claim in asked
                if claim.message_id in found
            ]
            again += [claim._replace(in_doubt=False) for claim in asked if claim.message_id not in found]
        return settled, again

    def _is_forgotten(self, claimed_at: datetime) -> bool:
        return self._channel.window is not None and self._now() - claimed_at >= self._channel.window

    async def _settle_orphans(self) -> None:
        """Settle what dead deliverers left of actions that are in the outbox no more."""
        orphans = self._journal.abandoned(self._channel.name)
        if not orphans:
            return
        found: Mapping[str, str] = {}
        if self._channel.idempotency == "askable":
            await asyncio.sleep(self._channel.ask_after)
            found = await self._channel.ask([row.message_id for row in orphans])
        self._tally.expect(self._channel.name, len(orphans))
        for row in orphans:
            settlement = Settlement(row.action_id, "unknown", _NO_ANSWER, attempts=row.attempts)
            if row.message_id in found:
                settlement = settlement._replace(
                    status="accepted", reason=None, provider_message_id=found[row.message_id]
                )
            elif self._channel.idempotency == "askable" and not self._is_forgotten(row.claimed_at):
                settlement = settlement._replace(
                    status="failed", reason="it did not arrive, and its outbox file is gone"
                )
            self._settle([settlement])

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        now = self._now()
        self._journal.settle(settlements, now=now)
        if self._outcomes is not None:
            self._outcomes.add(self._channel.name, self._channel.provider, settlements, now)
        ends = Counter((settlement.status, settlement.reason) for settlement in settlements)
        for (status, reason), number in ends.items():
            self._tally.count(self._channel.name, status, number, reason)

    def _may_repeat(self, claim: Claim) -> bool:
        """Whether to call again under the same key: not if it would be given up then, the first call's end unknown."""
        return not _is_late(claim.action, self._now()) and claim.attempts <= self._patience.attempts

    async def _keep_to_rate(self, messages: int) -> None:
        if self._rate is not None:
            now = time.monotonic()
            self._free_at = max(self._free_at, now)
            await asyncio.sleep(self._free_at - now)
            self._free_at += messages / self._rate


def _is_late(action: Action, now: datetime) -> bool:
    return action.expires_at is not None and action.expires_at <= now


def _settlement(answer: Answer, claim: Claim) -> Settlement:
    known_as = answer.provider_message_id
    return Settlement(
        answer.action_id,
        "accepted" if answer.status == "accepted" else "rejected",
        plain(answer.reason, claim.action.address),
        # what we call it ourselves says nothing of anybody
        known_as if known_as == claim.message_id else without(claim.action.address, known_as),
        claim.attempts,
    )


def _unknown(claim: Claim, reason: str) -> Settlement:
    return Settlement(claim.action.action_id, "unknown", reason, attempts=claim.attempts)
