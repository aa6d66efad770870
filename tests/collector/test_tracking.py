from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from collecting import NOW, Collecting, collecting
from rehearsal import action, sms_action

from activations.collector.store import CollectedLog
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import click_link, open_link
from activations.settings.profile import Profile, SmtpServer
from activations.settings.shop import read_shop

SHOP = read_shop(TEMPLATES)
KEY = Profile("sandbox", SmtpServer("127.0.0.1", 0)).link_key
TARGET = "https://shop.example/sale?colour=red&utm_source=mail|x~'(1)#top"
PERSON = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}
APPLE, SCANNER = {"user-agent": "Mozilla/5.0"}, {"user-agent": "Mozilla/5.0 (compatible; Barracuda Sentinel)"}
MAIL = Action(**action(1))


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def at(tmp_path: Path, clock: list[datetime]) -> Iterator[Collecting]:
    with collecting(tmp_path, now=lambda: clock[0]) as running:
        yield running


def here(at: Collecting, link: str) -> str:
    return link.replace(SHOP.tracking_url, at.url)


def follow(at: Collecting, link: str, method: str = "GET", **headers: str) -> requests.Response:
    return requests.request(method, here(at, link), headers={**PERSON, **headers}, timeout=10, allow_redirects=False)


def test_an_open_is_told_of_by_a_dot(at: Collecting) -> None:
    dot = follow(at, open_link(SHOP, MAIL, KEY))
    assert dot.status_code == 200
    assert dot.headers["content-type"] == "image/gif"
    assert dot.headers["cache-control"] == "no-store"
    assert dot.content.startswith(b"GIF89a")
    assert dot.content[6:10] == b"\x01\x00\x01\x00"
    [event] = at.rows()
    assert (event["event"], event["type"], event["email"]) == ("Email Opened", "track", "person1@example.com")
    assert event["properties"]["action_id"] == str(MAIL.action_id)
    assert event["properties"]["machine_open"] is False


def test_a_machine_that_opens_is_told_apart(at: Collecting, clock: list[datetime]) -> None:
    link = open_link(SHOP, MAIL, KEY)
    for headers in (APPLE, SCANNER, {"user-agent": ""}, {"sec-purpose": "prefetch;anonymous-client-ip"}):
        clock[0] += timedelta(seconds=1)
        follow(at, link, **headers)
    assert [row["properties"]["machine_open"] for row in at.rows()] == [True] * 4


def test_a_click_leads_exactly_where_the_message_pointed(at: Collecting) -> None:
    led = follow(at, click_link(SHOP, MAIL, KEY, TARGET, 2))
    assert (led.status_code, led.headers["location"]) == (302, TARGET)
    assert led.headers["referrer-policy"] == "no-referrer"
    [event] = at.rows()
    assert (event["event"], event["email"]) == ("Email Link Clicked", "person1@example.com")
    wanted = {"action_id": str(MAIL.action_id), "link": TARGET, "position": 2, "topic": "offers"}
    assert wanted.items() <= event["properties"].items()


def test_a_click_in_a_text_message_is_one_of_a_text_message(at: Collecting) -> None:
    follow(at, click_link(SHOP, Action(**sms_action(2)), KEY, TARGET, 1))
    [event] = at.rows()
    assert (event["event"], event["phone"]) == ("SMS Link Clicked", "+447700900002")


def test_what_protects_a_mailbox_does_not_click(at: Collecting) -> None:
    link = click_link(SHOP, MAIL, KEY, TARGET, 1)
    assert follow(at, link, **SCANNER).headers["location"] == TARGET
    assert [row["event"] for row in at.rows()] == ["Email Link Scanned"]
    assert follow(at, link, method="HEAD").headers["location"] == TARGET
    assert follow(at, open_link(SHOP, MAIL, KEY), method="HEAD").status_code == 200
    assert len(at.rows()) == 1


def test_a_link_leads_nowhere_else(at: Collecting) -> None:
    """Neither by what is added to it, nor by one bit of it, nor by a seal of another kind."""
    link = click_link(SHOP, MAIL, KEY, TARGET, 1)
    for added in ("?u=https://evil.example", "?target=//evil.example", "#//evil.example"):
        assert follow(at, link + added).headers["location"] == TARGET
    before = len(at.rows())
    seal = link.rpartition("/")[2]
    others = [seal[:n] + ("A" if seal[n] != "A" else "B") + seal[n + 1 :] for n in range(0, len(seal), 7)]
    others += ["https:%2F%2Fevil.example", "", seal[:-1], seal + "A", open_link(SHOP, MAIL, KEY).rpartition("/")[2]]
    for other in others:
        refused = follow(at, link.removesuffix(seal) + other)
        assert refused.status_code in (400, 404), other
        assert "location" not in refused.headers
    assert len(at.rows()) == before


def test_what_is_asked_for_again_within_a_second_counts_once(at: Collecting, clock: list[datetime]) -> None:
    for _ in range(3):
        follow(at, open_link(SHOP, MAIL, KEY))
        follow(at, click_link(SHOP, MAIL, KEY, TARGET, 1))
        follow(at, click_link(SHOP, MAIL, KEY, TARGET, 2))
    assert len({row["message_id"] for row in at.rows()}) == 3
    clock[0] += timedelta(seconds=1)
    follow(at, open_link(SHOP, MAIL, KEY))
    assert len({row["message_id"] for row in at.rows()}) == 4


class FullLog(CollectedLog):
    """A disk that takes nothing."""

    def append(self, line: bytes) -> None:
        raise HourbellError("no room")


def test_people_get_where_they_want_to_also_while_the_disk_is_full(tmp_path: Path) -> None:
    with collecting(tmp_path, log=FullLog(tmp_path / "collected")) as at:
        assert follow(at, click_link(SHOP, MAIL, KEY, TARGET, 1)).headers["location"] == TARGET
        assert follow(at, open_link(SHOP, MAIL, KEY)).status_code == 200
