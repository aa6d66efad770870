"""Notices in Slack and Teams: what is posted, beside Slack's own client, and what the answers mean."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, Place, action, write_outbox
from slack_sdk.webhook import WebhookClient
from surface import Surface

from activations.channels import chat
from activations.channels.face import Setting, UnsendableError
from activations.channels.registry import CHANNELS
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import SCHEMA, Action
from activations.errors import HourbellError
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import ReceivedWebhook, webhooks
from activations.settings.people import read_people
from activations.settings.profile import Profile, SmtpServer

PEOPLE = """
floor: {slack: sales_floor, teams: sales_floor, email: floor@shop.example}
moved: {slack: gone, teams: gone}
quiet: {slack: archived, teams: archived}
mail_only: mail@shop.example
"""
HOOK = "https://hooks.slack.com/services/T0/B0/hush"
BOTH = pytest.mark.parametrize("name", ["slack", "teams"])


@pytest.fixture
def templates(own_templates: Callable[..., Path]) -> Path:
    return own_templates(people=PEOPLE)


def notice(number: int, name: str, text: str = "Cart {{ context.cart_id }}", **changes: Any) -> dict[str, Any]:
    details = {"person": "floor", "subject": "{{ contact.first_name }} left", "text": text, **changes}
    details["context"] = {"cart_id": f"C{number}"}
    ours = {"kind": "notify", "channel": name, "address": str(number), "template": None, "context": json.dumps(details)}
    return action(number, **ours)


def deliver(
    place: Place,
    templates: Path,
    name: str,
    rows: list[dict[str, Any]],
    before: Callable[[str], Reply | None] | None = None,
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver notices, as fast as this machine can; the account, and how often each room was called."""
    write_outbox(place.outbox, rows, channel=name)
    calls: Counter[str] = Counter()

    def count(room: str) -> Reply | None:
        calls[room] += 1
        return before(room) if before else None

    quick = {name: lambda setting: dataclasses.replace(CHANNELS[name](setting), rate=None)}
    with HttpSandbox(place.received, now=lambda: NOW, before=count) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, channels=quick, templates=templates)
    assert account.adds_up
    return account, calls


def received(place: Place) -> list[ReceivedWebhook]:
    return list(webhooks(place.received))


@BOTH
def test_a_notice_is_posted_to_the_room_once(place: Place, templates: Path, name: str) -> None:
    account, calls = deliver(place, templates, name, [notice(1, name), notice(2, name)])
    assert (account.accepted, calls) == (2, {"sales_floor": 2})
    account, calls = deliver(place, templates, name, [notice(1, name), notice(2, name)])
    assert (account.already_settled, calls) == (2, {})
    said = {each.body.decode() for each in received(place)}
    assert len(said) == 2
    assert any("Ann left" in each and "Cart C1" in each for each in said)


def test_the_request_is_that_of_slacks_own_client(place: Place, templates: Path) -> None:
    deliver(place, templates, "slack", [notice(1, "slack", "a & b <!channel> <https://x.example|y> *z*")])
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        text = "Ann left\na &amp; b &lt;!channel&gt; &lt;https://x.example|y&gt; *z*"
        said = WebhookClient(f"{sandbox.url}/slack/sales_floor").send_dict({"text": text, "mrkdwn": False})
    assert (said.status_code, said.body) == (200, "ok")
    ours, theirs = received(place)
    assert json.loads(ours.body) == json.loads(theirs.body)
    kinds = {each.headers["Content-Type"].casefold().replace(" ", "") for each in (ours, theirs)}
    assert kinds == {"application/json;charset=utf-8"}
    assert ours.endpoint == theirs.endpoint


def test_a_card_reads_as_it_is_written() -> None:
    body = json.loads(chat.teams_body("**Ann**", "[link](https://x.example)\n\n<at>all</at>"))
    [attachment] = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}, "a TextBlock would read Markdown"
    runs = [run["text"] for block in card["body"] for run in block["inlines"]]
    assert runs == ["**Ann**", "[link](https://x.example)", "<at>all</at>"]
    assert "msteams" not in card, "nobody is mentioned"


@pytest.mark.parametrize(
    ("name", "reply", "part"),
    [
        ("slack", Reply(400, text="invalid_payload"), "rejected"),
        ("slack", Reply(400, text="no_text"), "rejected"),
        ("slack", Reply(400, text="no_team"), "waiting"),
        ("slack", Reply(403, text="action_prohibited"), "waiting"),
        ("slack", Reply(404, text="no_service"), "waiting"),
        ("slack", Reply(410, text="channel_is_archived"), "waiting"),
        ("slack", Reply(429, {"Retry-After": "0"}), "failed"),
        ("slack", Reply(429, {"Retry-After": "900"}), "waiting"),
        ("slack", Reply(500, text="rollup_error"), "unknown"),
        ("slack", Reply(200, text="<html>sign in</html>"), "unknown"),
        ("slack", Reply(302, {"Location": "https://elsewhere.example"}), "waiting"),
        ("slack", Reply(0), "unknown"),
        ("teams", Reply(200), "accepted"),
        ("teams", Reply(202), "accepted"),
        ("teams", Reply(400, text='{"error": {"code": "InvalidRequestContent"}}'), "rejected"),
        ("teams", Reply(400, text='{"error": {"code": "WorkflowTriggerIsNotEnabled"}}'), "waiting"),
        ("teams", Reply(400, text="[]"), "rejected"),
        ("teams", Reply(401), "waiting"),
        ("teams", Reply(413), "rejected"),
        ("teams", Reply(429, {"Retry-After": "900"}), "waiting"),
        ("teams", Reply(502), "unknown"),
        ("teams", Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {value.text[:18]}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, templates: Path, name: str, reply: Reply, part: str) -> None:
    account, _ = deliver(place, templates, name, [notice(1, name)], lambda room: reply)
    assert getattr(account, part) == 1, account


@BOTH
def test_a_lost_answer_is_never_called_for_again(place: Place, templates: Path, name: str) -> None:
    account, calls = deliver(place, templates, name, [notice(1, name)], lambda room: Reply(0))
    assert (account.unknown, calls) == (1, {"sales_floor": 1})
    account, calls = deliver(place, templates, name, [notice(1, name)])
    assert (account.already_settled, calls) == (1, {})


@BOTH
def test_a_room_that_is_gone_holds_up_no_other(place: Place, templates: Path, name: str) -> None:
    rows = [notice(number, name, person=("moved", "quiet", "floor")[number % 3]) for number in range(9)]
    account, calls = deliver(place, templates, name, rows)
    assert (account.accepted, account.waiting) == (3, 6)
    assert calls["sales_floor"] == 3
    assert any("HOURBELL_TOKEN_" in reason for reason in account.reasons)


@BOTH
def test_a_room_that_asks_to_be_left_alone_is(place: Place, templates: Path, name: str) -> None:
    asked: list[str] = []

    def once(room: str) -> Reply | None:
        asked.append(room)
        return Reply(429, {"Retry-After": "1"}) if len(asked) == 1 else None

    account, calls = deliver(place, templates, name, [notice(1, name)], once)
    assert (account.accepted, calls) == (1, {"sales_floor": 2})


def test_posts_keep_to_the_rates_that_are_stated(templates: Path) -> None:
    profile = Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    setting = Setting(profile, lambda: NOW, Path(), templates)
    assert (chat.open_slack(setting).rate, chat.open_teams(setting).rate) == (1.0, 4.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"person": "nobody"}, "people.yml names nobody 'nobody'"),
        ({"person": None}, "people.yml names nobody None"),
        ({"person": "mail_only"}, "nothing of slack, only email"),
        ({"subject": None}, "no subject and text"),
        ({"text": "{{ context.colour }}"}, "needs context.colour"),
        ({"text": "x" * 4_000}, "more than 4,000 characters"),
    ],
)
def test_what_cannot_be_posted_says_why(
    surface: Surface, templates: Path, changes: dict[str, Any], reason: str
) -> None:
    profile = surface.place.profile(1, webhooks="http://127.0.0.1:1")
    channel = chat.open_slack(Setting(profile, lambda: NOW, surface.place.spool, templates))
    row = notice(1, "slack", **changes)
    with pytest.raises(UnsendableError, match=reason):
        channel.render(Action(**{name: row[name] for name in SCHEMA.names}), "hourbell-1")


def test_a_card_that_is_too_large_is_not_posted() -> None:
    with pytest.raises(UnsendableError, match="more than 28 KB"):
        chat.teams_body("x", "y" * 28_000)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("anna: 7", "'anna' must be a name"),
        ("anna: {}", "'anna' must be a name"),
        ("anna: {irc: x}", "'anna' must be a name"),
        ("anna: {slack: 7}", "'anna' must be a name"),
        ("anna: {email: nowhere}", "anna has no e-mail address"),
        (f"anna: {{slack: '{HOOK}'}}", "its address is a secret"),
    ],
)
def test_people_that_cannot_be_are_explained(own_templates: Callable[..., Path], written: str, told: str) -> None:
    with pytest.raises(HourbellError, match=told) as refused:
        read_people(own_templates(people=written))
    assert "hush" not in str(refused.value)


def test_a_live_profile_wants_the_address_of_each_room_and_tells_nobody(own_templates: Callable[..., Path]) -> None:
    templates = own_templates(people="floor: {slack: sales_floor}")
    live = Profile("live", SmtpServer("mail.shop.example", 587), tokens={"SALES_FLOOR": HOOK})
    setting = Setting(live, lambda: NOW, Path(), templates)
    opened = chat.open_slack(setting)
    assert opened.urls == {"sales_floor": HOOK}
    assert "hush" not in repr(opened)
    for tokens in ({}, {"SALES_FLOOR": HOOK.replace("https", "http")}, {"SALES_FLOOR": "hush"}):
        with pytest.raises(HourbellError, match="HOURBELL_TOKEN_SALES_FLOOR") as refused:
            chat.open_slack(dataclasses.replace(setting, profile=dataclasses.replace(live, tokens=tokens)))
        assert "hush" not in str(refused.value)


def test_the_people_that_ship_can_be_read() -> None:
    assert read_people(TEMPLATES)["shop_floor"].reads == {"email": "floor@shop.example", "slack": "sales_floor"}
