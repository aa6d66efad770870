"""Whoever objected before a tick gets nothing in it: by a link in a mail, or by a word in a text."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import provider_posts
import requests
from collecting import Collecting, collecting
from provider_posts import sendgrid_headers
from rehearsal import action
from shop_history import NEXT, ShopHistory
from text_posts import SECRETS, twilio_post

from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.links import click_link, message_links, open_link
from activations.settings.profile import Profile, SmtpServer
from activations.settings.shop import read_shop
from dagster_project.landing.load import load
from dagster_project.ticks.tick import land
from dagster_project.warehouse import open_warehouse
from data.contract import contract

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


_EARLIER = """
    select sent.action_id, reached.address
    from decisions.decisions as sent
    join eligibility.eligibility as reached using (contact_id, channel, topic)
    where sent.outcome = 'send' and sent.kind = 'send' and sent.channel = 'email' and sent.tick_end < $tick_end
    order by sent.tick_end desc, sent.action_id
    limit 5
"""
_MET_WITH = "select action_id, kind from marts.message_engagement where known_at = $at order by action_id, kind"


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


def import_again(history: ShopHistory, folder: Path) -> None:
    """What an export of all contacts would bring once more: who they are as of now, and what they once agreed to."""
    with open_warehouse(history.home, read_only=True) as connection:
        for table, changes in (("contacts", f"replace (timestamp '{AT}' as occurred_at)"), ("consents", "")):
            columns = ", ".join(contract(table).column_names)
            rows = f"select * {changes} from (select {columns} from raw.{table})"
            connection.execute(f"copy ({rows}) to '{folder / table}.parquet'")
    for table in ("contacts", "consents"):
        load(folder / f"{table}.parquet", history.home.landing, AT)


def decided_after(
    history: ShopHistory, say: Callable[[Collecting], None], then: Callable[[], None] = lambda: None
) -> ShopHistory:
    """The tick, after people have said something to the collector."""
    with collecting(history.home.root, now=lambda: AT, secrets={**provider_posts.SECRETS, **SECRETS}) as at:
        say(at)
    then()
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
        for mail in leaving:
            follow(at, mail, "POST")
        for mail in staying:
            # what protects their mailbox looks at the link
            follow(at, mail, "GET")
        for place, number in enumerate(stopping):
            text(at, number, SPELT[place % len(SPELT)], place)
        for place, number in enumerate(other, start=len(stopping)):
            text(at, number, "When does the sale end?", place)

    again = shop_history.copy(tmp_path / "after")
    # whoever is imported again, with what they once agreed to, has agreed to nothing since
    after = decided_after(again, say, lambda: import_again(again, tmp_path))
    gone = keys(leaving)
    assert keys(sends(after)) & gone == set()
    assert keys(planned) - keys(sends(after)) == gone
    with open_warehouse(after.home, read_only=True) as connection:
        assert connection.execute(
            "select table_name, count(*) > 100 from raw.landed_files join (select landing_file from raw.contacts "
            "union all select landing_file from raw.consents) using (landing_file) where landed_at_tick = $1 "
            "group by table_name order by table_name",
            [NEXT.start],
        ).fetchall() == [("consents", True), ("contacts", True)], "they were"
    still = set(texted(after))
    assert still & set(stopping) == set()
    assert still == set(other)


def test_what_providers_and_links_tell_is_what_the_marts_read(shop_history: ShopHistory, tmp_path: Path) -> None:
    with open_warehouse(shop_history.home, read_only=True) as connection:
        earlier = connection.execute(_EARLIER, {"tick_end": NEXT.start}).fetchall()
    (one, address), (two, _), (three, _), (four, four_address), (five, five_address) = earlier

    def event(name: str, action_id: int, **more: Any) -> dict[str, Any]:
        told = {"email": address, "sg_event_id": f"{name}/{action_id}", "action_id": str(action_id)}
        return {"event": name, "timestamp": int(AT.replace(tzinfo=UTC).timestamp()), **told, **more}

    def say(at: Collecting) -> None:
        body = json.dumps(
            [event("open", one), event("click", one), event("open", two, sg_machine_open=True), event("bounce", three)]
        ).encode()
        for _ in range(3):
            posted = requests.post(
                f"{at.url}/webhooks/sendgrid", data=body, headers=sendgrid_headers(body, AT), timeout=10
            )
            assert posted.ok
        read = Action(**action(1, action_id=four, address=four_address))
        for link in (open_link(SHOP, read, KEY), click_link(SHOP, read, KEY, SHOP.url, 1)):
            agent = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
            requests.get(link.replace(SHOP.tracking_url, at.url), headers=agent, timeout=10, allow_redirects=False)
        follow(at, Action(**action(1, action_id=five, address=five_address)), "POST")

    after = decided_after(shop_history.copy(tmp_path / "after"), say)
    with open_warehouse(after.home, read_only=True) as connection:
        found = connection.execute(_MET_WITH, {"at": AT}).fetchall()
    assert set(found) == {
        *((one, "opened"), (one, "clicked"), (two, "opened by machine"), (three, "bounced")),
        *((four, "opened"), (four, "clicked"), (five, "unsubscribed")),
    }
    assert len(found) == 7
