"""A provider whose answers are unclear: a share each of time-outs, resets, 500 and 429, and what comes of them."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from rehearsal import NOW, Place, webhook_action, write_outbox

from activations.channels import webhook
from activations.channels.face import Channel, Setting
from activations.delivery.account import DeliveryAccount
from activations.delivery.patience import Patience, spread
from activations.journal.journal import open_journal
from activations.sandbox.http import HttpSandbox, Reply
from activations.sandbox.webhooks import webhooks
from activations.transport.http import HttpAnswer, HttpPool

Idempotency = Literal["keyed", "blind"]
SHARE = 0.05
ANSWER_SECONDS = 0.5
"""How long an answer is waited for."""
FAULTY_CALLS = 2
"""Calls of one action that may go wrong; so an action that is called often enough arrives."""
PATIENCE = Patience(attempts=FAULTY_CALLS + 2, first_pause=0.02)
REPLIES: Mapping[str, Reply] = {
    "time-out": Reply(200, wait=2 * ANSWER_SECONDS),
    "reset": Reply(0),
    "500": Reply(500),
    "429": Reply(429),
}
UNCLEAR = ("time-out", "reset", "500")


@dataclass
class FaultyProvider:
    """Says for each call by its action and number what goes wrong with it: nothing, or one of REPLIES."""

    calls: dict[str, list[str]] = field(default_factory=dict)
    """What was said to each call of a webhook, by its id."""
    _later: dict[str, Reply] = field(default_factory=dict)

    def before(self, key: str) -> Reply | None:
        """The answer to what is not taken."""
        made = self.calls.setdefault(key, [])
        fault = fault_of(key, len(made))
        made.append(fault or "taken")
        if fault is None:
            return None
        if fault == "429" or spread(f"taken {key} {len(made)}") < 0.5:
            return REPLIES[fault]
        self._later[key] = REPLIES[fault]
        return None

    def after(self, key: str) -> Reply | None:
        """The answer to what was taken, and of which nobody learns it."""
        return self._later.pop(key, None)


def fault_of(key: str, number: int) -> str | None:
    place = int(spread(f"fault {key} {number}") / SHARE)
    return list(REPLIES)[place] if number < FAULTY_CALLS and place < len(REPLIES) else None


@dataclass(frozen=True)
class Rehearsed:
    """What came of it, and of another delivery after it."""

    actions: int
    first: DeliveryAccount
    again: DeliveryAccount
    provider: FaultyProvider
    taken: Counter[str]
    """How often the provider acted, by action."""
    statuses: Mapping[str, str]
    """By the ids of the calls."""

    def check(self, idempotency: Idempotency) -> None:
        assert self.first.adds_up
        assert self.again.already_settled == self.first.actions == self.actions == len(self.statuses)
        assert max(self.taken.values()) == 1, "somebody was reached twice"
        if idempotency == "keyed":
            assert self.first.accepted == len(self.taken) == self.actions
            return
        assert self.first.accepted + self.first.unknown == self.actions
        for key, said in self.provider.calls.items():
            unclear = [answer for answer in said if answer in UNCLEAR]
            assert len([answer for answer in said if answer != "429"]) == 1, "an unclear call was made again"
            assert self.statuses[key] == "unknown" or not unclear


def rehearse(
    place: Place,
    actions: int,
    idempotency: Idempotency,
    *,
    treated_as: Idempotency | None = None,
    with_keys: bool = True,
    batch_size: int = 1_000,
) -> Rehearsed:
    """Deliver to a provider of this kind that answers badly, twice.

    Errors can be put in on purpose: a provider is treated as one of another kind, or each call gets a key of its own.
    """
    write_outbox(place.outbox, [webhook_action(number) for number in range(actions)], channel="webhook")
    provider = FaultyProvider()
    kind = treated_as or idempotency
    channels: dict[str, Callable[[Setting], Channel]] = {
        "webhook": lambda setting: replace(
            webhook.open_channel(setting),
            pool=(HttpPool if with_keys else _ForgetfulPool)(setting.profile, timeout=ANSWER_SECONDS),
            idempotency=kind,
            batch_size=batch_size,
            push_size=batch_size,
        )
    }
    with HttpSandbox(place.received, now=lambda: NOW, before=provider.before, after=provider.after) as sandbox:
        first, again = (place.deliver(1, webhooks=sandbox.url, channels=channels, patience=PATIENCE) for _ in range(2))
    taken: Counter[str] = Counter()
    for received in webhooks(place.received):
        # one that is blind acts on each call, whatever its key
        taken[json.loads(received.body)["data"]["action_id"]] += received.calls if idempotency == "blind" else 1
    with open_journal(place.journal_url, place.receipts) as journal:
        rows = journal.rows(["accepted", "unknown", "failed", "rejected", "expired", "claimed"])
    return Rehearsed(actions, first, again, provider, taken, {row.message_id: row.status for row in rows})


class _ForgetfulPool(HttpPool):
    """Each call gets a key of its own."""

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, read: int = 0, method: str = "POST"
    ) -> HttpAnswer:
        key = f"{headers['webhook-id']}-{uuid.uuid4()}"
        return await super().post(url, {**headers, "webhook-id": key}, body, read, method)
