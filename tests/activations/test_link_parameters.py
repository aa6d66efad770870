"""Links lead by way of the collector, and say where the reader came from."""

from collections.abc import Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from rehearsal import Place, action, email_channel
from template_writing import Links, write

from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import clicking, opening
from activations.settings.shop import read_shop


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
