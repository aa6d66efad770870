"""MJML, plain texts, and Liquid wherever there is room for it."""

import json
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import Place, action, email_channel
from template_writing import Links, content, shown, shown_as, write
from test_rendering import CARRIED, LINKS, render

from activations.channels.face import UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.templating.masking import Mask
from activations.templating.rendering import Templates


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_a_mail_asks_nobody_for_anything(name: str) -> None:
    rendered = render(Templates(TEMPLATES), name)
    assert not re.search(r"<link|@import|url\(|<script", rendered.html)
    hosts = set(re.findall(r"//([\w.-]+)", rendered.html))
    assert hosts <= {"shop.example", "www.w3.org"}
    assert "<mj-" not in rendered.html
    assert re.search(r'<h1 style="[^"]*font-size', rendered.html.replace("\n", " "))
    assert "@media" in rendered.html


def test_liquid_may_stand_wherever_mjml_has_room_for_it(own: Path) -> None:
    (own / "own" / "body.mjml.liquid").write_text(
        "{% if context.item_count > 2 %}<mj-section><mj-column>{% for one in context.lines %}"
        "<mj-text>{{ one }} {% unless forloop.last %}and{% endunless %}</mj-text>{% endfor %}"
        '<mj-button href="{% if context.item_count > 2 %}https://shop.example/many{% endif %}">'
        "Go {{ context.days_away }}</mj-button></mj-column>{% if context.nothing %}<mj-column>"
        "<mj-text>never</mj-text></mj-column>{% endif %}"
        "</mj-section>{% else %}<mj-section><mj-column><mj-text>few</mj-text></mj-column></mj-section>{% endif %}"
        "{% comment %} a < b {% endcomment %}<mj-section><mj-column><mj-text>{% raw %}{{ as it is }}{% endraw %}"
        " &#123;{ 7 }}</mj-text></mj-column></mj-section>"
    )
    rendered = shown(Templates(own), lines=["x<y", "z"])
    assert "x&lt;y and" in rendered.html
    assert "never" not in rendered.html
    assert "few" not in rendered.html
    assert "{{ as it is }} {{ 7 }}" in rendered.html
    assert "https://shop.example/many" in Links(rendered.html).hrefs
    assert content(rendered) == "x<y and\n\nz\n\nGo 91: https://shop.example/many\n\n{{ as it is }} {{ 7 }}"
    assert "few" in shown(Templates(own), lines=[], item_count=1).html


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<mj-text>", "not valid MJML"),
        ("<mj-nothing></mj-nothing>", "not valid MJML"),
        ("<mj-text>{% if %}</mj-text>", "not valid Liquid"),
        ('<mj-social><mj-social-element name="facebook">x</mj-social-element></mj-social>', "would ask"),
        ('<mj-text><a href="javascript:alert(1)">x</a></mj-text>', "which is no address"),
    ],
)
def test_mjml_that_cannot_be_used(own: Path, body: str, why: str) -> None:
    templates = write(own, body)
    with pytest.raises(UnsendableError, match=f"template own .*{why}"):
        shown(templates)


def test_the_text_is_made_of_the_mail_where_there_is_none(own: Path) -> None:
    templates = write(
        own,
        "<mj-text><h1>Hello {{ contact.first_name }}</h1>"
        "<p>one<br>two &amp; three, <a href='https://shop.example/a'>here</a>."
        f"</p><ul><li>{'long words ' * 12}</li><li>short</li></ul></mj-text>"
        "{% if context.nothing %}<mj-text>x</mj-text>{% endif %}"
        "<mj-image src='https://shop.example/x.jpg' alt='' /><mj-table><tr><td>Jug</td><td>34</td></tr></mj-table>"
        "<mj-button href='{{ context.url }}'>Buy</mj-button>",
    )
    rendered = shown(templates, url="https://shop.example/b c")
    assert content(rendered).split("\n") == [
        "Hello Zoë",
        "",
        "one",
        "two & three, here (https://shop.example/a).",
        "",
        "- " + ("long words " * 7).strip(),
        "  " + ("long words " * 5).strip(),
        "- short",
        "",
        "Jug 34",
        "",
        "Buy: https://shop.example/b%20c",
    ]
    assert "12 Mill Lane" in rendered.text
    assert LINKS["unsubscribe_url"] in rendered.text


def test_every_language_of_every_template_has_a_text_with_its_links() -> None:
    templates = Templates(TEMPLATES)
    for name in templates.names:
        for locale in templates.locales(name):
            rendered = shown_as(templates, name, locale)
            text = rendered.text
            for href in Links(rendered.html).hrefs[1:]:
                assert href in text, (name, locale)
            assert len(content(rendered)) > 80, (name, locale)
            assert "<" not in text


def test_the_same_action_gives_the_same_bytes(place: Place) -> None:
    row = Action(**action(1, template="cart_reminder", locale="de", profile=json.dumps({"first_name": "Jörg"})))
    first, second = (email_channel(place).render(row, "<1@x>").content for _ in range(2))
    assert first == second
    assert (
        "Dein Warenkorb" in message_from_bytes(first, EmailMessage, policy=policy.default).as_string()
        or b"Warenkorb" in first
    )


def test_a_template_in_html_has_its_styles_in_place(own: Path) -> None:
    (own / "own" / "body.html.liquid").write_text('<h1>Hi</h1><p><a class="button" href="{{ shop.url }}">x</a></p>')
    html = render(Templates(own)).html
    assert re.search(r'<h1[^>]*style="[^"]*font-size: 26px', html)
    assert re.search(r'class="button"[^>]*style="[^"]*background: #2f6b4f', html)
    assert ".button {" not in html
    assert "prefers-color-scheme" in html


PIECES = (
    "{{ a }}",
    "{% if a > 1 %}",
    "{% endif %}",
    "{% raw %}{{ x }}{% endraw %}",
    "zq0z",
    "<p>",
    "<!-- x -->",
    "{",
    "}",
    "a < b",
)


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_liquid_that_is_put_out_of_the_way_comes_back(source: str) -> None:
    mask = Mask(source)
    assert mask.restored(mask.source) == source
