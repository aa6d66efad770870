from dataclasses import replace
from datetime import datetime, timedelta

import provider_posts
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from provider_posts import NOW
from sendgrid import EventWebhook
from text_posts import (
    BOUNCE,
    CERTIFICATE_URL,
    SECRETS,
    TOPIC,
    certificate,
    meta_post,
    sns_post,
    twilio_post,
    vonage_post,
)
from twilio.request_validator import RequestValidator
from vonage_jwt import verify_signature

from activations.collector.providers import meta, ses
from activations.collector.providers.face import FRESH, NotSetUpError, Posted, RefusedError, Report
from activations.collector.providers.registry import PROVIDERS

NUMBER = "+447700900123"
INBOUND = {"MessageSid": "SM1", "From": NUMBER, "To": "+15005550006", "Body": "Hello & good-bye ü", "NumMedia": "0"}


def receive(name: str, posted: Posted, now: datetime = NOW) -> list[Report]:
    return list(PROVIDERS[name].receive(posted, SECRETS, now))


def one(name: str, posted: Posted) -> Report:
    [report] = receive(name, posted)
    return report


def test_twilio_is_believed_as_its_own_validator_believes_it() -> None:
    validator = RequestValidator(SECRETS["TWILIO"])
    url = "https://links.shop.example/webhooks/twilio?action_id=17"
    for fields, at in ((INBOUND, url), ({**INBOUND, "Body": ""}, url), ({"MessageSid": "SM1"}, url.partition("?")[0])):
        posted = twilio_post(fields, at)
        signature = posted.headers["x-twilio-signature"]
        assert validator.validate(at, fields, signature)
        assert len(receive("twilio", posted)) == 1
        for changed, other in (
            (replace(posted, url=at + "1"), validator.validate(at + "1", fields, signature)),
            (replace(posted, body=posted.body + b"&a=b"), validator.validate(at, {**fields, "a": "b"}, signature)),
            (replace(posted, headers={**posted.headers, "x-twilio-signature": ""}), False),
            (twilio_post(fields, at, token="another"), validator.validate(at, fields, "another")),
        ):
            assert not other
            with pytest.raises(RefusedError):
                receive("twilio", changed)


def test_twilio_tells_what_became_of_a_text_and_what_was_texted_back() -> None:
    url = "https://links.shop.example/webhooks/twilio?action_id=17"
    status = {"MessageSid": "SM1", "To": NUMBER, "From": "+15005550006"}
    sent = one("twilio", twilio_post({**status, "MessageStatus": "delivered"}, url))
    assert (sent.kind, sent.recipient, sent.channel, sent.action_id) == ("delivered", NUMBER, "sms", 17)
    lost = one("twilio", twilio_post({**status, "MessageStatus": "undelivered", "ErrorCode": "30005"}, url))
    assert (lost.kind, lost.is_hard) == ("bounced", True)
    refused = one("twilio", twilio_post({**status, "MessageStatus": "failed", "ErrorCode": "21610"}, url))
    assert refused.reject_reason == "unsubscribed"
    back = one("twilio", twilio_post(INBOUND))
    assert (back.kind, back.recipient, back.text, back.dedupe) == ("received", NUMBER, INBOUND["Body"], "SM1")
    whatsapp = one("twilio", twilio_post({**INBOUND, "From": f"whatsapp:{NUMBER}"}))
    assert (whatsapp.channel, whatsapp.recipient) == ("whatsapp", NUMBER)
    assert one("twilio", twilio_post({**INBOUND, "OptOutType": "STOP"})).opts_out
    assert not one("twilio", twilio_post({**INBOUND, "OptOutType": "HELP"})).opts_out
    assert len({sent.dedupe, lost.dedupe, back.dedupe}) == 3


def test_sendgrid_is_believed_as_its_own_helper_believes_it() -> None:
    body = b'[{"event": "open", "email": "a@shop.example", "sg_event_id": "e1"}]'
    headers = provider_posts.sendgrid_headers(body)
    helper = EventWebhook(provider_posts.SECRETS["SENDGRID"])
    signature, timestamp = (headers[f"x-twilio-email-event-webhook-{name}"] for name in ("signature", "timestamp"))
    assert helper.verify_signature(body.decode(), signature, timestamp)
    assert not helper.verify_signature(body.decode() + " ", signature, timestamp)
    with pytest.raises(RefusedError):
        PROVIDERS["sendgrid"].receive(Posted("", headers, body + b" "), provider_posts.SECRETS, NOW)


MESSAGE = {"message_uuid": "v1", "channel": "sms", "to": "447700900123", "from": "15005550006"}


def test_vonage_is_believed_as_its_own_helper_believes_it() -> None:
    posted = vonage_post({**MESSAGE, "status": "delivered"})
    token = posted.headers["authorization"].removeprefix("Bearer ")
    assert verify_signature(token, SECRETS["VONAGE"])
    assert len(receive("vonage", posted)) == 1
    other = vonage_post({**MESSAGE, "status": "delivered"}, secret="b" * 32)
    assert not verify_signature(other.headers["authorization"].removeprefix("Bearer "), SECRETS["VONAGE"])
    unsigned = "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
    for changed in (
        other,
        replace(posted, body=posted.body.replace(b"v1", b"v2")),
        replace(posted, headers={}),
        replace(posted, headers={"authorization": f"Basic {token}"}),
        replace(posted, headers={"authorization": f"Bearer {unsigned}"}),
        vonage_post(MESSAGE, NOW - FRESH - timedelta(seconds=1)),
        vonage_post(MESSAGE, payload_hash="é"),
    ):
        with pytest.raises(RefusedError):
            receive("vonage", changed)


def test_vonage_tells_what_became_of_a_text_and_what_was_texted_back() -> None:
    at = {"timestamp": "2026-03-02T09:59:00Z"}
    sent = one("vonage", vonage_post({**MESSAGE, **at, "status": "delivered", "client_ref": "hourbell-17"}))
    assert (sent.kind, sent.recipient, sent.action_id) == ("delivered", NUMBER, 17)
    assert sent.occurred_at == datetime(2026, 3, 2, 9, 59)
    back = one("vonage", vonage_post({**MESSAGE, **at, "from": "447700900123", "text": "STOP"}))
    assert (back.kind, back.recipient, back.text) == ("received", NUMBER, "STOP")
    # the older SMS API
    old = {"msisdn": "447700900123", "messageId": "o1", "message-timestamp": "2026-03-02 09:59:00"}
    assert one("vonage", vonage_post({**old, "text": "Stop"})).recipient == NUMBER
    lost = one("vonage", vonage_post({**old, "status": "expired", "client-ref": "17"}))
    assert (lost.kind, lost.action_id, lost.occurred_at) == ("bounced", 17, datetime(2026, 3, 2, 9, 59))


def test_meta_is_believed_by_its_signature_and_greeted_by_its_token() -> None:
    posted = meta_post({"statuses": [{"id": "w1", "status": "read", "recipient_id": "447700900123"}]})
    assert len(receive("meta", posted)) == 1
    for changed in (
        replace(posted, body=posted.body + b" "),
        replace(posted, headers={}),
        replace(posted, headers={"x-hub-signature-256": posted.headers["x-hub-signature-256"].removeprefix("sha256=")}),
        meta_post({}, secret="another"),
    ):
        with pytest.raises(RefusedError):
            receive("meta", changed)
    asked = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "1158201444"}
    assert meta.greet(asked, SECRETS) == "1158201444"
    for wrong in ({**asked, "hub.verify_token": "x"}, {**asked, "hub.mode": "x"}, {}):
        with pytest.raises(RefusedError):
            meta.greet(wrong, SECRETS)
    with pytest.raises(NotSetUpError):
        meta.greet(asked, {})


def test_meta_tells_what_became_of_a_message_and_who_wants_no_more() -> None:
    at = {"timestamp": "1772445600"}
    status = {"id": "w1", "recipient_id": "447700900123", **at, "biz_opaque_callback_data": "17"}
    read = one("meta", meta_post({"statuses": [{**status, "status": "read"}]}))
    assert (read.kind, read.channel, read.recipient, read.action_id) == ("opened", "whatsapp", NUMBER, 17)
    lost = one("meta", meta_post({"statuses": [{**status, "status": "failed", "errors": [{"code": 131026}]}]}))
    assert lost.kind == "bounced"
    stopped = one("meta", meta_post({"statuses": [{**status, "status": "failed", "errors": [{"code": 131050}]}]}))
    assert stopped.reject_reason == "unsubscribed"
    back = one("meta", meta_post({"messages": [{"id": "w2", "from": "447700900123", **at, "text": {"body": "STOP"}}]}))
    assert (back.kind, back.recipient, back.text) == ("received", NUMBER, "STOP")
    wish = {"wa_id": "447700900123", "category": "marketing_messages", **at}
    assert one("meta", meta_post({"user_preferences": [{**wish, "value": "stop"}]})).kind == "unsubscribed"
    assert one("meta", meta_post({"user_preferences": [{**wish, "value": "resume"}]})).kind == "subscribed"
    assert receive("meta", meta_post({"statuses": "x", "messages": 7})) == []


def test_ses_is_believed_by_a_certificate_of_sns_and_a_topic_of_ours() -> None:
    assert len(receive("ses", sns_post(BOUNCE))) == 2
    assert len(receive("ses", sns_post(BOUNCE, SignatureVersion="1"))) == 2
    assert len(receive("ses", sns_post(BOUNCE, Subject="Amazon SES"))) == 2
    other = rsa.generate_private_key(65537, 2048)
    old = f"{NOW - FRESH - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    whole = sns_post(BOUNCE)
    for changed in (
        replace(whole, body=whole.body.replace(b"user unknown", b"user known")),
        replace(whole, body=whole.body.replace(b'"m-1"', b'"m-2"')),
        sns_post(BOUNCE, key=other),
        sns_post(BOUNCE, Timestamp=old),
        sns_post(BOUNCE, SignatureVersion="3"),
        sns_post(BOUNCE, Signature="AAAA"),
        sns_post(BOUNCE, Signature="é"),
        sns_post(BOUNCE, TopicArn=f"{TOPIC}-of-somebody-else"),
        sns_post(BOUNCE, Type="Other"),
        *(
            sns_post(BOUNCE, SigningCertURL=url)
            for url in (
                CERTIFICATE_URL.replace("https", "http"),
                CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
                CERTIFICATE_URL.replace("sns.", "sns.eu-west-1.amazonaws.com@evil.example/"),
                CERTIFICATE_URL.replace("eu-west-1", "us-east-1"),
                CERTIFICATE_URL.replace(".com/", ".com:8443/"),
                "https://s3.eu-west-1.amazonaws.com/bucket/SimpleNotificationService.pem",
                "https://[",
                "",
            )
        ),
    ):
        with pytest.raises(RefusedError):
            receive("ses", changed)


@pytest.mark.parametrize(
    "pem",
    [certificate("sns.evil.example"), certificate(until=NOW - timedelta(days=2)), "no certificate"],
)
def test_a_certificate_is_of_sns_and_of_today(pem: str) -> None:
    with pytest.raises(RefusedError):
        ses.receive(sns_post(BOUNCE), {**SECRETS, "SNS_CERTIFICATES": pem}, NOW)
    # while Amazon changes its certificate we have two
    assert pem == "no certificate" or ses.receive(
        sns_post(BOUNCE), {**SECRETS, "SNS_CERTIFICATES": pem + certificate()}, NOW
    )


def test_ses_tells_of_each_recipient_what_became_of_their_mail() -> None:
    first, second = receive("ses", sns_post(BOUNCE))
    assert (first.kind, first.is_hard, first.recipient) == ("bounced", True, "a@shop.example")
    assert (first.action_id, first.message_id) == (17, "<17.hourbell@shop.example>")
    assert first.mta_response == "smtp; 550 user unknown"
    assert first.occurred_at == datetime(2026, 3, 2, 9, 59)
    assert (second.recipient, second.dedupe == first.dedupe) == ("b@shop.example", False)
    soft = {**BOUNCE, "bounce": {**BOUNCE["bounce"], "bounceType": "Transient"}}
    assert not receive("ses", sns_post(soft))[0].is_hard
    click = {
        "eventType": "Click",
        "click": {"link": "https://shop.example/a", "userAgent": "Firefox", "timestamp": "2026-03-02T09:59:00.000Z"},
        "mail": BOUNCE["mail"],
    }
    clicked = one("ses", sns_post(click))
    assert (clicked.kind, clicked.recipient, clicked.click_url) == (
        "clicked",
        "a@shop.example",
        "https://shop.example/a",
    )
    complaint = {
        "notificationType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": "a@shop.example"}]},
        "mail": BOUNCE["mail"],
    }
    assert one("ses", sns_post(complaint)).kind == "complained"
    for name, kind in (("Send", "queued"), ("Delivery", "delivered"), ("Open", "opened"), ("Reject", "rejected")):
        assert one("ses", sns_post({"eventType": name, name.lower(): {}, "mail": BOUNCE["mail"]})).kind == kind


def test_whoever_subscribes_us_to_a_topic_is_told_to_confirm_it() -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    posted = sns_post("You have chosen…", Type="SubscriptionConfirmation", SubscribeURL=url, Token="1")
    assert receive("ses", posted) == []
    assert ses.subscribe_url(posted) == url
    assert ses.subscribe_url(sns_post(BOUNCE)) is None


def test_without_a_secret_nobody_is_believed() -> None:
    for name, posted in (
        ("twilio", twilio_post(INBOUND)),
        ("vonage", vonage_post(MESSAGE)),
        ("meta", meta_post({})),
        ("ses", sns_post(BOUNCE)),
    ):
        with pytest.raises(NotSetUpError):
            PROVIDERS[name].receive(posted, {}, NOW)
