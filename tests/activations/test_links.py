import base64
import csv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from rehearsal import NOW, action, sms_action

from activations.addresses.channel_addresses import ADDRESS_OF
from activations.channels.face import UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.keys.seals import sealed, unsealed
from activations.links import (
    CLICK_PATH,
    OPEN_PATH,
    PARAMETER,
    choosing,
    click_link,
    clicking,
    message_links,
    open_link,
    opening,
    unsubscribing,
)
from activations.settings.shop import read_shop

KEY = b"a key of the tests"
SHOP = read_shop(TEMPLATES)
TARGET = "https://shop.example/sale?colour=red&size=40#top"


def of_page(link: str) -> str:
    return parse_qs(urlsplit(link).query)[PARAMETER][0]


def of_path(link: str, path: str) -> str:
    assert link.startswith(f"{SHOP.tracking_url}{path}")
    return link.removeprefix(f"{SHOP.tracking_url}{path}")


def test_addresses_are_those_of_the_registry_of_channels() -> None:
    seed = Path(__file__).resolve().parents[2] / "dbt" / "seeds" / "channels.csv"
    types = {row["channel"]: row["address_type"] for row in csv.DictReader(seed.open())}
    assert {channel: kind for channel, kind in types.items() if kind in ("email", "phone")} == ADDRESS_OF


def test_every_link_knows_what_it_is_about() -> None:
    mail, text = Action(**action(1)), Action(**sms_action(2))
    links = message_links(SHOP, mail, KEY)
    sent = unsubscribing(of_page(links["unsubscribe_url"]), KEY)
    assert sent == (mail.action_id, "email", "offers", "email", "person1@example.com")
    assert choosing(of_page(links["preferences_url"]), KEY) == (
        *(mail.action_id, "email", "offers"),
        *("u1", "person1@example.com", None),
        NOW.isoformat(),
    )
    assert opening(of_path(open_link(SHOP, mail, KEY), OPEN_PATH), KEY) == sent
    click = clicking(of_path(click_link(SHOP, mail, KEY, TARGET, 3), CLICK_PATH), KEY)
    assert click is not None
    assert click == (sent, TARGET, 3)
    texted = unsubscribing(of_page(message_links(SHOP, text, KEY)["unsubscribe_url"]), KEY)
    assert texted is not None
    assert texted[3:] == ("phone", "+447700900002")


def test_a_link_shows_no_address_and_is_the_same_whenever_it_is_rendered() -> None:
    made = {**message_links(SHOP, Action(**action(1)), KEY), "open": open_link(SHOP, Action(**action(1)), KEY)}
    again = {**message_links(SHOP, Action(**action(1)), KEY), "open": open_link(SHOP, Action(**action(1)), KEY)}
    assert made == again
    assert not any("person1" in link or "example.com" in link for link in made.values())


def test_whoever_has_no_address_on_the_channel_is_known_by_their_id() -> None:
    inbox = Action(**action(1, channel="in_app", address="17"))
    sent = opening(of_path(open_link(SHOP, inbox, KEY), OPEN_PATH), KEY)
    assert sent is not None
    assert sent[3:] == ("user_id", "u1")
    with pytest.raises(UnsendableError, match="nothing is known"):
        open_link(SHOP, Action(**action(1, channel="in_app", address="17", profile="{}")), KEY)


def test_one_bit_changed_is_refused() -> None:
    seal = of_path(click_link(SHOP, Action(**action(1)), KEY, TARGET, 1), CLICK_PATH)
    assert clicking(seal, KEY) is not None
    whole = base64.urlsafe_b64decode(seal + "=" * (-len(seal) % 4))
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        assert clicking(base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("="), KEY) is None
    for place in range(len(seal)):
        other = "A" if seal[place] != "A" else "B"
        assert clicking(seal[:place] + other + seal[place + 1 :], KEY) is None


@pytest.mark.parametrize("seal", ["", "=", "a", "é", "AAAA", "A" * 100_000, "../..", "%00"])
def test_what_is_no_seal_is_refused(seal: str) -> None:
    assert clicking(seal, KEY) is None


def test_a_seal_is_good_for_its_own_key_and_purpose_only() -> None:
    seal = of_path(open_link(SHOP, Action(**action(1)), KEY), OPEN_PATH)
    assert opening(seal, b"another key") is None
    assert unsubscribing(seal, KEY) is None
    assert choosing(seal, KEY) is None
    assert clicking(seal, KEY) is None


def test_letters_that_decode_alike_are_not_alike() -> None:
    for length in range(1, 12):
        seal = sealed("open", ["x" * length], KEY)
        alike = [seal[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        assert [other for other in alike if unsealed("open", other, KEY) is not None] == [seal]


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/sale",
        "shop.example",
        "https://",
        "https://user@shop.example",
        "https://shop.example\\@evil.example",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/a b",
        "ftp://shop.example",
        "https://[::1",
    ],
)
def test_a_link_points_to_a_page_only(target: str) -> None:
    with pytest.raises(UnsendableError, match="no address of a page"):
        click_link(SHOP, Action(**action(1)), KEY, target, 1)
