"""Webhooks that say what their template says: each value as what it is, and nothing else of the contact."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, Place, opened, webhook_action, write_outbox
from test_payloads import PAYLOADS

from activations.channels import webhook
from activations.channels.face import Setting, UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import SCHEMA, Action
from activations.holds.sample import sample_of
from activations.sandbox.http import HttpSandbox
from activations.sandbox.webhooks import webhooks
from activations.settings.endpoints import Endpoint

Written = Callable[[str], "webhook.WebhookChannel"]
CONTEXT = '{"cart_id": "cart-1", "cart_value": 129.90, "items": [{"title": "Jug", "price": 34.50}], "is_gift": false}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Templates of which the one of the endpoint is written by a test."""
    folder = tmp_path / "templates"
    shutil.copytree(
        TEMPLATES,
        folder,
        ignore=lambda _, names: {name for name in names if (TEMPLATES / name / "subject.liquid").exists()},
    )
    (folder / "order_desk").mkdir()
    return folder


@pytest.fixture
def written(place: Place, folder: Path) -> Written:
    def write(source: str) -> webhook.WebhookChannel:
        (folder / "order_desk" / "webhook.yml").write_text(source)
        return webhook.open_channel(
            Setting(place.profile(1, webhooks="http://127.0.0.1:1"), lambda: NOW, place.spool, folder)
        )

    return write


def rendered(channel: webhook.WebhookChannel, **changes: Any) -> str:
    row = webhook_action(1, **{"context": CONTEXT, **changes})
    action = Action(**{name: row[name] for name in SCHEMA.names})
    return channel.render(action, channel.message_id(action.action_id)).content.decode()


def content(channel: webhook.WebhookChannel, **changes: Any) -> Any:
    return json.loads(rendered(channel, **changes))["data"]["content"]


def test_it_says_what_its_template_says_and_nothing_else_of_the_contact(written: Written) -> None:
    channel = written("greeting: Hello {{ contact.first_name }}\ncart:\n  id: '{{ context.cart_id }}'\n")
    data = json.loads(rendered(channel))["data"]
    assert data == {
        "action_id": "7000000000000000001",
        "workflow": "abandoned_cart",
        "step": "reminder",
        "topic": "offers",
        "variant": None,
        "contact_id": "1",
        "content": {"greeting": "Hello Ann", "cart": {"id": "cart-1"}},
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'{{ context.cart_value }}'", "129.90"),
        ("'worth {{ context.cart_value }}'", '"worth 129.90"'),
        ("'{{ context.cart_value | money: \"EUR\" }}'", '"€129.90"'),
        ("'{{ context.items }}'", '[{"title":"Jug","price":34.50}]'),
        ("'{{ context.items[0].price }}'", "34.50"),
        ("'{{ context.is_gift }}'", "false"),
        ("'{{ context.items | size }}'", "1"),
        ("'{{ context.coupon | default: \"\" }}'", '""'),
        ("3", "3"),
        ("-0.00000015", "-1.5e-7"),
        ("true", "true"),
        ("null", "null"),
        ("[1, '{{ context.cart_id }}']", '[1,"cart-1"]'),
        ("|\n  two\n  lines\n", '"two\\nlines\\n"'),
        ("2026-03-02", '"2026-03-02"'),
    ],
)
def test_a_value_stays_what_it_is(written: Written, source: str, expected: str) -> None:
    assert f'"content":{{"field":{expected}}}}}}}' in rendered(written(f"field: {source}"))


@pytest.mark.parametrize(
    ("source", "changes", "reason"),
    [
        ("a: '{{ context.coupon }}'", {}, "template order_desk needs context.coupon, which is not known"),
        ("a: 'Hi {{ contact.first_name }}'", {"profile": '{"first_name": " "}'}, "needs contact.first_name"),
        ("a: '{{ contact.first_name }}'", {"profile": '{"first_name": null}'}, "needs contact.first_name"),
        ("a: '{{ context.cart_value | money }}'", {}, "cannot be rendered"),
        ("a: '{% if %}'", {}, "is not valid Liquid"),
        ("a: [", {}, "is not valid YAML"),
        ("a text", {}, "holds no fields"),
        ("a: '{{ context.a }}'", {"context": "[1]"}, "holds no JSON object"),
        ("a: x", {"context": "{"}, "holds no JSON"),
    ],
)
def test_what_cannot_be_said_is_rejected_with_its_reason(
    written: Written, source: str, changes: dict[str, Any], reason: str
) -> None:
    channel = written(source)
    with pytest.raises(UnsendableError, match=reason):
        rendered(channel, **changes)


def test_what_somebody_calls_themselves_stays_a_text(written: Written) -> None:
    channel = written("a: '{{ contact.first_name }}'\nb: 'Hi {{ contact.first_name }}!'")
    for name in [*PAYLOADS, 'a "quote"', "two\nlines", "\\u0022}", "\x00\x1f"]:
        said = content(channel, profile=json.dumps({"first_name": name}))
        assert said == {"a": name, "b": f"Hi {name}!"}


def test_half_a_letter_is_rejected(written: Written) -> None:
    with pytest.raises(UnsendableError):
        rendered(written("a: '{{ contact.first_name }}'"), profile='{"first_name": "\\ud800"}')


def test_it_may_hold_the_links_of_a_message(written: Written) -> None:
    (link,) = content(written("leave: '{{ message.unsubscribe_url }}'")).values()
    assert link.startswith("https://")


def test_it_is_delivered_alone_and_in_batches(place: Place, written: Written, folder: Path) -> None:
    written("cart: '{{ context.cart_id }}'")
    for number, batch in enumerate((1, 10)):
        rows = [webhook_action(each, contact_id=each) for each in range(100 * number, 100 * number + 25)]
        write_outbox(place.outbox, rows, channel="webhook")
        endpoints = {"order_desk": Endpoint("order_desk", "https://hooks.shop.example", batch)}
        channels = {"webhook": partial(opened, webhook.open_channel, endpoints=endpoints)}
        with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
            account = place.deliver(1, webhooks=sandbox.url, templates=folder, channels=channels)
        assert account.accepted == 25
    received = list(webhooks(place.received))
    assert len(received) == 50
    for each in received:
        said = json.loads(each.body)["data"]
        assert each.is_signed
        assert said["content"] == {"cart": f"cart-{said['contact_id']}"}


def test_a_hold_shows_it(written: Written, folder: Path) -> None:
    written("cart: '{{ context.cart_id }}'")
    row = webhook_action(1)
    sample = sample_of(Action(**{name: row[name] for name in SCHEMA.names}), folder, NOW)
    assert '"content":{"cart":"cart-1"}' in sample.text
