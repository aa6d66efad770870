"""Templates: what is put in stays data, and what is missing is never glossed over."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rehearsal import NOW, Place, action, email_channel, write_outbox

from activations import mime
from activations.channels.face import UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import message_links
from activations.sandbox.server import Sandbox
from activations.sandbox.store import Received, messages
from activations.templating.checks import check_templates
from activations.templating.rendering import Rendered, Templates

# what the steps of the workflows carry
CARRIED = {
    **dict.fromkeys(["welcome_hello", "welcome_story", "welcome_first_order"], ()),
    **dict.fromkeys(["cart_reminder", "cart_reassurance", "cart_incentive"], ("cart_id", "cart_value", "item_count")),
    **dict.fromkeys(
        ["post_purchase_thanks", "post_purchase_tips", "post_purchase_review"], ("order_id", "order_total", "currency")
    ),
    **dict.fromkeys(
        ["reengagement_we_miss_you", "reengagement_offer", "reengagement_goodbye"], ("last_order_at", "days_away")
    ),
    **dict.fromkeys(["browse_reminder", "browse_help"], ("product_id",)),
    **dict.fromkeys(["birthday_greeting", "birthday_reminder"], ("offer_until",)),
    **dict.fromkeys(["anniversary_thanks", "anniversary_treat"], ()),
    **dict.fromkeys(["feedback_survey", "feedback_review_request"], ("enrollment_id", "about")),
    **dict.fromkeys(["lead_guide", "lead_proof", "lead_offer", "lead_basics"], ("timezone",)),
    **dict.fromkeys(["lead_story", "lead_questions", "lead_invitation"], ("timezone", "was_engaged")),
    **dict.fromkeys(["subscription_reminder", "subscription_last_call", "subscription_win_back"], ("renews_on",)),
    **dict.fromkeys(["cross_sell_suggestion", "cross_sell_upgrade"], ("bought_category", "goes_with", "products")),
    **dict.fromkeys(["event_thanks", "event_recording", "event_next_step"], ("entry_key", "event_name")),
}
CONTEXT = {
    "cart_id": "c/1 2",
    "cart_value": 1234.5,
    "item_count": 3,
    "order_id": "A-17",
    "order_total": 20,
    "currency": "EUR",
    "last_order_at": "2025-11-03 09:00:00",
    "days_away": 91,
    "product_id": "p/1 2",
    "offer_until": "2026-03-16",
    "enrollment_id": 1_000_000_000_000_000_001,
    "about": "ticket",
    "timezone": "Europe/Berlin",
    "was_engaged": True,
    "renews_on": "2026-03-16",
    "bought_category": "kitchen",
    "goes_with": "textiles",
    "products": [{"title": "Two towels", "price": 22.5, "currency": "EUR", "url": "https://shop.example/p/towels"}],
    "entry_key": "e/1 2",
    "event_name": "Willow weaving",
}
LINKS = {"unsubscribe_url": "https://shop.example/u?a=1&b=2", "preferences_url": "https://shop.example/p"}


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(TEMPLATES)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of templates with one that a test writes."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    return folder


def write(folder: Path, subject: str = "s", html: str = "h", text: str = "t") -> None:
    (folder / "own").mkdir(exist_ok=True)
    for name, source in (("subject.liquid", subject), ("body.html.liquid", html), ("body.txt.liquid", text)):
        (folder / "own" / name).write_text(source)


def render(templates: Templates, name: str = "own", **fields: Any) -> Rendered:
    return templates.render(name, **{"contact": {"first_name": "Zoë"}, "context": CONTEXT, "message": LINKS, **fields})


def test_the_templates_need_what_their_steps_carry(templates: Templates) -> None:
    assert templates.names == sorted(CARRIED)
    assert check_templates(templates, CARRIED) == []


@pytest.mark.parametrize("name", sorted(CARRIED))
@pytest.mark.parametrize("first_name", ["Zoë", None])
def test_each_template_renders_with_what_it_is_given(templates: Templates, name: str, first_name: str | None) -> None:
    context = {field: CONTEXT[field] for field in CARRIED[name]}
    rendered = render(templates, name, contact={"first_name": first_name}, context=context)
    for part in (rendered.subject, rendered.text, rendered.html):
        assert "{" not in re.sub(r"<style.*?</style>", "", part, flags=re.DOTALL)
        assert "None" not in part
    assert "Hi ," not in rendered.text
    assert "Hi ," not in rendered.html
    if first_name:
        assert first_name in rendered.text
    for part, unsubscribe in ((rendered.text, LINKS["unsubscribe_url"]), (rendered.html, "u?a=1&amp;b=2")):
        assert unsubscribe in part
        assert "12 Mill Lane" in part
    assert len(rendered.subject) < 60


def test_what_belongs_to_an_order_has_no_link_to_unsubscribe(templates: Templates) -> None:
    rendered = render(templates, "post_purchase_thanks", message={"preferences_url": LINKS["preferences_url"]})
    assert "nsubscribe" not in rendered.text + rendered.html
    assert "€20.00" in rendered.text


@pytest.mark.parametrize(
    "name",
    [
        "{{ 7*7 }}",
        "{{7*7}}",
        "{% assign x = 1 %}",
        "{{ shop.sender }}",
        "<script>alert(1)</script>",
        "{{ contact }}",
        "'\"&",
    ],
)
def test_a_value_is_never_read_as_a_template_or_as_html(templates: Templates, name: str) -> None:
    rendered = render(templates, "welcome_story", contact={"first_name": name})
    assert f"Hi {name}," in rendered.text
    assert "49" not in rendered.text
    assert "<script>" not in rendered.html
    assert mime.one_line(name) in render(templates, "cart_incentive", contact={"first_name": name}).subject


@pytest.mark.parametrize(
    "source",
    [
        "{{ contact.__class__.__mro__ }}",
        "{{ shop.__init__.__globals__ }}",
        "{{ context.cart_id.__class__ }}",
        "{{ self }}",
        "{{ cycler.__init__ }}",
        "{{ ''.__class__ }}",
        "{% include '../shop.yml' %}",
        "{% render '/etc/passwd' %}",
    ],
)
def test_templates_run_no_code_and_read_no_files(own: Path, source: str) -> None:
    write(own, html=source)
    with pytest.raises(UnsendableError):
        render(Templates(own))


@pytest.mark.parametrize("blank", [{}, {"first_name": None}, {"first_name": ""}, {"first_name": " \n"}])
@pytest.mark.parametrize("place", ["subject", "html", "text"])
def test_a_missing_field_rejects_the_message_and_is_named(own: Path, place: str, blank: dict[str, Any]) -> None:
    write(own, **{place: "Hi {{ contact.first_name }},"})
    with pytest.raises(UnsendableError, match=r"own needs contact\.first_name"):
        render(Templates(own), contact=blank)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("{{ context.cart_valeu | money: shop.currency }}", "context.cart_valeu"),
        ("{{ context.order_total | money: context.coin }}", "context.coin"),
        ("{{ basket }}", "basket"),
        ("{% for line in context.lines %}{{ line }}{% endfor %}", "context.lines"),
        ("{{ context.no | upcase }}", "context.no"),
        ("{{ context.no | date: '%Y' }}", "context.no"),
    ],
)
def test_an_unknown_field_is_named(own: Path, source: str, field: str) -> None:
    write(own, text=source)
    templates = Templates(own)
    with pytest.raises(UnsendableError, match=re.escape(field)):
        render(templates)
    carried = {**CARRIED, "own": tuple(CONTEXT)}
    assert any(field in problem for problem in check_templates(templates, carried))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% if %}", "not valid Liquid"),
        ("{{ 'x' | shout }}", "shout"),
        ("{% if contact.first_name %}", "not valid Liquid"),
        ("{{ 'much' | money: 'EUR' }}", "no amount"),
        ("{% for a in (1..1000) %}{% for b in (1..1000) %}x{% endfor %}{% endfor %}", "loop"),
    ],
)
def test_a_broken_template_says_what_is_wrong(own: Path, source: str, why: str) -> None:
    write(own, html=source)
    with pytest.raises(UnsendableError, match=why):
        render(Templates(own))


def test_a_template_that_lacks_a_part_or_is_not_there(own: Path) -> None:
    write(own)
    (own / "own" / "subject.liquid").unlink()
    templates = Templates(own)
    with pytest.raises(UnsendableError, match=r"own lacks subject\.liquid"):
        render(templates)
    for name in ("nothing", "../templates/own", "layout", ""):
        with pytest.raises(UnsendableError, match="there is no template"):
            render(templates, name)
    assert check_templates(templates, {"nothing": ()}) == [
        "there is no template 'nothing'.",
        "template own lacks subject.liquid.",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("name: ''", "`name`"),
        ("sender: nobody", "`sender`"),
        ("sender: 'Shop <hello@shop.example>'", "`sender`"),
        ("url: http://shop.example", "`url`"),
        ("colour: green", "colour"),
        ('name: "a\\nb"', "`name`"),
        ("name: [", "YAML"),
    ],
)
def test_shop_yml_is_checked(own: Path, line: str, why: str) -> None:
    key = line.partition(":")[0]
    kept = [other for other in (own / "shop.yml").read_text().splitlines() if not other.startswith(f"{key}:")]
    (own / "shop.yml").write_text("\n".join([*kept, line]))
    with pytest.raises(HourbellError, match=why):
        Templates(own)


@pytest.mark.parametrize(
    "name",
    [
        "Ann\r\nBcc: all@example.com",
        "Ann\nBcc: all@example.com",
        "Ann\x0bBcc: x",
        "Ann\u2028Bcc: x",
        "Ann\x85Bcc: x",
        "A\x00B",
    ],
)
def test_a_line_break_in_a_name_adds_no_header(place: Place, sandbox: Sandbox, name: str) -> None:
    row = action(1, template="cart_incentive", profile=json.dumps({"first_name": name, "Bcc": "x@example.com"}))
    write_outbox(place.outbox, [row])
    assert place.deliver(sandbox).accepted == 1
    (message,) = messages(place.received)
    assert place.recipients() == {"person1@example.com": 1}
    assert sorted(message.email.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Feedback-ID",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "MIME-Version",
            "Content-Type",
        ]
    )
    assert message.subject == f"{mime.one_line(name)}, delivery of your cart is on us"


def test_a_message_has_both_parts_and_the_headers_that_bulk_mail_needs(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(1, template="welcome_hello", variant="short subject", topic="newsletter")])
    place.deliver(sandbox)
    (message,) = messages(place.received)
    assert message.subject == "Welcome"
    assert message.sender == "hello@shop.example"
    assert "Hello Ann" in message.text
    assert ">Hello Ann</h1>" in message.html
    # the picture by which it is seen that the mail was opened comes last
    assert re.search(r'<img src="https://links.shop.example/o/[\w-]+"[^>]*></body></html>\s*$', message.html)
    headers = message.email
    assert headers["From"] == "Wren & Willow <hello@shop.example>"
    assert headers["Date"].datetime.replace(tzinfo=None) == NOW
    assert headers["Message-ID"] == f"<{action(1)['action_id']}.hourbell@shop.example>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].strip("<>") in message.text
    assert (message.template, message.workflow, message.topic) == ("welcome_hello", "abandoned_cart", "newsletter")


def test_a_transactional_message_offers_no_unsubscribing(place: Place, sandbox: Sandbox) -> None:
    write_outbox(place.outbox, [action(1, topic="service", topic_kind="transactional")])
    place.deliver(sandbox)
    (message,) = messages(place.received)
    assert "List-Unsubscribe" not in message.email


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300)


@settings(deadline=None)
@given(subject=TEXT | st.text(" .\n\ré", max_size=200), text=TEXT | st.text(".\n\rx"), html=TEXT)
@example(subject="a\n.\nb", text="a\n.\nb", html=".")
@example(subject=f"{'a' * 70} .{'b' * 70} ..", text=f"{'a' * 75}.\r.", html="x")
def test_any_text_comes_out_of_the_bytes_as_it_went_in(subject: str, text: str, html: str) -> None:
    content = mime.email_bytes({"Subject": subject, "To": "a@example.com"}, text=text, html=html, boundary="=_x")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    # else the server would take what follows it for something else
    assert isinstance(content, mime.WithoutDots)
    assert not re.search(rb"^\.", content, re.MULTILINE)
    received = Received(1, "", "", "", "", "", "", NOW, content)

    def plain(part: str) -> str:
        return part.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")

    assert plain(received.text) == plain(text)
    assert plain(received.html) == plain(html)
    assert mime.one_line(received.subject) == mime.one_line(subject)
    assert sorted(received.email.keys()) == ["Content-Type", "MIME-Version", "Subject", "To"]


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("Ann@Example.COM", "Ann@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("käthe@example.com", None),
        ("ann", None),
        ("", None),
        (None, None),
        ("ann@example.com\r\nRCPT TO:<eve@example.com>", None),
        ("Ann <ann@example.com>", None),
        ("ann@example.com,eve@example.com", None),
    ],
)
def test_addresses(place: Place, address: str | None, wanted: str | None) -> None:
    channel = email_channel(place)
    if wanted is None:
        with pytest.raises(UnsendableError):
            channel.validate(address)
    else:
        assert channel.validate(address) == wanted


def test_links_are_signed(place: Place) -> None:
    channel = email_channel(place)

    def links_of(number: int) -> tuple[str, ...]:
        made = message_links(channel.templates.shop, Action(**action(number)), channel.profile.link_key)
        return tuple(made.values())

    assert len({links_of(1), links_of(2)}) == 2
    assert links_of(1) == links_of(1)
