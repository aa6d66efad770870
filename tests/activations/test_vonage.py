"""Text messages by Vonage: the requests beside those of its own SDK, and what its answers mean."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, Place, counted, sms_action, write_outbox
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from vonage import Auth, HttpClientOptions, Vonage
from vonage_messages import Sms, SmsOptions

from activations.channels import sms
from activations.channels.face import Setting, UnsendableError
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.sandbox import vonage
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.profile import Profile, SmtpServer
from activations.text_carriers.vonage import VonageCarrier

LIVE = Profile("live", SmtpServer("", 0), link_key=b"0123456789abcdef", tokens={"VONAGE": "hush"})


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Those that ship, with an account at Vonage."""
    own = tmp_path / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != sms.FILE:
            (own / path.name).symlink_to(path)
    (own / sms.FILE).write_text('carrier: vonage\naccount: abcd1234\nsender: "+447700900123"\n')
    return own


def channel(templates: Path, profile: Profile | None = None) -> sms.SmsChannel:
    known = profile or Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    return sms.open_channel(Setting(known, lambda: NOW, Path(), templates))


def said(templates: Path, **changes: Any) -> dict[str, Any]:
    action = Action(**sms_action(1, **changes))
    opened = channel(templates)
    return dict(json.loads(opened.carrier.body(opened.render(action, "hourbell-1"))))


def deliver(
    place: Place,
    templates: Path,
    actions: int,
    before: Callable[[str], Reply | None] | None = None,
    *,
    again: bool = False,
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver texts; the account, and how often the sandbox was called for each number."""
    if not again:
        write_outbox(place.outbox, [sms_action(number) for number in range(actions)], channel="sms")
    return counted(place, before, templates=templates)


class _Unencrypted(HTTPAdapter):
    """The SDK insists on https, which the sandbox on this machine does not speak."""

    def send(self, request: PreparedRequest, *arguments: Any, **more: Any) -> Response:
        request.url = str(request.url).replace("https://", "http://")
        return super().send(request, *arguments, **more)


def test_the_sdk_makes_the_same_request(place: Place, templates: Path) -> None:
    write_outbox(place.outbox, [sms_action(1)], channel="sms")
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        place.deliver(1, webhooks=sandbox.url, templates=templates)
        [ours] = webhooks(place.received)
        known = json.loads(ours.body)
        client = Vonage(
            Auth(api_key="abcd1234", api_secret="sandbox"),
            HttpClientOptions(api_host=f"{sandbox.url.removeprefix('http://')}/vonage"),
        )
        client.http_client._session.mount("https://127.0.0.1", _Unencrypted())
        client.messages.send(
            Sms(
                to="447700900001",
                from_="447700900123",
                text=known["text"],
                ttl=86_400,
                client_ref="hourbell-7000000000000000001",
                sms=SmsOptions(encoding_type="auto"),
            )
        )
        theirs = list(webhooks(place.received))[-1]
    assert theirs.number != ours.number
    assert json.loads(theirs.body) == known
    for name in ("authorization", "content-type", "accept"):
        headers = [{key.lower(): value for key, value in each.headers.items()} for each in (ours, theirs)]
        assert headers[0][name] == headers[1][name]


@pytest.mark.parametrize(
    ("hours", "seconds"), [(1, 3_600), (2_000, 604_800), (-1, 20), (None, None)], ids=["soon", "long", "past", "never"]
)
def test_a_text_waits_for_no_longer_than_it_may_be_sent(
    templates: Path, hours: int | None, seconds: int | None
) -> None:
    expires_at = None if hours is None else NOW + timedelta(hours=hours)
    assert said(templates, expires_at=expires_at).get("ttl") == seconds


def test_a_text_that_is_pushed_late_is_kept_for_so_much_less(place: Place, templates: Path) -> None:
    """It was to be sent a day ago, and expires in an hour."""
    write_outbox(place.outbox, [sms_action(1)], channel="sms")
    account, _ = counted(place, now=NOW + timedelta(hours=23), templates=templates)
    assert account.accepted == 1
    [received] = webhooks(place.received)
    assert json.loads(received.body)["ttl"] == 3_600


def test_numbers_go_without_their_plus_and_values_are_data(templates: Path) -> None:
    known = said(templates, profile=json.dumps({"first_name": "{{7*7}} & <b>"}))
    assert (known["to"], known["from"]) == ("447700900001", "447700900123")
    assert "{{7*7}} & <b>" in known["text"]
    content = channel(templates).render(Action(**sms_action(1)), "hourbell-1").content
    assert sms.text_of(content).endswith("Reply STOP to opt out")


def test_what_cannot_be_sent_says_why(templates: Path) -> None:
    for changes, reason in (({"address": "07700 900123"}, "with its country"), ({"context": "{}"}, "context.cart_id")):
        with pytest.raises(UnsendableError, match=reason):
            said(templates, **changes)
    with pytest.raises(UnsendableError, match="3,200 may be sent"):
        said(templates, profile=json.dumps({"first_name": "x" * 3_200}))


def refusal(status: int, code: str, **headers: str) -> Reply:
    known = {
        "type": f"https://developer.vonage.com/api-errors/messages#{code}",
        "title": "No",
        "detail": "447700900000",
    }
    return Reply(status, headers, json.dumps(known))


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (refusal(422, "1020"), "rejected"),
        (refusal(422, "1120"), "rejected"),
        (refusal(422, "1050"), "rejected"),
        (refusal(422, "1060"), "waiting"),
        (refusal(422, "1000"), "failed"),
        (refusal(401, "unauthorized"), "waiting"),
        (refusal(402, "1070"), "waiting"),
        (refusal(403, "forbidden"), "waiting"),
        (refusal(429, "1000"), "failed"),
        (refusal(429, "1000", **{"Retry-After": "900"}), "waiting"),
        (refusal(500, "1100"), "failed"),
        (refusal(500, "1030"), "unknown"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {value.text[59:64]}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, templates: Path, reply: Reply, part: str) -> None:
    account, _ = deliver(place, templates, 1, lambda to: reply)
    assert getattr(account, part) == 1, account
    assert "7700" not in str(account.reasons)


def test_texts_reach_the_sandbox_once(place: Place, templates: Path) -> None:
    account, calls = deliver(place, templates, 20, lambda to: Reply(0) if to.endswith("7") else None)
    assert (account.accepted, account.unknown, set(calls.values())) == (18, 2, {1})
    again, calls = deliver(place, templates, 20, again=True)
    assert (again.already_settled, calls) == (20, Counter())


def test_a_live_profile_wants_the_secret(templates: Path) -> None:
    opened = channel(templates, LIVE)
    assert isinstance(opened.carrier, VonageCarrier)
    assert opened.carrier.url == "https://api.nexmo.com/v1/messages"
    assert opened.rate == 30.0
    assert channel(templates, dataclasses.replace(LIVE, sms_rate=5.0)).rate == 5.0
    assert "hush" not in repr(opened)


def test_the_sandbox_refuses_what_vonage_does(templates: Path) -> None:
    carrier = channel(templates).carrier
    assert isinstance(carrier, VonageCarrier)
    known, path = said(templates), "/vonage/v1/messages"

    def status(**changes: Any) -> int:
        return vonage.answer(path, carrier.headers, json.dumps({**known, **changes}).encode()).reply.status

    assert status() == 202
    assert {status(to="+447700900001"), status(text=""), status(ttl=5), status(channel="mms")} == {422}
    assert vonage.answer(path, {}, json.dumps(known).encode()).reply.status == 401
    assert vonage.answer("/vonage/v2", carrier.headers, b"{}").reply.status == 404
    assert vonage.answer(path, carrier.headers, b"[]").reply.status == 422
