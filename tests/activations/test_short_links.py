"""Links in texts: short, followed up, and leading only where the message pointed."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from collecting import Collecting, collecting
from rehearsal import NOW, Place, push_action, sms_action, whatsapp_action, write_outbox

from activations.channels import push, sms, whatsapp
from activations.channels.face import Message, Setting, UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.dry_run import dry_run
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.sandbox.http import HttpSandbox
from activations.sandbox.webhooks import webhooks
from activations.settings.shop import read_shop
from activations.surfaces.erasure import erase_in_surfaces
from activations.surfaces.place import open_surfaces
from activations.surfaces.short_links import KEPT_FOR, ShortLinks, find

SHOP = read_shop(TEMPLATES)
SHORT = re.compile(re.escape(SHOP.tracking_url) + r"/l/(?P<token>[0-9A-Za-z]{11})(?![0-9A-Za-z])")
# as long as it may be for one part, of the letters that every telephone has
ONE_PART = 160
PERSON = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}
UTM = {
    "utm_source": "hourbell",
    "utm_medium": "sms",
    "utm_campaign": "abandoned_cart",
    "utm_content": "reminder",
}


def setting(place: Place, templates: Path = TEMPLATES) -> Setting:
    return Setting(place.profile(1, webhooks="http://127.0.0.1:1"), lambda: NOW, place.spool, templates)


def text(place: Place, templates: Path = TEMPLATES, **changes: Any) -> tuple[str, Message]:
    """What a text says, and its message."""
    action = Action(**sms_action(1, **changes))
    message = sms.open_channel(setting(place, templates)).render(action, "hourbell-1")
    return sms.text_of(message.content), message


def own_templates(folder: Path, **settings: str) -> Path:
    own = folder / "templates"
    shutil.copytree(TEMPLATES, own)
    kept = [line for line in (own / "shop.yml").read_text().splitlines() if line.partition(":")[0] not in settings]
    (own / "shop.yml").write_text("\n".join([*kept, *(f"{name}: {value}" for name, value in settings.items())]))
    return own


@pytest.fixture
def at(place: Place) -> Iterator[Collecting]:
    with collecting(place.root, data=place.root, profile=place.profile(1)) as running:
        yield running


def follow(at: Collecting, link: str, method: str = "GET") -> requests.Response:
    here = link.replace(SHOP.tracking_url, at.url)
    return requests.request(method, here, headers=PERSON, timeout=10, allow_redirects=False)


def sent_texts(place: Place, number: int = 3) -> list[str]:
    """Texts as they reached the sandbox."""
    write_outbox(place.outbox, [sms_action(each) for each in range(number)], channel="sms")
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        assert place.deliver(1, webhooks=sandbox.url).accepted == number
    return [parse_qs(received.body.decode())["Body"][0] for received in webhooks(place.received)]


def test_a_text_has_room_for_its_link_and_says_the_same_each_time(place: Place) -> None:
    said, message = text(place)
    assert len(SHORT.findall(said)) == 1
    assert len(said) <= ONE_PART
    assert "utm_" not in said
    [link] = message.links
    assert dict(parse_qsl(urlsplit(link.target).query)) == UTM
    assert link.target.startswith("https://shop.example/cart/cart-1?")
    assert text(place)[1] == message
    other, _ = text(place, action_id=2)
    assert other != said


def test_a_click_in_a_text_leads_where_it_pointed_and_counts(place: Place, at: Collecting) -> None:
    for number, said in enumerate(sent_texts(place)):
        found = SHORT.search(said)
        assert found is not None
        led = follow(at, found[0])
        assert led.status_code == 302
        assert led.headers["location"].startswith("https://shop.example/cart/cart-")
        assert dict(parse_qsl(urlsplit(led.headers["location"]).query)) == UTM
        assert follow(at, found[0], "HEAD").status_code == 302
        assert len(at.rows()) == number + 1
    assert {(row["event"], row["phone"]) for row in at.rows()} == {
        ("SMS Link Clicked", f"+447700900{number:03}") for number in range(3)
    }
    assert {row["properties"]["action_id"] for row in at.rows()} == {str(7 * 10**18 + number) for number in range(3)}


def test_a_link_that_was_made_up_leads_nowhere(place: Place, at: Collecting) -> None:
    found = SHORT.search(sent_texts(place, 1)[0])
    assert found is not None
    token = found["token"]
    others = [token[:nth] + ("A" if token[nth] != "A" else "B") + token[nth + 1 :] for nth in range(len(token))]
    for other in [*others, token[:-1], token + "0", token.swapcase(), "%27%20or%201=1--"]:
        refused = follow(at, f"{at.url}/l/{other}")
        assert refused.status_code in (400, 404), other
        assert "location" not in refused.headers
    assert at.rows() == []
    assert follow(at, f"{found[0]}?u=https://evil.example").headers["location"].startswith("https://shop.example/")


@pytest.mark.parametrize(
    ("track", "kind", "is_short"),
    [
        ("[opens, clicks, texts]", "promotional", True),
        ("[texts]", "promotional", True),
        ("[texts]", "transactional", False),
        ("[texts, transactional]", "transactional", True),
        ("[opens, clicks]", "promotional", False),
        ("[]", "promotional", False),
    ],
)
def test_the_shop_says_what_is_followed_up(place: Place, tmp_path: Path, track: str, kind: str, is_short: bool) -> None:
    said, message = text(place, own_templates(tmp_path, track=track), topic_kind=kind)
    assert bool(SHORT.search(said)) is bool(message.links) is is_short
    # what costs a part of the text is not added to it
    assert is_short or "in it: https://shop.example/cart/cart-1" in said
    assert "utm_" not in said


def test_a_shorter_domain_and_no_parameters(place: Place, tmp_path: Path) -> None:
    own = own_templates(tmp_path, short_url="https://wren.example/", utm="false")
    said, message = text(place, own)
    assert re.search(r" https://wren\.example/l/[0-9A-Za-z]{11}\n", said)
    assert [link.target for link in message.links] == ["https://shop.example/cart/cart-1"]
    own_templates(tmp_path / "other", short_url="http://wren.example")
    with pytest.raises(HourbellError, match="`short_url` must begin with https://"):
        read_shop(tmp_path / "other" / "templates")


def test_a_value_adds_no_link_and_ours_stay_as_they_are(place: Place, tmp_path: Path) -> None:
    own = own_templates(tmp_path)
    (own / "cart_reminder" / "sms.liquid").write_text(
        "{{ contact.first_name }} {{ message.unsubscribe_url }} {{ message.preferences_url }} {{ context.page | link }}"
    )
    said, message = text(
        place,
        own,
        profile=json.dumps({"first_name": "https://evil.example"}),
        context=json.dumps({"page": "https://shop.example/sale?colour=red"}),
    )
    assert said.startswith(f"https://evil.example {SHOP.unsubscribe_url}?m=")
    assert f" {SHOP.preferences_url}?m=" in said
    [link] = message.links
    assert link.target.startswith("https://shop.example/sale?colour=red&utm_")
    with pytest.raises(UnsendableError, match="no address of a page"):
        text(place, own, context=json.dumps({"page": "javascript:alert(1)"}))


def test_a_notification_leads_by_a_short_link(place: Place) -> None:
    said = push.open_channel(setting(place)).render(Action(**push_action(1)), "hourbell-1")
    assert SHORT.fullmatch(json.loads(said.content)["request"]["message"]["data"]["url"])
    [link] = said.links
    assert (link.identifier, link.value) == ("user_id", "u1")
    assert parse_qs(urlsplit(link.target).query)["utm_medium"] == ["push"]
    # of a device of which nothing else is known nothing can be told
    unknown = push.open_channel(setting(place)).render(Action(**push_action(1, profile="{}")), "hourbell-1")
    assert json.loads(unknown.content)["request"]["message"]["data"]["url"] == "https://shop.example/cart/cart-1"


def test_a_button_of_whatsapp_leads_by_the_end_of_a_short_link(place: Place, tmp_path: Path) -> None:
    own = own_templates(tmp_path)
    written = own / "cart_reminder" / "whatsapp.yml"
    written.write_text(
        written.read_text().replace('- url: "cart/', '- link: "{{ shop.url }}/cart/')
        + 'header: ["See https://shop.example/sale, {{ contact.first_name }}"]\n'
    )
    message = whatsapp.open_channel(setting(place, own)).render(Action(**whatsapp_action(1)), "hourbell-1")
    head, _, button = json.loads(message.content)["template"]["components"]
    assert button["sub_type"] == "url"
    assert [button["parameters"][0]["text"]] == [link.token for link in message.links if "/cart/" in link.target]
    assert SHORT.search(head["parameters"][0]["text"])
    assert len(message.links) == 2
    silent = own_templates(tmp_path / "silent", track="[]")
    shutil.copy(written, silent / "cart_reminder" / "whatsapp.yml")
    with pytest.raises(UnsendableError, match="`link` needs `texts`"):
        whatsapp.open_channel(setting(place, silent)).render(Action(**whatsapp_action(1)), "hourbell-1")


def test_a_dry_run_keeps_nothing_and_would_send_the_same(place: Place) -> None:
    write_outbox(place.outbox, [sms_action(1)], channel="sms")
    profile = place.profile(1, webhooks="http://127.0.0.1:1")
    runs = [dry_run(place.outbox, place.journal_url, spool=place.spool, profile=profile, now=NOW) for _ in range(2)]
    assert runs[0].sendings == runs[1].sendings
    assert len(runs[0].sendings) == 1
    assert not (place.received / "surfaces.sqlite").exists()


def test_a_link_is_kept_for_more_than_a_year_and_no_longer(place: Place) -> None:
    _, first = text(place)
    ShortLinks(setting(place)).keep([first])
    # delivered again, it is there once
    ShortLinks(setting(place)).keep([first])
    engine = open_surfaces(place.profile(1), place.root)
    token = first.links[0].token
    assert timedelta(days=365) < KEPT_FOR
    assert find(engine, token, NOW + KEPT_FOR - timedelta(seconds=1)) is not None
    assert find(engine, token, NOW + KEPT_FOR) is None
    later = replace(setting(place), now=lambda: NOW + KEPT_FOR)
    _, second = text(place, action_id=2)
    ShortLinks(later).keep([second])
    assert find(engine, token, NOW) is None
    assert find(engine, second.links[0].token, NOW + KEPT_FOR) is not None
    engine.dispose()


@pytest.mark.parametrize(
    ("ids", "identifiers"), [([7 * 10**18], []), ([], [("phone", "+447700900000")])], ids=["action", "number"]
)
def test_who_is_erased_is_in_no_link(
    place: Place, at: Collecting, ids: list[int], identifiers: list[tuple[str, str]]
) -> None:
    texts = sent_texts(place)
    assert erase_in_surfaces([place.profile(1)], place.root, ids, identifiers, now=NOW).links == 1
    led = [follow(at, found[0]).status_code for said in texts if (found := SHORT.search(said))]
    assert sorted(status == 302 for status in led) == [False, True, True]
    kept = [path.read_bytes() for path in place.received.glob("surfaces.sqlite*")]
    assert kept
    assert not any(b"+447700900000" in held for held in kept)
