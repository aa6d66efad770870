"""Webhooks over real HTTP: signed, taken once, put off as the receiver asks, and never to where they are not meant."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from connections import watched_connections
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import NOW, Place, webhook_action, write_outbox
from rich.console import Console

from activations.channels import webhook
from activations.channels.receivers import retry_after
from activations.delivery.account import DeliveryAccount
from activations.delivery.patience import Patience
from activations.errors import HourbellError
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.show import overview
from activations.sandbox.webhooks import webhooks
from activations.settings.endpoints import read_endpoints


def serve(place: Place, **script: Any) -> HttpSandbox:
    return HttpSandbox(place.received, now=lambda: NOW, **script)


def deliver(place: Place, sandbox: HttpSandbox, **more: Any) -> DeliveryAccount:
    account = place.deliver(1, webhooks=sandbox.url, **more)
    assert account.adds_up
    return account


def taken(place: Place) -> Counter[str]:
    return Counter(each.webhook_id for each in webhooks(place.received))


def everything(actions: int) -> dict[str, int]:
    return {f"hourbell-{webhook_action(number)['action_id']}": 1 for number in range(actions)}


def of_some(remainder: int, reply: Reply, times: int = 1) -> Callable[[str], Reply | None]:
    """A reply to every tenth webhook, so often."""
    seen: Counter[str] = Counter()

    def script(key: str) -> Reply | None:
        seen[key] += 1
        return reply if int(key[-1]) == remainder and seen[key] <= times else None

    return script


def test_a_webhook_is_signed_and_says_what_it_is_about(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    with serve(place) as sandbox:
        assert deliver(place, sandbox).accepted == 1
    (received,) = webhooks(place.received)
    assert received.is_signed
    assert received.endpoint == "order_desk"
    assert received.webhook_id == "hourbell-7000000000000000001"
    assert received.idempotency_key == "7000000000000000001"
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int((NOW - datetime(1970, 1, 1)).total_seconds()))
    body = json.loads(received.body)
    assert body["type"] == "abandoned_cart.reminder"
    assert body["timestamp"] == "2026-03-02T10:00:00Z"
    assert body["data"]["contact"]["user_id"] == "u1"
    assert body["data"]["context"]["cart_value"] == 49.9
    console = Console(record=True, width=200)
    console.print(overview(place.received))
    assert "hourbell-7000000000000000001" in console.export_text()


@pytest.mark.parametrize(
    ("reply", "part", "reason"),
    [
        (Reply(400), "rejected", "400 Bad Request"),
        (Reply(422), "rejected", "422"),
        (Reply(429), "failed", "after 3 attempts: 429"),
        (Reply(503), "failed", "after 3 attempts: 503"),
        (Reply(503, {"Retry-After": "3600"}), "waiting", "503"),
        (Reply(429, {"Retry-After": "Mon, 02 Mar 2026 11:00:00 GMT"}), "waiting", "429"),
        (Reply(500), "unknown", "after 3 attempts: 500"),
        (Reply(504), "unknown", "after 3 attempts: 504"),
        (Reply(0), "unknown", "after 3 attempts: the answer was lost"),
        (Reply(401), "waiting", "order_desk: 401 Unauthorized: mend webhooks.yml or the secret"),
        (Reply(410), "waiting", "410"),
        (Reply(302, {"Location": "http://169.254.169.254/latest"}), "waiting", "redirects are not followed"),
        (Reply(307, {"Location": "/elsewhere"}), "waiting", "redirects are not followed"),
    ],
)
def test_what_an_answer_means(place: Place, reply: Reply, part: str, reason: str) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    with watched_connections() as seen, serve(place, before=lambda key: reply) as sandbox:
        account = deliver(place, sandbox)
        port = sandbox.port
    assert getattr(account, part) == 1
    assert reason in " ".join(account.reasons)
    assert {address[:2] for address in seen if isinstance(address, tuple)} == {("127.0.0.1", port)}
    if part == "waiting":
        with serve(place) as sandbox:
            assert deliver(place, sandbox).accepted == 1


def test_trouble_of_every_kind_adds_up_and_nothing_comes_twice(place: Place) -> None:
    """A tenth each: 429, a break before it is kept, 500 after it was kept, a lost answer, refused."""
    scripts = [
        of_some(1, Reply(429)),
        of_some(2, Reply(0)),
        of_some(5, Reply(400), times=9),
        of_some(6, Reply(503), times=9),
    ]
    late = [of_some(3, Reply(500)), of_some(4, Reply(0)), of_some(7, Reply(0), times=9)]

    def first(replies: Sequence[Callable[[str], Reply | None]]) -> Callable[[str], Reply | None]:
        return lambda key: next((reply for script in replies if (reply := script(key)) is not None), None)

    write_outbox(place.outbox, [webhook_action(number) for number in range(1000)], channel="webhook")
    with serve(place, before=first(scripts), after=first(late)) as sandbox:
        account = deliver(place, sandbox)
        again = deliver(place, sandbox)
    assert (account.accepted, account.rejected, account.failed, account.unknown) == (700, 100, 100, 100)
    assert again.already_settled == 1000
    got = taken(place)
    assert len(got) == 800, "all that were accepted, and those of which it is not known"
    calls = Counter(each.calls for each in webhooks(place.received))
    assert calls == {1: 500, 2: 200, 3: 100}, "called again, and taken once"


def test_a_receiver_without_keys_gets_nothing_twice(place: Place) -> None:
    blind = {"webhook": lambda setting: replace(webhook.open_channel(setting), idempotency="blind")}
    write_outbox(place.outbox, [webhook_action(number) for number in range(100)], channel="webhook")
    with serve(place, after=of_some(4, Reply(0), times=9)) as sandbox:
        account = deliver(place, sandbox, channels=blind)
        deliver(place, sandbox, channels=blind)
    assert (account.accepted, account.unknown) == (90, 10)
    assert {each.calls for each in webhooks(place.received)} == {1}


def test_retry_after_is_honoured(place: Place) -> None:
    """Who is told to wait calls nobody meanwhile, and loses no attempt by it."""
    calls: list[float] = []
    clock = asyncio.new_event_loop().time

    def busy(key: str) -> Reply | None:
        calls.append(clock())
        return Reply(429, {"Retry-After": "1"}) if calls[-1] - calls[0] < 1.0 else None

    write_outbox(place.outbox, [webhook_action(number) for number in range(300)], channel="webhook")
    with serve(place, before=busy) as sandbox:
        account = deliver(place, sandbox)
    assert account.accepted == 300
    early = [moment for moment in calls if moment - calls[0] < 1.0]
    assert len(early) <= 64, "those that were under way at the same time"
    assert max(early) - calls[0] < 0.5


def test_an_endpoint_that_always_wants_to_wait_is_left_to_the_next_delivery(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(number) for number in range(100)], channel="webhook")
    with serve(place, before=lambda key: Reply(429, {"Retry-After": "0"})) as sandbox:
        account = deliver(place, sandbox, patience=Patience(attempts=1000, first_pause=0.001))
    assert account.waiting == 100
    assert account.reasons


def test_an_endpoint_that_is_down_loses_nothing(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(number) for number in range(20)], channel="webhook")
    with serve(place) as gone:
        pass
    account = deliver(place, gone)
    assert account.waiting == 20
    assert "does not answer" in " ".join(account.reasons)
    with serve(place) as sandbox:
        assert deliver(place, sandbox).accepted == 20
    assert taken(place) == everything(20)


def test_what_the_receiver_has_forgotten_is_not_sent_again(place: Place) -> None:
    """An answer that was lost is asked for within the window of the key; later nobody can know."""
    write_outbox(place.outbox, [webhook_action(number, expires_at=None) for number in range(10)], channel="webhook")
    with serve(place) as sandbox:
        with open_journal(sqlite_url(place.journal)) as dead:
            from activations.delivery.outbox import outbox_files, read_actions

            (file,) = outbox_files(place.outbox)
            (actions,) = read_actions(file, 100)
            ids = {each.action_id: f"hourbell-{each.action_id}" for each in actions}
            dead.claim(actions[:5], ids, provider="sandbox", now=NOW - timedelta(hours=25))
            dead.claim(actions[5:], ids, provider="sandbox", now=NOW - timedelta(hours=23))
        account = deliver(place, sandbox)
    assert (account.accepted, account.unknown) == (5, 5)
    assert "has forgotten it by now" in " ".join(account.reasons)
    assert len(taken(place)) == 5


def test_taking_over_does_not_make_a_key_younger(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1, expires_at=None)], channel="webhook")
    with serve(place) as sandbox:
        (sandbox_url,) = (sandbox.url,)
    # the endpoint is down: the claim stays in doubt in each delivery
    with open_journal(sqlite_url(place.journal)) as dead:
        from activations.delivery.outbox import outbox_files, read_actions

        (file,) = outbox_files(place.outbox)
        (actions,) = read_actions(file, 100)
        dead.claim(actions, {actions[0].action_id: "x"}, provider="sandbox", now=NOW - timedelta(hours=23))
    assert place.deliver(1, webhooks=sandbox_url).waiting == 1
    with serve(place) as sandbox:
        assert deliver(place, sandbox, now=NOW + timedelta(hours=2)).unknown == 1
    assert not taken(place)


def test_pauses_spread_and_do_not_depend_on_chance() -> None:
    patience = Patience()
    pauses = [patience.pause(number, 1) for number in range(1000)]
    assert pauses == [patience.pause(number, 1) for number in range(1000)]
    assert 0.5 <= min(pauses) < 0.55
    assert 1.45 < max(pauses) < 1.5
    assert 0.95 < sum(pauses) / 1000 < 1.05
    assert patience.pause(1, 1, retry_after=7.0) == 7.0
    assert patience.pause(1, 50) <= 45.0


@given(st.text(max_size=40))
def test_retry_after_reads_anything(stated: str) -> None:
    found = retry_after(stated, NOW)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    "yml",
    [
        "a: {url: 'http://x.example/'}",
        "a: {url: 'https://user:secret@x.example/'}",
        "a: {url: 'https://127.0.0.1/'}",
        "a: {url: 'https://[::1]/'}",
        "a: {url: 'https://x.example:99999/'}",
        "a: {url: 'https:///path'}",
        "a: {url: 'https://x.example/ a'}",
        "a: {url: 1}",
        "a: {}",
        "a: https://x.example",
        "'a/b': {url: 'https://x.example'}",
        "a: {url: 'https://x.example', secret: hunter2}",
        "[]x",
        "- 1",
    ],
)
def test_endpoints_that_cannot_be_used_are_explained(tmp_path: Path, yml: str) -> None:
    (tmp_path / "webhooks.yml").write_text(yml)
    with pytest.raises(HourbellError, match=r"webhooks\.yml") as raised:
        read_endpoints(tmp_path)
    assert "secret@" not in str(raised.value)


def test_an_endpoint_that_nobody_named_is_rejected(place: Place) -> None:
    rows = [webhook_action(1, template="nowhere"), webhook_action(2, template=None), webhook_action(3, profile="[")]
    write_outbox(place.outbox, rows, channel="webhook")
    with serve(place) as sandbox:
        assert deliver(place, sandbox).rejected == 3


def test_what_a_receiver_says_of_people_is_not_kept(place: Place) -> None:
    write_outbox(place.outbox, [webhook_action(1)], channel="webhook")
    reply = Reply(400, text="no such person: <ann@shop.example>")
    with serve(place, before=lambda key: reply) as sandbox:
        assert deliver(place, sandbox).reasons == {"rejected: 400 Bad Request no such person: <…>": 1}
