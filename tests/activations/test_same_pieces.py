"""What is the same in every message is worked out once, and nothing of one message is ever in another."""

import gc
import json
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from rehearsal import Place, action, email_channel

from activations.channels.email import EmailChannel
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.links import is_page, opening, unsubscribing
from activations.settings.shop import read_shop
from activations.templating.tracking import tracking_of
from activations.texts import Same, Seal, Text, in_markup, pieces_of

KEY = b"k" * 32


def another_shop(folder: Path) -> Path:
    """Templates that say the same of another shop."""
    copytree(TEMPLATES, folder)
    stated = (folder / "shop.yml").read_text()
    (folder / "shop.yml").write_text(stated.replace("shop.example", "oak.example").replace("Wren & Willow", "Oak"))
    return folder


def read(channel: EmailChannel, number: int = 1, **changes: Any) -> EmailMessage:
    content = channel.render(Action(**action(number, **changes)), channel.message_id(number)).content
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def said(message: EmailMessage) -> str:
    """All that a message says, as it is read."""
    return "\n".join([*message.values(), *(part.get_content() for part in message.iter_parts())])


def test_two_shops_in_one_process_never_say_what_the_other_says(place: Place, tmp_path: Path) -> None:
    ours, theirs = email_channel(place), email_channel(place, templates=another_shop(tmp_path / "oak"))
    for number in (1, 2):
        for template in ("welcome_hello", "cart_reminder"):
            first, second = (said(read(channel, number, template=template)) for channel in (ours, theirs))
            assert "oak.example" not in first
            assert "Wren & Willow" in first
            assert "//shop.example" not in second
            assert "links.shop" not in second
            assert "Willow" not in second
            assert "https://oak.example" in second
            assert "links.oak.example/o/" in second


def test_what_differs_by_locale_topic_variant_and_step_is_that_of_the_message(place: Place) -> None:
    channel = email_channel(place)
    choices = list(product(("en-GB", "de"), ("offers", "newsletter"), ("short subject", None), ("one", "two")))
    for locale, topic, variant, step in [*choices, *reversed(choices)]:
        message = read(channel, template="welcome_hello", locale=locale, topic=topic, variant=variant, step=step)
        text = said(message)
        assert message["Subject"].startswith("Willkommen" if locale == "de" else "Welcome")
        assert (len(message["Subject"]) < 11) == (variant is not None)
        assert message["Feedback-ID"].split(":")[2] == topic
        assert (f"utm_content={step}/short%20subject&" if variant else f"utm_content={step}&") in text
        assert ("Hallo" in text) == (locale == "de")


def test_who_may_leave_is_told_so_and_nobody_else_is(place: Place) -> None:
    channel = email_channel(place)
    for kind in ("promotional", "transactional") * 2:
        message = read(channel, template="welcome_hello", topic_kind=kind)
        assert ("List-Unsubscribe" in message) == ("/unsubscribe?m=" in said(message)) == (kind == "promotional")
        assert "/preferences?m=" in said(message)


def test_each_message_has_the_seals_of_whoever_gets_it(place: Place) -> None:
    channel = email_channel(place)
    key = channel.profile.link_key
    for number in (1, 2, 1):
        message = read(channel, number, template="welcome_hello")
        link = message["List-Unsubscribe"].strip("<>")
        leaves = unsubscribing(link.partition("?m=")[2], key)
        assert leaves is not None
        assert leaves.value == f"person{number}@example.com"
        plain, html = (part.get_content().replace("\n", "") for part in message.iter_parts())
        assert link in plain
        assert link in html
        opened = opening(html.partition("/o/")[2].partition('"')[0], key)
        assert opened is not None
        assert opened.value == f"person{number}@example.com"


@pytest.mark.parametrize("name", ["Wren & Willow", "<title>", "Hello ", "there", "https://links.shop.example/o/", "."])
def test_a_value_that_says_what_a_constant_says_is_a_value(place: Place, name: str) -> None:
    channel = email_channel(place)
    for number in (1, 2):
        message = read(channel, number, template="welcome_hello", profile=json.dumps({"first_name": name}))
        plain, html = (part.get_content() for part in message.iter_parts())
        assert f"Hello {name}," in plain
        assert f"Hello {name.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</h1>" in html


def made_of_pieces() -> tuple[int, int]:
    """How many pieces there are that are the same in every message, and what is made of them."""
    gc.collect()
    pieces = [each for each in gc.get_objects() if isinstance(each, Same)]
    return len(pieces), sum(len(piece.made) for piece in pieces)


@pytest.mark.parametrize("template", ["welcome_hello", "cart_reminder"])
def test_what_is_kept_does_not_grow_with_the_messages(place: Place, template: str) -> None:
    channel = email_channel(place)

    def deliver(numbers: range) -> tuple[int, int]:
        for number in numbers:
            profile = json.dumps({"user_id": f"u{number}", "first_name": f"Ann {number}"})
            context = json.dumps({"cart_id": f"c{number}", "cart_value": number, "item_count": number})
            read(channel, number, template=template, profile=profile, context=context)
        return made_of_pieces()

    assert deliver(range(10, 20)) == deliver(range(20, 60))


def test_whatever_else_is_kept_is_kept_within_limits() -> None:
    modules = [module for name, module in sys.modules.items() if name.startswith("activations.") and module]
    kept = {f"{module.__name__}.{name}": each for module in modules for name, each in vars(module).items()}
    limits = {name: each.cache_info().maxsize for name, each in kept.items() if hasattr(each, "cache_info")}
    assert len(limits) > 20
    assert [name for name, limit in limits.items() if limit is None] == []


def test_a_text_keeps_its_pieces_and_what_they_are() -> None:
    text = Text((Same("<a>"), "<b>", Seal("c-_")))
    assert text == "<a><b>c-_"
    assert in_markup(text) == ["&lt;a&gt;", "&lt;b&gt;", "c-_"]
    assert [type(piece) for piece in in_markup(text)] == [Same, str, Seal]
    assert in_markup(text)[0] is in_markup(text)[0]
    assert pieces_of("<b>") == ("<b>",)


def test_no_key_is_shown_by_what_makes_links() -> None:
    links = tracking_of(read_shop(TEMPLATES), Action(**action(1)), KEY)
    assert links.click is not None
    assert links.pixel
    assert KEY.decode() not in repr(links) + repr(links.click)


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        ("https://shop.example", True),
        ("HTTP://shop.example:8080/a?b=c#d", True),
        ("https://shop.example?a@b", True),
        ("https://[::1]/", True),
        ("https://ann@shop.example", False),
        ("https://ann:word@shop.example/", False),
        ("https://", False),
        ("https:///a", False),
        ("https://:80/", False),
        ("https://[::1/", False),
        ("https:shop.example", False),
        ("ftp://shop.example", False),
        ("https://shop.example/a b", False),
        ("https://shop.example/ä", False),
        ("https://shop.example/\\a", False),
        ("https://shop.example/\n", False),
        ("https://shop.example/\x7f", False),
        (" https://shop.example", False),
        ("", False),
    ],
)
def test_a_link_leads_to_pages_and_nowhere_else(target: str, is_one: bool) -> None:
    assert is_page(target) is is_one
