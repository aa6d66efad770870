import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from provider_posts import (
    NOW,
    SECRETS,
    as_posted,
    mailgun_post,
    postmark_headers,
    provider_of,
    recorded,
    sendgrid_headers,
)

from activations.collector.providers.face import AHEAD, FRESH, NotSetUpError, Posted, RefusedError, Report, from_epoch
from activations.collector.providers.registry import PROVIDERS

SAME = (
    "event_id",
    "message_id",
    "recipient",
    "reject_reason",
    "description",
    "mta_response",
    "click_url",
    "user_agent",
)


def signed_at(case: Mapping[str, Any], posted: Posted) -> datetime:
    """When a webhook of Mailgun was signed; of the others we say so."""
    if provider_of(case) != "mailgun":
        return NOW
    body = case["body"]
    seconds = json.loads(body)["signature"]["timestamp"] if isinstance(body, str) else body["timestamp"]
    moment = from_epoch(seconds[-1] if isinstance(seconds, list) else seconds)
    assert moment is not None
    return moment


def as_set_up(case: Mapping[str, Any]) -> Posted:
    """A recorded webhook with what shows that it is the provider's; Mailgun's shows it itself."""
    posted = as_posted(case)
    extra = {"sendgrid": sendgrid_headers(posted.body), "postmark": postmark_headers()}.get(provider_of(case), {})
    return replace(posted, headers={**posted.headers, **extra})


def receive(name: str, posted: Posted, now: datetime = NOW) -> list[Report]:
    return list(PROVIDERS[name].receive(posted, SECRETS, now))


def test_all_that_was_recorded_of_providers_gives_the_same_events() -> None:
    cases = recorded("esp_webhooks.json")
    assert len(cases) == 56
    for number, case in enumerate(cases):
        posted = as_set_up(case)
        reports = receive(provider_of(case), posted, signed_at(case, posted))
        assert len(reports) == len(case["expected_events"]), number
        for report, wanted in zip(reports, case["expected_events"], strict=True):
            assert report.kind == wanted["event_type"], number
            at = wanted["timestamp"]
            wanted_at = datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None) if at else None
            assert report.occurred_at == wanted_at, number
            for name in SAME:
                # what is empty says as much as what is not there
                assert (getattr(report, name) or None) == (wanted[name] or None), (number, name)
            tags = report.tags if isinstance(report.tags, str) else list(report.tags)
            assert tags == wanted["tags"], number
            assert report.metadata == wanted["metadata"], number


def test_what_was_refused_gives_no_event() -> None:
    cases = recorded("esp_webhooks_no_event.json")
    assert len(cases) == 30
    for number, case in enumerate(cases):
        name = provider_of(case)
        if case["status"] == 200:
            posted = as_set_up(case)
            assert receive(name, posted, signed_at(case, posted)) == [], number
        else:
            with pytest.raises(RefusedError):
                receive(name, as_posted(case))


def test_what_signed_it_is_checked_before_anything_is_read() -> None:
    for name in ("mailgun", "postmark", "sendgrid"):
        with pytest.raises(RefusedError):
            receive(name, Posted(f"https://links.shop.example/webhooks/{name}", {}, b"no JSON"))
        with pytest.raises(NotSetUpError):
            PROVIDERS[name].receive(Posted("", {}, b""), {}, NOW)
        with pytest.raises(NotSetUpError):
            PROVIDERS[name].receive(Posted("", {}, b""), dict.fromkeys(SECRETS, "  "), NOW)


EVENT = {"event": "open", "email": "a@shop.example", "sg_event_id": "e1", "timestamp": 1772445600}


def sendgrid_post(event: Mapping[str, Any] = EVENT, at: datetime = NOW) -> Posted:
    body = json.dumps([event]).encode()
    return Posted("https://links.shop.example/webhooks/sendgrid", sendgrid_headers(body, at), body)


def test_a_signature_is_of_this_body_and_this_time() -> None:
    posted = sendgrid_post()
    assert len(receive("sendgrid", posted)) == 1
    for changed in (
        replace(posted, body=posted.body.replace(b"e1", b"e2")),
        replace(posted, headers={**posted.headers, "x-twilio-email-event-webhook-timestamp": "1772445601"}),
        replace(posted, headers={**posted.headers, "x-twilio-email-event-webhook-signature": ""}),
        replace(posted, headers={}),
    ):
        with pytest.raises(RefusedError):
            receive("sendgrid", changed)


@pytest.mark.parametrize("age", [FRESH + timedelta(seconds=1), -AHEAD - timedelta(seconds=1)])
def test_what_was_signed_long_ago_or_is_yet_to_come_is_refused(age: timedelta) -> None:
    just = age - timedelta(seconds=1) if age > timedelta() else age + timedelta(seconds=1)
    for name, make in (
        ("sendgrid", lambda at: sendgrid_post(at=at)),
        ("mailgun", lambda at: mailgun_post("t1", {"event": "opened"}, at)),
    ):
        assert len(receive(name, make(NOW - just))) == 1
        with pytest.raises(RefusedError, match="lately"):
            receive(name, make(NOW - age))


def test_the_password_of_postmark_is_whole() -> None:
    body = b'{"RecordType": "Open"}'
    good = postmark_headers()["authorization"]
    assert len(receive("postmark", Posted("", {"authorization": good}, body))) == 1
    for bad in ("", good[:-4], good.replace("Basic", "Bearer"), "Basic aG91cmJlbGw6cGFzcw==", "Basic é"):
        with pytest.raises(RefusedError):
            receive("postmark", Posted("", {"authorization": bad}, body))


def test_opens_by_machines_bounces_for_good_and_actions_are_known() -> None:
    def one(name: str, posted: Posted) -> Report:
        [report] = receive(name, posted)
        return report

    def sendgrid(**event: Any) -> Report:
        return one("sendgrid", sendgrid_post({**EVENT, **event}))

    def postmark(**record: Any) -> Report:
        return one("postmark", Posted("", postmark_headers(), json.dumps(record).encode()))

    def mailgun(**event: Any) -> Report:
        return one("mailgun", mailgun_post("t1", event))

    assert sendgrid(action_id="7000000000000000001").action_id == 7000000000000000001
    assert postmark(RecordType="Open", Metadata={"action_id": "17"}).action_id == 17
    assert mailgun(event="opened", **{"user-variables": {"action_id": "17"}}).action_id == 17
    assert sendgrid(action_id="1; drop").action_id is None
    assert sendgrid(sg_machine_open=True).is_machine
    assert not sendgrid(sg_machine_open=False).is_machine
    assert mailgun(event="opened", **{"client-info": {"bot": "apple"}}).is_machine
    assert not mailgun(event="opened", **{"client-info": {"bot": ""}}).is_machine
    assert sendgrid(event="bounce", type="bounce").is_hard
    assert not sendgrid(event="bounce", type="blocked").is_hard
    assert postmark(RecordType="Bounce", Type="HardBounce").is_hard
    assert not postmark(RecordType="Bounce", Type="SoftBounce").is_hard
    assert mailgun(event="failed", severity="permanent", reason="bounce").is_hard
    assert not mailgun(event="failed", severity="temporary", reason="generic").is_hard
    assert mailgun(event="failed", severity="permanent", reason="suppress-unsubscribe").reject_reason == "unsubscribed"
    # what comes again is known again, also where Postmark gives it no number
    assert postmark(RecordType="Open", MessageID="m").dedupe == postmark(MessageID="m", RecordType="Open").dedupe
    assert postmark(RecordType="Open", MessageID="m").dedupe != postmark(RecordType="Open", MessageID="n").dedupe
