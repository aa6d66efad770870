"""Whoever objected before a tick gets nothing in it: by a link in a mail, or by a word in a text."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import requests
from shop_history import NEXT, ShopHistory

from activations.delivery import TEMPLATES
from activations.links import message_links
from activations.outbox import Action
from activations.profile import Profile, SmtpServer
from activations.shop import read_shop
from dagster_project.tick import land
from dagster_project.warehouse import open_warehouse
from tests.collecting import Collecting, collecting
from tests.collector.text_posts import SECRETS, twilio_post

KEY = Profile("sandbox", SmtpServer("127.0.0.1", 0)).link_key
SHOP = read_shop(TEMPLATES)
AT = NEXT.end - timedelta(minutes=1)
SPELT = ("STOP", " stop ", "s t o p", "Quit!", "END", "revoke", "opt out", "OPT-OUT", "Cancel.", "UN\u200bSUBSCRIBE")

_OUTBOX = """
    select action_id, tick_end, workflow, step, enrollment_id, contact_id, kind, channel, address, template, topic,
        topic_kind, variant, locale, timezone, profile, context, send_after, expires_at
    from decisions.outbox
    where tick_end = $tick_end and kind = 'send' and channel = 'email'
    order by action_id
"""
_TEXTED = """
    select distinct address
    from eligibility.eligibility
    where channel = 'sms' and topic = 'offers' and is_consented
    order by address
"""


def sends(history: ShopHistory) -> list[Action]:
    """The mails that the tick has decided to send."""
    with open_warehouse(history.home, read_only=True) as connection:
        return [Action(*row) for row in connection.execute(_OUTBOX, {"tick_end": NEXT.end}).fetchall()]


def texted(history: ShopHistory) -> list[str]:
    """The numbers to which offers may be sent."""
    with open_warehouse(history.home, read_only=True) as connection:
        return [number for (number,) in connection.execute(_TEXTED).fetchall()]


def follow(at: Collecting, action: Action, method: str) -> None:
    link = message_links(SHOP, action, KEY)["unsubscribe_url"].replace(SHOP.tracking_url, at.url)
    answer = requests.request(method, link, data={"List-Unsubscribe": "One-Click"}, timeout=10)
    assert answer.status_code == 200


def text(at: Collecting, number: str, words: str, place: int) -> None:
    posted = twilio_post({"MessageSid": f"SM{place}", "From": number, "To": "+15005550006", "Body": words})
    path = posted.url.removeprefix(SHOP.tracking_url)
    assert requests.post(f"{at.url}{path}", data=posted.body, headers=dict(posted.headers), timeout=10).ok


def decided_after(history: ShopHistory, say: Callable[[Collecting], None]) -> ShopHistory:
    """The tick, after people have said something to the collector."""
    with collecting(history.home.root, now=lambda: AT, secrets=SECRETS) as at:
        say(at)
    land(history.home, NEXT)
    history.decide()
    return history


def keys(actions: Iterable[Action]) -> set[tuple[int | None, str | None]]:
    return {(action.contact_id, action.topic) for action in actions}


def test_who_objects_before_a_tick_gets_nothing_in_it(shop_history: ShopHistory, tmp_path: Path) -> None:
    usual = shop_history.copy(tmp_path / "usual")
    usual.decide()
    planned = sends(usual)
    promotional = [action for action in planned if action.topic_kind == "promotional"]
    leaving, staying = promotional[: len(promotional) // 2], promotional[len(promotional) // 2 :]
    numbers = texted(usual)
    stopping, other = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
    assert len(leaving) > 2
    assert len(stopping) > len(SPELT)

    def say(at: Collecting) -> None:
        for action in leaving:
            follow(at, action, "POST")
        for action in staying:
            # what protects their mailbox looks at the link
            follow(at, action, "GET")
        for place, number in enumerate(stopping):
            text(at, number, SPELT[place % len(SPELT)], place)
        for place, number in enumerate(other, start=len(stopping)):
            text(at, number, "When does the sale end?", place)

    after = decided_after(shop_history.copy(tmp_path / "after"), say)
    gone = keys(leaving)
    assert keys(sends(after)) & gone == set()
    assert keys(planned) - keys(sends(after)) == gone
    still = set(texted(after))
    assert still & set(stopping) == set()
    assert still == set(other)
