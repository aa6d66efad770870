"""Text messages: the requests against the provider's own contract, its answers, and who a text goes out from."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from contracts import Contract
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from rehearsal import NOW, Place, counted, sms_action, write_outbox
from sqlalchemy import create_engine, text
from text_posts import SECRETS, twilio_post

from activations.channels import sms
from activations.channels.face import Setting, UnsendableError
from activations.collector.providers.registry import PROVIDERS
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import SCHEMA, Action
from activations.errors import HourbellError
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.profile import Profile, SmtpServer
from activations.text_carriers.twilio import TwilioCarrier

ACCOUNT = "AC" + "0" * 32
LIVE = Profile("live", SmtpServer("mail.shop.example", 587), link_key=b"0123456789abcdef", tokens={"TWILIO": "hush"})


def action(number: int = 1, **changes: Any) -> Action:
    row = sms_action(number, **changes)
    return Action(**{name: row[name] for name in SCHEMA.names})


def channel(profile: Profile | None = None, templates: Path = TEMPLATES) -> sms.SmsChannel:
    known = profile or Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    return sms.open_channel(Setting(known, lambda: NOW, Path(), templates))


def form(**changes: Any) -> dict[str, str]:
    return {
        name: value
        for name, [value] in parse_qs(body(channel(), action(**changes)).decode(), strict_parsing=True).items()
    }


def body(opened: sms.SmsChannel, row: Action) -> bytes:
    """What is posted."""
    return opened.carrier.body(opened.render(row, "hourbell-1"))


def own_templates(folder: Path, **files: str) -> Path:
    """Those that ship, with files of ours, in whose names __ parts folder and file."""
    own = folder / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != "sms.yml" or "sms" not in files:
            (own / path.name).symlink_to(path)
    for name, content in files.items():
        path = own / ("sms.yml" if name == "sms" else f"{name}/sms.liquid")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return own


def deliver(
    place: Place, actions: int, before: Callable[[str], Reply | None] | None = None, *, again: bool = False
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver texts; the account, and how often the sandbox was called for each number."""
    if not again:
        write_outbox(place.outbox, [sms_action(number) for number in range(actions)], channel="sms")
    return counted(place, before)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract("twilio_messages.json")


def carrier_of(opened: sms.SmsChannel) -> TwilioCarrier:
    assert isinstance(opened.carrier, TwilioCarrier)
    return opened.carrier


@pytest.fixture
def live() -> sms.SmsChannel:
    return live_channel()


def live_channel() -> sms.SmsChannel:
    carrier = dataclasses.replace(
        carrier_of(channel()), setting=Setting(LIVE, lambda: NOW, Path(), TEMPLATES), token=LIVE.token("twilio")
    )
    return dataclasses.replace(channel(), profile=LIVE, carrier=carrier)


OPT_OUT = "\nReply STOP to opt out"
TEXTS = st.text(max_size=40).filter(lambda text: text.isprintable())


@examples(deadline=None)
@given(name=TEXTS, cart=TEXTS, number=st.integers(0, 999), hours=st.integers(-2, 40), service=st.booleans())
def test_every_request_is_one_that_the_contract_takes(
    contract: Contract, name: str, cart: str, number: int, hours: int, service: bool
) -> None:
    live = live_channel()
    carrier = carrier_of(live)
    if service:
        sender = dataclasses.replace(carrier.sender, sender="MG" + "0a" * 16)
        live = dataclasses.replace(live, carrier=dataclasses.replace(carrier, sender=sender))
    row = action(
        number,
        profile=json.dumps({"first_name": name}),
        context=json.dumps({"cart_id": cart or "1"}),
        expires_at=NOW + timedelta(hours=hours),
    )
    try:
        posted = body(live, row)
    except UnsendableError:
        # a cart without a name
        assert not cart.strip()
        return
    assert contract.fault(carrier.url, carrier.headers, posted) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url, headers, body: (url, headers, body.replace(b"To=", b"Too=")),
        lambda url, headers, body: (url.replace("AC", "XX"), headers, body),
        lambda url, headers, body: (url, {**headers, "authorization": ""}, body),
        lambda url, headers, body: (url, headers, body.replace(b"Period=", b"Period=soon")),
    ],
    ids=["recipient", "account", "credentials", "period"],
)
def test_the_contract_would_see_what_is_wrong(
    contract: Contract, live: sms.SmsChannel, spoil: Callable[[str, Mapping[str, str], bytes], Any]
) -> None:
    carrier = carrier_of(live)
    request = (carrier.url, carrier.headers, body(live, action()))
    assert contract.fault(*request) is None
    assert contract.fault(*spoil(*request)) is not None


def test_a_text_says_who_writes_and_how_to_be_left_alone() -> None:
    said = form()
    assert said["To"] == "+447700900001"
    assert said["From"] == "+15005550006"
    text = "Wren & Willow: we kept your cart, Ann. Everything is still in it: https://links.shop.example/l/"
    assert re.fullmatch(re.escape(text) + "[0-9A-Za-z]{11}" + re.escape("\nReply STOP to opt out"), said["Body"])
    assert "STOP" not in form(topic="service", topic_kind="transactional")["Body"]


@pytest.mark.parametrize(
    ("sender", "field"),
    [("+447700900123", "From"), ("62277", "From"), ("Wren Willow", "From"), ("MG" + "0a" * 16, "MessagingServiceSid")],
)
def test_a_sender_is_a_number_a_name_or_a_service(tmp_path: Path, sender: str, field: str) -> None:
    opened = channel(templates=own_templates(tmp_path, sms=f'account: {ACCOUNT}\nsender: "{sender}"'))
    said = parse_qs(opened.render(action(), "hourbell-1").content.decode())
    assert {name: value for name, value in said.items() if name in ("From", "MessagingServiceSid")} == {field: [sender]}


def test_what_becomes_of_a_text_comes_back_with_its_action() -> None:
    address = form()["StatusCallback"]
    assert address == "https://links.shop.example/webhooks/twilio?action_id=7000000000000000001"
    told = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+447700900001"}
    [report] = PROVIDERS["twilio"].receive(twilio_post(told, address), SECRETS, NOW)
    assert report.action_id == 7000000000000000001


def test_what_is_put_into_a_text_is_data() -> None:
    assert "{{7*7}} & <b>" in form(profile=json.dumps({"first_name": "{{7*7}} & <b>"}))["Body"]


@pytest.mark.parametrize(
    ("hours", "seconds"), [(1, "3600"), (30, "36000"), (-1, "1"), (None, None)], ids=["soon", "long", "past", "never"]
)
def test_a_text_waits_in_no_queue_for_longer_than_it_may_be_sent(hours: int | None, seconds: str | None) -> None:
    expires_at = None if hours is None else NOW + timedelta(hours=hours)
    assert form(expires_at=expires_at).get("ValidityPeriod") == seconds


def test_a_text_that_is_pushed_late_is_kept_for_so_much_less(place: Place) -> None:
    """It was to be sent a day ago, and expires in an hour."""
    write_outbox(place.outbox, [sms_action(1)], channel="sms")
    account, _ = counted(place, now=NOW + timedelta(hours=23))
    assert account.accepted == 1
    [received] = webhooks(place.received)
    assert parse_qs(received.body.decode())["ValidityPeriod"] == ["3600"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"address": None}, "no telephone number"),
        ({"address": "07700 900123"}, "with its country"),
        ({"address": "+44 12"}, "no such number can be"),
        ({"context": "{}"}, "needs context.cart_id"),
        ({"template": "cart_reassurance"}, "template cart_reassurance lacks sms.liquid"),
        ({"template": "no_such"}, "there is no template 'no_such'"),
        ({"template": None}, "no template is named"),
    ],
)
def test_what_cannot_be_sent_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsendableError, match=reason):
        form(**changes)


def test_a_text_that_is_too_long_is_not_sent(tmp_path: Path) -> None:
    templates = own_templates(
        tmp_path, long="{{ context.cart_id }}" + "x" * (1_600 - 79 - len(OPT_OUT)), empty="{% if false %}x{% endif %}"
    )
    longest = action(template="long", context=json.dumps({"cart_id": "y" * 79}))
    channel(templates=templates).render(longest, "hourbell-1")
    one_more = longest._replace(context=json.dumps({"cart_id": "y" * 80}))
    with pytest.raises(UnsendableError, match="has 1,601 characters, and 1,600 may be sent"):
        channel(templates=templates).render(one_more, "hourbell-1")
    empty = action(template="empty", topic_kind="transactional")
    with pytest.raises(UnsendableError, match="template empty has an empty sms"):
        channel(templates=templates).render(empty, "hourbell-1")


def test_texts_reach_the_sandbox_and_are_known_by_the_providers_id(place: Place) -> None:
    account, calls = deliver(place, 30)
    assert (account.accepted, len(calls)) == (30, 30)
    received = list(webhooks(place.received))
    assert {each.endpoint for each in received} == {"twilio"}
    assert {parse_qs(each.body.decode())["To"][0] for each in received} == set(calls)
    with create_engine(place.journal_url).connect() as journal:
        recorded = journal.execute(text("select provider_message_id from journal")).scalars().all()
    assert set(recorded) == {each.webhook_id for each in received}
    again, calls = deliver(place, 30, again=True)
    assert (again.already_settled, calls) == (30, Counter())


def refusal(status: int, code: int, **headers: str) -> Reply:
    return Reply(status, headers, json.dumps({"code": code, "message": "+447700900000 is refused", "status": status}))


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (refusal(400, 21211), "rejected"),
        (refusal(400, 21610), "rejected"),
        (refusal(400, 21614), "rejected"),
        (refusal(400, 21606), "waiting"),
        (refusal(401, 20003), "waiting"),
        (refusal(404, 20404), "waiting"),
        (refusal(429, 20429), "failed"),
        (refusal(429, 20429, **{"Retry-After": "900"}), "waiting"),
        (refusal(503, 20503), "failed"),
        (refusal(500, 20500), "unknown"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {value.text[9:14]}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, reply: Reply, part: str) -> None:
    account, _ = deliver(place, 1, lambda to: reply)
    assert getattr(account, part) == 1, account
    assert "7700" not in str(account.reasons)


def test_what_is_wrong_with_the_sender_stops_the_rest(place: Place) -> None:
    account, calls = deliver(place, 300, lambda to: refusal(400, 21606))
    assert account.waiting == 300
    assert sum(calls.values()) <= 100
    assert deliver(place, 300, again=True)[0].accepted == 300


def test_a_lost_answer_is_never_called_for_again(place: Place) -> None:
    def lost(to: str) -> Reply | None:
        return Reply(0) if to.endswith("7") else None

    account, calls = deliver(place, 20, lost)
    assert (account.accepted, account.unknown) == (18, 2)
    again, more = deliver(place, 20, again=True)
    assert (again.already_settled, more) == (20, Counter())
    assert set(calls.values()) == {1}


@pytest.mark.parametrize(
    ("number", "code"), [("+15005550001", 21211), ("+15005550004", 21610), ("+15005550009", 21614)]
)
def test_the_sandbox_refuses_the_test_numbers(place: Place, number: str, code: int) -> None:
    write_outbox(place.outbox, [sms_action(1, address=number)], channel="sms")
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url)
    assert account.rejected == 1
    assert any(str(code) in reason for reason in account.reasons)


def settings() -> Iterator[tuple[str, str]]:
    yield "", "must hold `account` and `sender`"
    yield "[]", "must hold `account` and `sender`"
    yield f"account: {ACCOUNT}\nsender: Shop\ncolour: red", "and nothing else"
    yield "account: AC1\nsender: Shop", "AC and 32 hexadecimal digits"
    yield f"account: {ACCOUNT}\nsender: 447700900123", "a number in quotes"
    yield f"account: {ACCOUNT}\nsender: The Very Best Shop", "at most 11 letters"
    yield f"account: {ACCOUNT}\nsender: Shop\ncarrier: pigeon", "`carrier` must be twilio or vonage"
    yield "account: abc\nsender: Shop\ncarrier: vonage", "the API key"
    yield f"account: abcd1234\nsender: MG{'0' * 32}\ncarrier: vonage", "a number in quotes"


@pytest.mark.parametrize(("written", "told"), settings())
def test_a_sender_that_cannot_be_is_explained(tmp_path: Path, written: str, told: str) -> None:
    with pytest.raises(HourbellError, match=told):
        channel(templates=own_templates(tmp_path, sms=written))


def test_a_live_profile_wants_its_own_account_and_its_token(tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match="still names the example account"):
        channel(LIVE)
    own = own_templates(tmp_path, sms=f"account: AC{'1' * 32}\nsender: Wren Willow")
    opened = channel(LIVE, own)
    assert carrier_of(opened).url == f"https://api.twilio.com/2010-04-01/Accounts/AC{'1' * 32}/Messages.json"
    assert "hush" not in repr(opened)
    with pytest.raises(HourbellError, match="HOURBELL_TOKEN_TWILIO"):
        channel(dataclasses.replace(LIVE, tokens={}), own)
