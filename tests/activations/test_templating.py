"""MJML, blocks, languages, links and plain texts of templates."""

import json
import re
import shutil
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import Place, action, email_channel
from test_rendering import CARRIED, CONTEXT, LINKS, render

from activations.channels.face import UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import clicking, opening
from activations.settings.shop import read_shop
from activations.templating.checks import check_templates
from activations.templating.masking import Mask
from activations.templating.rendering import Rendered, Templates

COLUMN = "<mj-section><mj-column>{}</mj-column></mj-section>"
PRODUCT = {
    "title": "A jug",
    "price": 34,
    "url": "https://shop.example/p/jug",
    "image": "https://shop.example/p/jug.jpg",
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of templates with one that a test writes."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    (folder / "own").mkdir()
    (folder / "own" / "subject.liquid").write_text("Own")
    return folder


def write(folder: Path, body: str, **others: str) -> Templates:
    (folder / "own" / "body.mjml.liquid").write_text(COLUMN.format(body))
    for name, source in others.items():
        (folder / "own" / f"{name.replace('__', '.')}.liquid").write_text(source)
    return Templates(folder)


def shown(templates: Templates, locale: str | None = None, **context: Any) -> Rendered:
    return render(templates, contact={"first_name": "Zoë", "locale": locale}, context={**CONTEXT, **context})


def content(rendered: Rendered) -> str:
    """The plain text without what is below every message."""
    return rendered.text.partition("\n\n--\n")[0]


class Links(HTMLParser):
    """Where a page points, and the pictures on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.hrefs.append(given["href"] or "")
        if tag == "img":
            self.pictures.append(given)


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


def shown_as(templates: Templates, name: str, locale: str) -> Rendered:
    return render(templates, name, contact={"first_name": "Zoë", "locale": locale})


@pytest.mark.parametrize(
    ("locale", "says"),
    [
        ("de", "€ auf Deutsch 1.234,50\xa0€ am 16. März"),
        ("de-DE", "€ auf Deutsch 1.234,50\xa0€ am 16. März"),
        ("de-CH", "€ auf Deutsch EUR\xa01’234.50 am 16. März"),
        ("de_AT.UTF-8", "€ auf Österreichisch €\xa01.234,50 am 16. März"),
        ("DE-at", "€ auf Österreichisch €\xa01.234,50 am 16. März"),
        ("en-GB", "€ in English €1,234.50 on 16 March"),
        ("en-US", "€ in English €1,234.50 on March 16"),
        ("fr", "€ in English €1,234.50 on 16 March"),
        (None, "€ in English €1,234.50 on 16 March"),
        ("", "€ in English €1,234.50 on 16 March"),
        ("../de", "€ in English €1,234.50 on 16 March"),
        ("xx-YY", "€ in English €1,234.50 on 16 March"),
    ],
)
def test_a_reader_gets_their_language_and_their_way_with_numbers(own: Path, locale: str | None, says: str) -> None:
    numbers = "{{ context.cart_value | money: 'EUR' }} {} {{ context.offer_until | date: 'day' }}"

    def text(language: str, on: str) -> str:
        return f"€ {language} {numbers.replace('{}', on, 1)}"

    templates = write(
        own,
        f"<mj-text>{text('in English', 'on')}</mj-text>",
        subject__de="Eigenes",
        body__de__mjml=COLUMN.format(f"<mj-text>{text('auf Deutsch', 'am')}</mj-text>"),
        body__de_AT__mjml="",
        sms="{{ context.order_total | money: 'EUR' }} and",
        sms__de="{{ context.order_total | money: 'EUR' }} und",
    )
    (own / "own" / "body.de_AT.mjml.liquid").unlink()
    (own / "own" / "body.de-AT.mjml.liquid").write_text(
        COLUMN.format(f"<mj-text>{text('auf Österreichisch', 'am')}</mj-text>")
    )
    rendered = shown(Templates(own), locale)
    assert content(rendered) == says
    assert says in rendered.html
    is_german = "auf" in says
    assert rendered.subject == ("Eigenes" if is_german else "Own")
    assert ("Hier abmelden" in rendered.text) == is_german
    assert ("hier abmelden" in rendered.html) == is_german
    assert ('lang="de' in rendered.html) == is_german
    message = templates.render_sms("own", contact={"locale": locale}, context=CONTEXT, message=LINKS)
    assert message.splitlines()[0].endswith("und" if is_german else "and")
    assert ("Abmelden" in message) == is_german


def test_a_language_that_is_not_whole_is_not_mixed_with_another(own: Path) -> None:
    templates = write(own, "<mj-text>x</mj-text>", preheader__de="nur das")
    with pytest.raises(UnsendableError, match=r"own lacks subject\.de\.liquid"):
        shown(templates, "de")
    assert shown(templates, "fr").subject == "Own"
    assert check_templates(templates, {"own": ()}) == ["template own lacks subject.de.liquid."]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("day", "3. November"),
        ("month", "November 2025"),
        ("long", "3. November 2025"),
        ("short", "03.11.25"),
        ("%A, %-d. %b %Y %H:%M", "Montag, 3. Nov. 2025 09:00"),
    ],
)
def test_forms_of_dates(own: Path, form: str, says: str) -> None:
    source = f"<mj-text>{{{{ context.last_order_at | date: '{form}' }}}}</mj-text>"
    templates = write(own, source, subject__de="x", body__de__mjml=COLUMN.format(source))
    assert content(shown(templates, "de-DE")) == says


@pytest.mark.parametrize(
    ("value", "form"), [("yesterday", "day"), ("03/04/2026", "day"), ("now", "day"), ("2026-03-16", "dya")]
)
def test_what_is_no_date_is_not_guessed_at(own: Path, value: str, form: str) -> None:
    templates = write(own, f"<mj-text>{{{{ context.on | date: '{form}' }}}}</mj-text>")
    with pytest.raises(UnsendableError, match="own cannot be rendered"):
        shown(templates, on=value)


LIST = (
    "{% if context.products %}<mj-text>For you:</mj-text>{% for one in context.products %}<mj-text>"
    "{% render 'card', product: one, currency: 'EUR' %}</mj-text>{% endfor %}{% endif %}"
)


def with_card(own: Path, card: str) -> None:
    (own / "blocks" / "card.html.liquid").write_text(card)


def test_products_come_from_the_context_and_an_empty_list_leaves_no_frame(own: Path) -> None:
    with_card(own, "{{ product.title }} {{ product.price | money: currency }} {{ shop.name }}")
    templates = write(own, LIST)
    products = [PRODUCT, {**PRODUCT, "title": "A <b>towel</b>", "price": 5}]
    rendered = shown(templates, products=products)
    assert content(rendered).split("\n\n") == [
        "For you:",
        "A jug €34.00 Wren & Willow",
        "A <b>towel</b> €5.00 Wren & Willow",
    ]
    assert "A &lt;b&gt;towel&lt;/b&gt;" in rendered.html
    for nothing in ([], None, {}):
        assert shown(templates, products=nothing).text.startswith("--\nWren")


@pytest.mark.parametrize("missing", [None, "", " ", []])
def test_a_field_that_is_missing_deep_in_a_list_rejects_the_message(own: Path, missing: Any) -> None:
    with_card(own, "{{ product.title }}")
    templates = write(own, LIST)
    with pytest.raises(UnsendableError, match=r"own needs .*title"):
        shown(templates, products=[PRODUCT, {**PRODUCT, "title": missing}])


def test_a_list_that_must_be_there_rejects_the_message(own: Path) -> None:
    templates = write(own, "{% for one in context.products %}<mj-text>{{ one.title }}</mj-text>{% endfor %}")
    with pytest.raises(UnsendableError, match=r"own needs context\.products"):
        shown(templates, products=[])


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ("{{ contact.first_name }}", "card needs contact, which it is not given"),
        ("{{ one.title }}", "card needs one, which it is not given"),
        ("{{ prodcut.title }}", "card needs prodcut, which it is not given"),
        ("{% render 'card', product: product, currency: currency %}", "round in a circle"),
        ("{% render 'nowhere' %}", r"no blocks/nowhere\.mjml\.liquid"),
        ("{% if %}", "not valid Liquid"),
    ],
)
def test_a_block_sees_only_what_it_is_given(own: Path, card: str, why: str) -> None:
    with_card(own, card)
    with pytest.raises(UnsendableError, match=why):
        shown(write(own, LIST), products=[PRODUCT])


def test_the_blocks_that_come_along(own: Path) -> None:
    (own / "own" / "body.mjml.liquid").write_text(
        "{% render 'product', product: context.product, currency: 'EUR' %}"
        + COLUMN.format("{% render 'offer', code: 'X1' %}")
    )
    (own / "own" / "body.txt.liquid").write_text("{% render 'product', product: context.product, currency: 'EUR' %}")
    rendered = shown(Templates(own), product=PRODUCT)
    assert content(rendered) == "- A jug, €34.00\n  https://shop.example/p/jug"
    assert Links(rendered.html).pictures[0]["src"] == PRODUCT["image"]
    assert ">X1</p>" in rendered.html
    bare = shown(Templates(own), product={"title": "A jug", "url": PRODUCT["url"]})
    assert Links(bare.html).pictures == []


@pytest.mark.parametrize("template", ["cross_sell_suggestion", "cross_sell_upgrade"])
def test_a_message_draws_the_products_that_its_step_carries(template: str) -> None:
    context = {"bought_category": "kitchen", "goes_with": "bath", "order_id": "o1"}
    soap = {
        "place": 2,
        "product_id": "SKU 2",
        "title": "Soap",
        "currency": None,
        "url": None,
        "image": None,
        "price": 4,
    }
    templates = Templates(TEMPLATES)
    full, bare = (
        render(templates, template, context={**context, "products": products}) for products in ([PRODUCT, soap], None)
    )
    assert "- A jug, £34.00\n  https://shop.example/p/jug\n- Soap, £4.00\n  https://shop.example/p/SKU+2\n" in full.text
    links = Links(full.html)
    assert [picture["src"] for picture in links.pictures] == [PRODUCT["image"]]
    assert {"https://shop.example/p/jug", "https://shop.example/p/SKU+2"} <= set(links.hrefs)
    assert "/p/" not in bare.html + bare.text
    assert "\n\n\n" not in bare.text.strip()


def sent(place: Place, templates: Path = TEMPLATES, **changes: Any) -> tuple[EmailMessage, str, str]:
    channel = email_channel(place, templates=templates)
    row = Action(**action(1, **changes))
    message = message_from_bytes(channel.render(row, "<1@x>").content, EmailMessage, policy=policy.default)
    parts = [message.get_body((kind,)) for kind in ("html", "plain")]
    html, text = (str(part.get_content()) for part in parts if part is not None)
    return message, html, text


def setting(own: Path, **changes: str) -> Path:
    """Templates whose shop says something else."""
    path = own / "shop.yml"
    kept = [line for line in path.read_text().splitlines() if line.partition(":")[0] not in changes]
    path.write_text("\n".join([*kept, *(f"{name}: {value}" for name, value in changes.items())]))
    return own


def parameters(url: str) -> Mapping[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_links_lead_by_way_of_the_collector_and_say_where_the_reader_came_from(place: Place) -> None:
    _, html, text = sent(place, template="cart_reminder", variant="b")
    key = email_channel(place).profile.link_key
    hrefs, pictures = Links(html).hrefs, Links(html).pictures
    clicks = [clicking(href.rpartition("/")[2], key) for href in hrefs if "/c/" in href]
    home, cart = (click for click in clicks if click is not None)
    assert (home.position, cart.position) == (1, 2)
    assert home.target.startswith("https://shop.example/?utm_")
    assert cart.target.startswith("https://shop.example/cart/cart-1?utm_")
    assert parameters(cart.target) == {
        "utm_source": "hourbell",
        "utm_medium": "email",
        "utm_campaign": "abandoned_cart",
        "utm_content": "reminder/b",
    }
    assert cart.sent.action_id == action(1)["action_id"]
    # the text is for those who read where a link leads
    assert cart.target in text
    assert "/c/" not in text
    (pixel,) = pictures
    assert (pixel["width"], pixel["height"], pixel["alt"]) == ("1", "1", "")
    opened = opening((pixel["src"] or "").rpartition("/")[2], key)
    assert opened is not None
    assert opened.action_id == cart.sent.action_id
    assert html.rstrip().endswith("</body></html>")


def test_links_to_leave_are_left_alone(place: Place) -> None:
    message, html, text = sent(place, template="cart_reminder")
    unsubscribe = str(message["List-Unsubscribe"]).strip("<>")
    for link in (unsubscribe, *(href for href in Links(html).hrefs if "/preferences" in href)):
        assert link in Links(html).hrefs
        assert link in text
        assert "utm_" not in link
    assert sum("/c/" in href for href in Links(html).hrefs) == 2
    assert len(Links(html).hrefs) == 4


@pytest.mark.parametrize(
    ("target", "added"),
    [
        (
            "https://shop.example/a",
            "?utm_campaign=abandoned_cart&utm_content=reminder&utm_source=hourbell&utm_medium=email",
        ),
        ("https://shop.example/a?b=1", "&utm_campaign=abandoned_cart&"),
        ("https://www.shop.example/a", "?utm_campaign="),
        ("https://blog.shop.example", "/?utm_campaign="),
        ("https://shop.example.evil.example/a", ""),
        ("https://myshop.example/a", ""),
        ("https://other.example/a", ""),
        ("mailto:hello@shop.example", ""),
        ("tel:+441225000000", ""),
    ],
)
def test_only_links_to_our_own_site_are_told(own: Path, place: Place, target: str, added: str) -> None:
    write(own, f'<mj-button href="{target}">x</mj-button>')
    for templates in (setting(own, track="[]"),):
        _, html, text = sent(place, templates, template="own")
    href = Links(html).hrefs[1]
    assert href.startswith(target + added)
    assert (href == target) == (not added)
    assert href in text


def test_parameters_that_are_there_stay_and_the_place_on_the_page_too(own: Path, place: Place) -> None:
    target = "https://shop.example/a?utm_source=partner&amp;x=%20#reviews"
    write(own, f'<mj-button href="{target}">x</mj-button>')
    _, html, _ = sent(place, setting(own, track="[]", utm="{utm_source: news, utm_term: spring sale}"), template="own")
    href = Links(html).hrefs[1]
    assert href == (
        "https://shop.example/a?utm_source=partner&x=%20"
        "&utm_campaign=abandoned_cart&utm_content=reminder&utm_medium=email&utm_term=spring%20sale#reviews"
    )


@pytest.mark.parametrize(
    ("track", "kind", "clicks", "opens"),
    [
        ("[opens, clicks]", "promotional", 2, 1),
        ("[clicks]", "promotional", 2, 0),
        ("[opens]", "promotional", 0, 1),
        ("[]", "promotional", 0, 0),
        ("[opens, clicks]", "transactional", 0, 0),
        ("[opens, clicks, transactional]", "transactional", 2, 1),
    ],
)
def test_what_is_followed_up_is_what_the_shop_says(
    own: Path, place: Place, track: str, kind: str, clicks: int, opens: int
) -> None:
    _, html, _ = sent(place, setting(own, track=track), template="cart_reminder", topic_kind=kind)
    assert sum("/c/" in href for href in Links(html).hrefs) == clicks
    assert sum("/o/" in (picture["src"] or "") for picture in Links(html).pictures) == opens


def test_parameters_are_not_added_where_the_shop_wants_none(own: Path, place: Place) -> None:
    _, html, text = sent(place, setting(own, utm="false", track="[]"), template="cart_reminder")
    assert "utm_" not in html + text
    assert "https://shop.example/cart/cart-1" in Links(html).hrefs


@pytest.mark.parametrize(
    "line",
    ["utm: {source: x}", "utm: yes", "utm: {utm_source: 1}", "track: opens", "track: [clicsk]", "locale: german"],
)
def test_settings_of_links_are_checked(own: Path, line: str) -> None:
    name, _, value = line.partition(": ")
    with pytest.raises(HourbellError, match=f"`{name}`"):
        read_shop(setting(own, **{name: value}))


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
