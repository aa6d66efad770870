import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import provider_posts
import pytest
import requests
import text_posts
from collecting import Collecting, collecting
from provider_posts import NOW, mailgun_post, postmark_headers, sendgrid_headers
from text_posts import BOUNCE, meta_post, sns_post, twilio_post, vonage_post

from activations.collector.opt_out import means_stop
from activations.collector.provider_secrets import provider_secrets
from activations.collector.providers.face import Posted
from activations.errors import HourbellError

SECRETS = {**provider_posts.SECRETS, **text_posts.SECRETS}
NUMBER = "+447700900123"


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def at(tmp_path: Path, clock: list[datetime]) -> Iterator[Collecting]:
    with collecting(tmp_path, now=lambda: clock[0], secrets=SECRETS) as running:
        yield running


def send(at: Collecting, posted: Posted) -> requests.Response:
    """Post it as the provider does, to a collector that is behind another name."""
    path = posted.url.removeprefix("https://links.shop.example")
    return requests.post(f"{at.url}{path}", data=posted.body, headers=dict(posted.headers), timeout=10)


def sendgrid(*events: dict[str, Any]) -> Posted:
    body = json.dumps(events).encode()
    return Posted("https://links.shop.example/webhooks/sendgrid", sendgrid_headers(body), body)


def postmark(record: dict[str, Any]) -> Posted:
    return Posted("https://links.shop.example/webhooks/postmark", postmark_headers(), json.dumps(record).encode())


OPEN = {"event": "open", "email": "a@shop.example", "timestamp": 1772445600, "action_id": "17", "sg_event_id": "e1"}
INBOUND = {"MessageSid": "SM1", "From": NUMBER, "To": "+15005550006", "Body": "Stop"}
EVERYBODY = [
    sendgrid(OPEN, {**OPEN, "event": "click", "sg_event_id": "e2"}),
    postmark({"RecordType": "Open", "MessageID": "m", "Recipient": "a@shop.example"}),
    mailgun_post("t1", {"event": "opened", "recipient": "a@shop.example"}),
    sns_post(BOUNCE),
    twilio_post(INBOUND),
    vonage_post({"message_uuid": "v1", "from": "447700900123", "text": "stop"}),
    meta_post({"messages": [{"id": "w1", "from": "447700900123", "text": {"body": "STOP"}}]}),
]


def test_what_a_provider_reports_three_times_counts_once(at: Collecting, clock: list[datetime]) -> None:
    for _ in range(3):
        for posted in EVERYBODY:
            assert send(at, posted).status_code == 200
        clock[0] += timedelta(minutes=3)
    events, consents = at.rows("events"), at.rows("consents")
    once = {json.dumps({**row, "loaded_at": None}, sort_keys=True) for row in events}
    assert len(events) == 27
    assert len(once) == 9
    assert len({row["message_id"] for row in events}) == 9
    assert len({json.dumps({**row, "loaded_at": None}, sort_keys=True) for row in consents}) == 3


def test_what_lands_is_what_the_marts_read(at: Collecting) -> None:
    for posted in EVERYBODY:
        send(at, posted)
    opened = at.by_id()["sendgrid/e1"]
    assert (opened["event"], opened["type"], opened["email"]) == ("Email Opened", "track", "a@shop.example")
    assert opened["source"] == "sendgrid"
    assert opened["properties"] == {"action_id": "17", "machine_open": False}
    bounced = at.by_id()["ses/m-1/0"]
    assert (bounced["event"], bounced["properties"]["type"]) == ("Email Bounced", "hard")
    assert bounced["properties"]["email_id"] == "<17.hourbell@shop.example>"
    assert at.by_id()["twilio/SM1"]["event"] == "SMS Received"
    assert at.by_id()["meta/w1"]["event"] == "WhatsApp Received"


def test_who_wants_no_more_is_out(at: Collecting) -> None:
    for posted in EVERYBODY:
        send(at, posted)
    stated = {(row["source"], row["phone"], row["channel"], row["topic"], row["status"]) for row in at.rows("consents")}
    assert stated == {
        ("twilio", NUMBER, "sms", "all", "withdrawn"),
        ("vonage", NUMBER, "sms", "all", "withdrawn"),
        ("meta", NUMBER, "whatsapp", "all", "withdrawn"),
    }


@pytest.mark.parametrize(
    ("posted", "channel"),
    [
        (sendgrid({**OPEN, "event": "group_unsubscribe"}), "email"),
        (sendgrid({**OPEN, "event": "dropped", "reason": "Unsubscribed Address"}), "email"),
        (sendgrid({**OPEN, "event": "dropped", "reason": "Spam Reporting Address"}), "email"),
        (
            mailgun_post(
                "t1",
                {
                    "event": "failed",
                    "severity": "permanent",
                    "reason": "suppress-complaint",
                    "recipient": "a@shop.example",
                },
            ),
            "email",
        ),
        (postmark({"RecordType": "Bounce", "Type": "Unsubscribe", "Email": "a@shop.example"}), "email"),
        (
            postmark({"RecordType": "SubscriptionChange", "SuppressSending": True, "Recipient": "a@shop.example"}),
            "email",
        ),
        (twilio_post({"MessageSid": "SM", "To": NUMBER, "MessageStatus": "failed", "ErrorCode": "21610"}), "sms"),
        (twilio_post({**INBOUND, "Body": "Aufhören", "OptOutType": "STOP"}), "sms"),
        (meta_post({"user_preferences": [{"wa_id": "447700900123", "value": "stop", "timestamp": 1}]}), "whatsapp"),
    ],
)
def test_an_objection_that_a_provider_knows_of_is_ours_too(at: Collecting, posted: Posted, channel: str) -> None:
    assert send(at, posted).status_code == 200
    [row] = at.rows("consents")
    assert (row["channel"], row["topic"], row["status"]) == (channel, "all", "withdrawn")


@pytest.mark.parametrize(
    "posted",
    [
        sendgrid({**OPEN, "event": "bounce", "type": "blocked"}),
        sendgrid({**OPEN, "event": "group_resubscribe"}),
        postmark({"RecordType": "Bounce", "Type": "SpamNotification", "Email": "a@shop.example"}),
        postmark({"RecordType": "SubscriptionChange", "SuppressSending": False, "Recipient": "a@shop.example"}),
        twilio_post({**INBOUND, "Body": "When does the sale end?"}),
        twilio_post({**INBOUND, "Body": "START", "OptOutType": "START"}),
        meta_post({"user_preferences": [{"wa_id": "447700900123", "value": "resume", "timestamp": 1}]}),
    ],
)
def test_nobody_is_taken_to_agree_or_to_object_who_did_not(at: Collecting, posted: Posted) -> None:
    assert send(at, posted).status_code == 200
    assert len(at.rows("events")) == 1
    assert at.rows("consents") == []


def test_what_is_not_signed_is_refused_and_leaves_nothing(at: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    for posted in EVERYBODY:
        changed = Posted(posted.url, {"content-type": posted.headers.get("content-type", "")}, posted.body)
        if "mailgun" in posted.url:
            changed = Posted(posted.url, posted.headers, posted.body.replace(b'"token": "t1"', b'"token": "t2"'))
        elif "ses" in posted.url:
            changed = Posted(posted.url, posted.headers, posted.body.replace(b"user unknown", b"known"))
        with caplog.at_level(logging.WARNING):
            refused = send(at, changed)
        assert (refused.status_code, refused.text) == (400, "refused\n")
    assert requests.post(f"{at.url}/webhooks/nobody", timeout=10).status_code == 404
    assert len(caplog.records) == len(EVERYBODY)
    for secret in SECRETS.values():
        assert secret not in caplog.text
    assert at.rows("events") == at.rows("consents") == []


def test_one_signature_of_mailgun_says_one_thing(at: Collecting) -> None:
    """It is about a token and not about the rest, so that whoever sees one could say anything by it."""
    seen = mailgun_post("t1", {"event": "opened", "recipient": "a@shop.example"})
    forged = Posted(seen.url, seen.headers, seen.body.replace(b"opened", b"complained"))
    assert send(at, seen).status_code == 200
    assert send(at, forged).status_code == 400
    assert send(at, seen).status_code == 200
    assert {row["event"] for row in at.rows()} == {"Email Opened"}


def test_providers_hear_what_they_want_to(at: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    reply = send(at, twilio_post(INBOUND))
    assert (reply.text, reply.headers["content-type"].partition(";")[0]) == ("<Response/>", "text/xml")
    asked = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "42"}
    assert requests.get(f"{at.url}/webhooks/meta", params=asked, timeout=10).text == "42"
    assert requests.get(f"{at.url}/webhooks/meta", timeout=10).status_code == 403
    assert requests.get(f"{at.url}/webhooks/twilio", timeout=10).status_code == 404
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    with caplog.at_level(logging.WARNING):
        send(at, sns_post("…", Type="SubscriptionConfirmation", SubscribeURL=url, Token="1"))
    assert url in caplog.text


def test_a_provider_without_a_secret_is_not_believed(tmp_path: Path) -> None:
    with collecting(tmp_path, now=lambda: NOW) as at:
        for posted in EVERYBODY:
            assert send(at, posted).status_code == 404
        assert at.rows() == []


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "sns.pem"
    file.write_text("-----BEGIN")
    stated = {
        "HOURBELL_INBOUND_MAILGUN": "k",
        "HOURBELL_TOKEN_TWILIO": "t",
        "HOURBELL_INBOUND_EMPTY": " ",
        "OTHER": "x",
    }
    assert provider_secrets(stated) == {"MAILGUN": "k", "TWILIO": "t"}
    assert provider_secrets({**stated, "HOURBELL_INBOUND_TWILIO": "u"})["TWILIO"] == "u"
    named = provider_secrets({"HOURBELL_INBOUND_SNS_CERTIFICATES_FILE": str(file)})
    assert named == {"SNS_CERTIFICATES": "-----BEGIN"}
    with pytest.raises(HourbellError, match="SNS_CERTIFICATES_FILE"):
        provider_secrets({"HOURBELL_INBOUND_SNS_CERTIFICATES_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("word", ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"])
def test_stop_and_its_kin_in_any_case_and_spacing(word: str) -> None:
    plain = word.replace(" ", "")
    spelt = [
        *(word, word.upper(), word.title(), word.swapcase(), plain, plain.upper()),
        *(f"  {word}\n", f"\t{word}\r\n", " ".join(plain), "  ".join(plain.upper()), "\n".join(plain)),
        *(word.replace(" ", "-"), word.replace(" ", "\u00a0"), word.replace(" ", "   ")),
        *(f"{word}.", f"{word}!!!", f'"{word}"', f"“{word}”", f"*{word}*", f"{word} 🛑", f"-{word}-"),
        *(f"{word} please", f"Please\n{word}", f"{word} all messages", f"{word} {word}"),
        "".join(chr(ord(letter) + 0xFEE0) if letter != " " else letter for letter in word),
        f"{plain[:2]}\u200b{plain[2:]}",
        "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(word)),
    ]
    missed = [text for text in spelt if not means_stop(text)]
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        *("", None, " ", "START", "YES", "HELP", "When does the sale end?", "the bus stop is closed", "weekend"),
        *(
            "please",
            "cancel my order 123",
            "I will never quit",
            "stopwatch",
            "endless",
            "unsubscribed?",
            "non-stop fun",
        ),
    ],
)
def test_what_says_something_else_is_no_stop(text: str | None) -> None:
    assert not means_stop(text)
