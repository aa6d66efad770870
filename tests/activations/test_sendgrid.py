"""E-mail through SendGrid: the requests against its own contract, and what its answers mean."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from contracts import Contract
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import NOW, Place, action, write_outbox
from sqlalchemy import create_engine, text

from activations.carriers import sendgrid as sendgrid_carrier
from activations.carriers.api import ApiCarrier
from activations.channels import email
from activations.channels.face import Setting
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.sandbox import sendgrid
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.environment import live_profile, open_profile
from activations.settings.profile import Profile, SmtpServer

LIVE = {
    "HOURBELL_PROFILE": "live",
    "HOURBELL_MAIL_CARRIER": "SendGrid",
    "HOURBELL_TOKEN_SENDGRID": "SG.hush",
    "HOURBELL_ALLOWED_HOSTS": "api.sendgrid.com",
    "HOURBELL_LINK_KEY": "0123456789abcdef",
}


def channel(profile: Profile) -> email.EmailChannel:
    return email.open_channel(Setting(profile, lambda: NOW, Path(), TEMPLATES))


def rehearsed() -> email.EmailChannel:
    return channel(
        Profile("sandbox", SmtpServer("", 0), http_sandbox="http://127.0.0.1:1", mail_carrier="sendgrid"),
    )


def live() -> ApiCarrier:
    return sendgrid_carrier.open_carrier(
        Setting(live_profile(LIVE), lambda: NOW, Path(), TEMPLATES), "hello@shop.example"
    )


def mail(**changes: Any) -> dict[str, Any]:
    known = rehearsed()
    return dict(json.loads(known.render(Action(**action(1, **changes)), known.message_id(1)).content))


def deliver(
    place: Place, actions: int, before: Callable[[str], Reply | None] | None = None, *, again: bool = False
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver mails; the account, and how often the sandbox was called for each recipient."""
    if not again:
        write_outbox(place.outbox, [action(number) for number in range(actions)])
    calls: Counter[str] = Counter()

    def count(recipient: str) -> Reply | None:
        calls[recipient] += 1
        return before(recipient) if before else None

    with HttpSandbox(place.received, now=lambda: NOW, before=count) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, carrier="sendgrid")
    assert account.adds_up
    return account, calls


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract("sendgrid_mail.json")


HEADERS = live().api.headers(live().url, b"")
# since 1970
SECONDS = NOW.replace(tzinfo=UTC).timestamp()
NAMES = st.text(max_size=40).filter(lambda name: name.isprintable())


@given(name=NAMES, value=st.decimals(0, 10_000, places=2), kind=st.sampled_from(["promotional", "transactional"]))
def test_every_request_is_one_that_the_contract_takes(contract: Contract, name: str, value: Any, kind: str) -> None:
    known = rehearsed()
    row = action(
        1,
        topic_kind=kind,
        profile=json.dumps({"first_name": name}),
        context=json.dumps({"cart_id": "1", "cart_value": str(value), "item_count": 2}),
    )
    body = known.render(Action(**row), "<1@shop.example>").content
    assert contract.fault(live().url, HEADERS, body) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mail: mail.pop("from"),
        lambda mail: mail.pop("personalizations"),
        lambda mail: mail.update(subject=1),
        lambda mail: mail["from"].update(email=None),
        lambda mail: mail.update(content="text"),
    ],
    ids=["from", "recipients", "subject", "sender", "content"],
)
def test_the_contract_would_see_what_is_wrong(contract: Contract, spoil: Callable[[dict[str, Any]], None]) -> None:
    said = mail()
    assert contract.fault(live().url, HEADERS, json.dumps(said).encode()) is None
    spoil(said)
    assert contract.fault(live().url, HEADERS, json.dumps(said).encode()) is not None


def test_the_contract_would_miss_the_key_and_the_way(contract: Contract) -> None:
    body = json.dumps(mail()).encode()
    assert contract.fault(live().url, {"content-type": "application/json"}, body) is not None
    assert contract.fault("https://api.sendgrid.com/v2/mail/send", HEADERS, body) is not None


def test_a_mail_says_what_it_says_by_smtp() -> None:
    said = mail()
    assert said["personalizations"] == [
        {"to": [{"email": "person1@example.com"}], "custom_args": {"action_id": "7000000000000000001"}}
    ]
    assert said["from"] == {"email": "hello@shop.example", "name": "Wren & Willow"}
    assert [part["type"] for part in said["content"]] == ["text/plain", "text/html"]
    unsubscribe = said["headers"]["List-Unsubscribe"].strip("<>")
    assert all(part["value"].count("unsubscribe") and "Ann" in part["value"] for part in said["content"])
    assert unsubscribe in said["content"][0]["value"]
    assert said["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert said["tracking_settings"]["subscription_tracking"] == {"enable": False}
    assert said["headers"]["Message-ID"] == "<1.hourbell@shop.example>"
    assert "List-Unsubscribe" not in mail(topic_kind="transactional")["headers"]


def test_a_line_break_in_a_name_adds_no_header() -> None:
    said = mail(profile=json.dumps({"first_name": "Ann\r\nBcc: all@example.com"}))
    assert set(said["headers"]) == {"Message-ID", "Feedback-ID", "List-Unsubscribe", "List-Unsubscribe-Post"}
    assert "\n" not in said["subject"]


def test_mails_reach_the_sandbox_and_are_known_by_the_providers_id(place: Place) -> None:
    account, calls = deliver(place, 30)
    assert (account.accepted, len(calls)) == (30, 30)
    received = list(webhooks(place.received))
    assert {each.endpoint for each in received} == {"sendgrid"}
    with create_engine(place.journal_url).connect() as journal:
        recorded = journal.execute(text("select provider_message_id from journal")).scalars().all()
    assert set(recorded) == {each.webhook_id for each in received}
    again, calls = deliver(place, 30, again=True)
    assert (again.already_settled, calls) == (30, Counter())


def refusal(status: int, **headers: str) -> Reply:
    said = {"errors": [{"message": "person0@example.com is refused", "field": "to", "help": None}]}
    return Reply(status, headers, json.dumps(said))


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (refusal(400), "rejected"),
        (refusal(413), "rejected"),
        (refusal(401), "waiting"),
        (refusal(403), "waiting"),
        (refusal(429), "failed"),
        (refusal(429, **{"X-RateLimit-Reset": f"{SECONDS + 3_600:.0f}"}), "waiting"),
        (refusal(429, **{"X-RateLimit-Reset": "900"}), "waiting"),
        (refusal(503), "failed"),
        (refusal(500), "unknown"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {' '.join(value.headers.values())}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, reply: Reply, part: str) -> None:
    account, _ = deliver(place, 1, lambda to: reply)
    assert getattr(account, part) == 1, account
    assert "person0@" not in str(account.reasons)


def test_a_limit_that_is_over_soon_is_waited_for(place: Place) -> None:
    asked: list[str] = []

    def limited(recipient: str) -> Reply | None:
        asked.append(recipient)
        return refusal(429, **{"X-RateLimit-Reset": f"{SECONDS:.0f}"}) if len(asked) == 1 else None

    assert deliver(place, 5, limited)[0].accepted == 5


def test_a_lost_answer_is_never_called_for_again(place: Place) -> None:
    account, calls = deliver(place, 20, lambda to: Reply(0) if to.startswith("person7") else None)
    assert (account.accepted, account.unknown) == (19, 1)
    again, more = deliver(place, 20, again=True)
    assert (again.already_settled, more, set(calls.values())) == (20, Counter(), {1})


def test_a_live_profile_needs_no_mail_server_but_the_key() -> None:
    profile = live_profile(LIVE)
    assert live().url == "https://api.sendgrid.com/v3/mail/send"
    assert HEADERS["authorization"] == "Bearer SG.hush"
    assert "hush" not in repr(live())
    assert "hush" not in repr(profile)
    with pytest.raises(HourbellError, match="still describes the example shop"):
        channel(profile)
    with pytest.raises(HourbellError, match="HOURBELL_TOKEN_SENDGRID"):
        live_profile({**LIVE, "HOURBELL_TOKEN_SENDGRID": " "}).token("sendgrid")
    with pytest.raises(HourbellError, match="HOURBELL_SMTP_URL is not set"):
        live_profile({**LIVE, "HOURBELL_MAIL_CARRIER": ""})


def test_a_carrier_that_nobody_knows_is_explained(tmp_path: Path) -> None:
    with (
        open_profile(tmp_path, {"HOURBELL_MAIL_CARRIER": "pigeon"}) as profile,
        pytest.raises(HourbellError, match="HOURBELL_MAIL_CARRIER is 'pigeon'"),
    ):
        channel(profile)


def test_the_sandbox_refuses_what_sendgrid_does() -> None:
    shown = json.dumps({**mail(), "headers": {"Subject": "another"}}).encode()
    known = {"authorization": "Bearer sandbox"}
    path = "/sendgrid/v3/mail/send"
    assert sendgrid.answer(path, known, json.dumps(mail()).encode()).reply.status == 202
    assert sendgrid.answer(path, known, shown).reply.status == 400
    assert sendgrid.answer(path, known, json.dumps({**mail(), "content": []}).encode()).reply.status == 400
    assert sendgrid.answer(path, {}, json.dumps(mail()).encode()).reply.status == 401
    assert sendgrid.answer("/sendgrid/v3/mail", known, b"{}").reply.status == 404
    assert sendgrid.answer(path, known, b"[]").reply.status == 400
