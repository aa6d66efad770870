"""Surfaces that cannot be used keep nothing else from coming in."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from collecting import NOW, Collecting, collecting
from rehearsal import action

from activations.collector.choices import Choice
from activations.collector.engagement import TOPIC_LEFT
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.links import message_links
from activations.settings.environment import silent_profile
from activations.settings.shop import read_shop
from activations.surfaces.place import open_surfaces
from activations.surfaces.tables import SHORT_LINKS
from activations.surfaces.tokens import Viewer, contact_token

SHOP = read_shop(TEMPLATES)
KEY = silent_profile(Path(), {}).link_key
MAIL = Action(**action(1))
PERSON = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}
TRACKED = {"type": "track", "event": "Product Viewed", "messageId": "m1", "userId": "u1"}
LINK = {"token": "t1", "target": "https://shop.example/sale", "position": 1, "value": "+447700900001",
        "channel": "sms", "topic": "offers", "identifier": "phone"}  # fmt: skip


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def in_the_way(tmp_path: Path) -> Path:
    """What stands where the surfaces' file should."""
    folder = tmp_path / "sandbox" / "surfaces.sqlite"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def at(tmp_path: Path, clock: list[datetime]) -> Iterator[Collecting]:
    choices = [Choice("offers", "email", "Offers")]
    with collecting(tmp_path, now=lambda: clock[0], data=tmp_path, choices=choices) as running:
        yield running


def ask(link: str) -> requests.Response:
    return requests.get(link, headers=PERSON, timeout=10, allow_redirects=False)


def messages(at: Collecting, now: datetime) -> requests.Response:
    token = contact_token(Viewer(user_id="u1"), KEY, now + timedelta(hours=1))
    return requests.get(f"{at.url}/v1/in-app/messages", headers={"authorization": f"Bearer {token}"}, timeout=10)


def keep_link(tmp_path: Path) -> None:
    engine = open_surfaces(silent_profile(tmp_path / "sandbox", {}), tmp_path)
    with engine.begin() as connection:
        row = {**LINK, "action_id": MAIL.action_id, "removed_after": NOW + timedelta(days=400)}
        connection.execute(sa.insert(SHORT_LINKS).values(row))
    engine.dispose()


def test_what_needs_no_surfaces_comes_in_while_they_cannot_be_used(
    in_the_way: Path, at: Collecting, clock: list[datetime], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    links = message_links(
        replace(SHOP, unsubscribe_url=f"{at.url}/unsubscribe", preferences_url=f"{at.url}/preferences"), MAIL, KEY
    )
    assert at.post("/v1/track", TRACKED).status_code == 200
    assert ask(links["preferences_url"]).status_code == 200
    assert (
        requests.post(links["unsubscribe_url"], data={"List-Unsubscribe": "One-Click"}, timeout=10).status_code == 200
    )
    assert [row["event"] for row in at.rows()] == ["Product Viewed", TOPIC_LEFT]
    for refused in (messages(at, clock[0]), ask(f"{at.url}/l/t1")):
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert str(tmp_path) not in refused.text
    records = [*caplog.get_records("setup"), *caplog.records]
    [said] = [each for each in map(logging.LogRecord.getMessage, records) if "HOURBELL_SURFACES_URL" in each]
    assert str(tmp_path) in said
    # they come back without anything being begun anew
    in_the_way.rmdir()
    keep_link(tmp_path)
    assert messages(at, clock[0]).status_code == 503, "it is not tried at every request"
    clock[0] += timedelta(seconds=6)
    assert messages(at, clock[0]).json() == {"unread": 0, "messages": []}
    assert ask(f"{at.url}/l/t1").headers["location"] == LINK["target"]


def test_surfaces_that_fail_later_are_a_matter_of_asking_again(
    at: Collecting, clock: list[datetime], tmp_path: Path
) -> None:
    keep_link(tmp_path)
    assert ask(f"{at.url}/l/t1").status_code == 302
    with sa.create_engine(f"sqlite:///{tmp_path}/sandbox/surfaces.sqlite").begin() as connection:
        connection.execute(sa.text("alter table short_links rename to gone"))
    refused = ask(f"{at.url}/l/t1")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert str(tmp_path) not in refused.text
    assert at.post("/v1/track", TRACKED).status_code == 200
