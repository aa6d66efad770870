"""Blocks that templates share, and the lists of products that they draw."""

from pathlib import Path
from typing import Any

import pytest
from template_writing import COLUMN, PRODUCT, Links, content, shown, write
from test_rendering import render

from activations.channels.face import UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.templating.rendering import Templates

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
