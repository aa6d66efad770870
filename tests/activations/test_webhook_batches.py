"""Several webhooks in one call: what the answer says of each, and of a call that is in doubt."""

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, Place, opened, webhook_action, write_outbox

from activations.channels import webhook, webhook_batch
from activations.channels.face import Answer, Message
from activations.channels.webhook_batch import answers_of_each, batched
from activations.delivery.account import DeliveryAccount
from activations.errors import HourbellError
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.endpoints import Endpoint, read_endpoints

BATCH = 10
Script = Callable[[str], Reply | None]


def ids(*numbers: int) -> list[str]:
    return [f"hourbell-{webhook_action(number)['action_id']}" for number in numbers]


def deliver(place: Place, actions: int, *, again: bool = False, **script: Any) -> tuple[DeliveryAccount, list[str]]:
    """Deliver in batches; the account, and the ids of the calls that were made."""
    idempotency = script.pop("idempotency", "keyed")
    if not again:
        write_outbox(place.outbox, [webhook_action(number) for number in range(actions)], channel="webhook")
    calls: list[str] = []
    before = script.pop("before", lambda key: None)

    def count(key: str) -> Reply | None:
        calls.append(key)
        return before(key)

    endpoints = {"order_desk": Endpoint("order_desk", "https://hooks.shop.example", BATCH)}
    channels = {"webhook": partial(opened, webhook.open_channel, endpoints=endpoints, idempotency=idempotency)}
    with HttpSandbox(place.received, now=lambda: NOW, before=count, **script) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, channels=channels)
    assert account.adds_up
    return account, calls


def taken(place: Place) -> Counter[str]:
    """How often each came."""
    return Counter({each.webhook_id: each.calls for each in webhooks(place.received)})


def at_first(reply: Callable[[], Reply]) -> Script:
    seen: list[str] = []

    def script(key: str) -> Reply | None:
        seen.append(key)
        return reply() if len(seen) == 1 else None

    return script


def test_a_call_carries_a_batch_and_each_has_its_id(place: Place) -> None:
    account, calls = deliver(place, 25)
    assert (account.accepted, len(calls)) == (25, 3)
    assert taken(place) == Counter(ids(*range(25)))
    for each in webhooks(place.received):
        body = json.loads(each.body)
        assert each.is_signed
        assert each.endpoint == "order_desk"
        assert body["id"] == each.webhook_id == f"hourbell-{body['data']['action_id']}"
        assert each.idempotency_key in calls


def test_the_answer_may_say_something_else_of_each(place: Place) -> None:
    first = at_first(
        lambda: Reply(
            200,
            text=json.dumps(
                {
                    "results": [
                        {"id": ids(0)[0], "status": 422, "reason": "no such\ncustomer 7000 of person0@example.com"},
                        {"id": ids(1)[0], "status": 429},
                        {"id": ids(2)[0], "status": "taken, perhaps"},
                        *({"id": each, "status": 200} for each in ids(*range(4, BATCH))),
                    ]
                }
            ),
        )
    )
    account, calls = deliver(place, BATCH, after=first)
    assert (account.accepted, account.rejected) == (BATCH - 1, 1)
    assert len(calls) > 1
    assert any("422 no such customer" in reason for reason in account.reasons)
    assert "person0@" not in str(account.reasons)
    # put off, unclear and left out are called for again; the receiver takes each id once
    assert taken(place) == Counter(ids(*range(BATCH))) + Counter(ids(1, 2, 3))


@pytest.mark.parametrize("text", ["", "ok", '{"ok": true}', "{"])
def test_an_answer_that_lists_nothing_holds_for_all(place: Place, text: str) -> None:
    account, calls = deliver(place, BATCH, after=lambda key: Reply(202, text=text))
    assert (account.accepted, len(calls)) == (BATCH, 1)


@pytest.mark.parametrize("idempotency", ["keyed", "blind"])
@pytest.mark.parametrize("reply", [Reply(0), Reply(500)])
def test_a_call_in_doubt_is_in_doubt_for_all_of_it(place: Place, idempotency: str, reply: Reply) -> None:
    account, calls = deliver(place, 3 * BATCH, after=at_first(lambda: reply), idempotency=idempotency)
    if idempotency == "keyed":
        assert (account.accepted, account.unknown) == (3 * BATCH, 0)
        assert len(calls) > 3
    else:
        assert (account.accepted, account.unknown, len(calls)) == (2 * BATCH, BATCH, 3)
    assert len(taken(place)) == 3 * BATCH
    assert sum(taken(place).values()) == (4 if idempotency == "keyed" else 3) * BATCH
    again, calls = deliver(place, 3 * BATCH, again=True)
    assert (again.already_settled, calls) == (3 * BATCH, [])


def test_one_that_is_refused_does_not_take_the_others_along(place: Place) -> None:
    poisoned = 6

    def key_of(first: int, end: int) -> str:
        return batched([Message(0, each, "order_desk", b"") for each in ids(*range(first, end))]).message_id

    bad = {key_of(first, end) for first in range(poisoned + 1) for end in range(poisoned + 1, BATCH + 1)}
    account, calls = deliver(place, BATCH, before=lambda key: Reply(400, text="bad") if key in bad else None)
    assert (account.accepted, account.rejected) == (BATCH - 1, 1)
    assert taken(place) == Counter(ids(*(number for number in range(BATCH) if number != poisoned)))
    assert len(calls) <= 9


@pytest.mark.parametrize(("reply", "part"), [(Reply(401), "waiting"), (Reply(503, {"Retry-After": "900"}), "waiting")])
def test_an_endpoint_that_takes_nothing_leaves_all_waiting(place: Place, reply: Reply, part: str) -> None:
    account, calls = deliver(place, BATCH, before=lambda key: reply)
    assert (getattr(account, part), len(calls)) == (BATCH, 1)
    assert deliver(place, BATCH, again=True)[0].accepted == BATCH


def test_an_answer_too_long_to_be_read_is_in_doubt() -> None:
    messages = [Message(number, each, "order_desk", b"{}") for number, each in enumerate(ids(1, 2))]
    answers = answers_of_each(messages, Answer(0, "accepted", "x" * webhook_batch.ANSWERS_BYTES))
    assert {answer.status for answer in answers} == {"in doubt"}


@pytest.mark.parametrize("batch", ["0", "-1", "251", "true", "ten", "1.5", "[]"])
def test_a_batch_that_cannot_be_is_explained(tmp_path: Path, batch: str) -> None:
    (tmp_path / "webhooks.yml").write_text(f"order_desk:\n  url: https://shop.example/x\n  batch: {batch}\n")
    with pytest.raises(HourbellError, match="`batch` of order_desk must be a whole number from 1 to 250"):
        read_endpoints(tmp_path)


def test_a_batch_is_read(tmp_path: Path) -> None:
    (tmp_path / "webhooks.yml").write_text("order_desk:\n  url: https://shop.example/x\n  batch: 100\n")
    assert read_endpoints(tmp_path)["order_desk"].batch == 100
