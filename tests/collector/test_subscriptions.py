import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from collecting import NOW, Collecting, collecting
from rehearsal import action, sms_action

from activations.collector.choices import Choice, choices
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.keys.seals import sealed
from activations.links import Known, message_links
from activations.settings.profile import Profile, SmtpServer
from activations.settings.shop import read_shop
from activations.surfaces.place import open_surfaces
from activations.surfaces.standings import SHOWN_FOR, Standing, among, find, forget, is_empty, put
from activations.surfaces.tables import STANDINGS

SHOP = read_shop(TEMPLATES)
KEY = Profile("sandbox", SmtpServer("127.0.0.1", 0)).link_key
TOPICS = [
    {"topic": "newsletter", "kind": "promotional", "channel": None, "description": "News <and> stories"},
    {"topic": "offers", "kind": "promotional", "channel": None, "description": "Offers"},
    {"topic": "service", "kind": "transactional", "channel": None, "description": "What belongs to an order"},
    {"topic": "advertising", "kind": "promotional", "channel": "audience", "description": "Ads"},
]
CHANNELS = [{"channel": channel} for channel in ("email", "sms", "profile", "webhook", "audience", "crm")]
CHOICES = choices(TOPICS, CHANNELS)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(scope="module")
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def at(tmp_path: Path, clock: list[datetime]) -> Iterator[Collecting]:
    clock[0] = NOW
    with collecting(tmp_path, now=lambda: clock[0], choices=CHOICES) as running:
        yield running


def here(at: Collecting, link: str) -> str:
    """A link of a message, as it leads to this collector."""
    return link.replace("https://links.shop.example", at.url)


def links(row: dict[str, Any], at: Collecting) -> dict[str, str]:
    return {name: here(at, link) for name, link in message_links(SHOP, Action(**row), KEY).items()}


def counted(at: Collecting) -> tuple[int, int]:
    return len(at.rows("events")), len(at.rows("consents"))


def test_a_get_never_unsubscribes(at: Collecting) -> None:
    unsubscribe, preferences = (links(action(1), at)[f"{name}_url"] for name in ("unsubscribe", "preferences"))
    for link in (unsubscribe, f"{unsubscribe}&List-Unsubscribe=One-Click&what=all", preferences):
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            requests.request(method, link, data={**ONE_CLICK, "what": "nothing", "offers/email": "no"}, timeout=10)
        page = requests.get(link, timeout=10)
        assert page.status_code == 200
        assert '<form method="post">' in page.text
    assert counted(at) == (0, 0)


def test_a_post_of_a_mailbox_unsubscribes_with_no_login(at: Collecting) -> None:
    link = links(action(1), at)["unsubscribe_url"]
    assert requests.post(link, data=ONE_CLICK, timeout=10, allow_redirects=False).status_code == 200
    [consent] = at.rows("consents")
    assert {name: value for name, value in consent.items() if value is not None} == {
        "email": "person1@example.com",
        "channel": "email",
        "topic": "offers",
        "status": "withdrawn",
        "evidence": f"unsubscribe link of message {action(1)['action_id']}",
        "source": "preferences",
        "occurred_at": NOW.isoformat(),
        "loaded_at": NOW.isoformat(),
    }
    [event] = at.rows("events")
    assert (event["event"], event["email"]) == ("Unsubscribed From Topic", "person1@example.com")
    assert event["properties"]["action_id"] == str(action(1)["action_id"])


@pytest.mark.parametrize("body", ["form", "parts", "nothing"])
def test_a_post_unsubscribes_in_whatever_form_it_comes(at: Collecting, body: str) -> None:
    link = links(action(1), at)["unsubscribe_url"]
    bodies: dict[str, dict[str, Any]] = {
        "form": {"data": ONE_CLICK},
        "parts": {"files": {name: (None, value) for name, value in ONE_CLICK.items()}},
        "nothing": {},
    }
    assert requests.post(link, timeout=10, **bodies[body]).status_code == 200
    assert len(at.rows("consents")) == 1


def test_the_same_post_three_times_is_one_event(at: Collecting, clock: list[datetime]) -> None:
    link = links(action(1), at)["unsubscribe_url"]
    for _ in range(3):
        assert requests.post(link, data=ONE_CLICK, timeout=10).status_code == 200
        clock[0] += timedelta(minutes=1)
    assert len({row["message_id"] for row in at.rows("events")}) == 1
    # each is a wish of its own: whoever agreed again in between is out once more
    assert {row["status"] for row in at.rows("consents")} == {"withdrawn"}


def test_a_link_is_good_for_years(at: Collecting, clock: list[datetime]) -> None:
    link = links(action(1), at)["unsubscribe_url"]
    clock[0] += timedelta(days=1_000)
    assert requests.get(link, timeout=10).status_code == 200
    assert requests.post(link, data=ONE_CLICK, timeout=10).status_code == 200
    assert len(at.rows("consents")) == 1


def test_one_bit_changed_is_refused(at: Collecting) -> None:
    for name in ("unsubscribe_url", "preferences_url"):
        link = links(action(1), at)[name]
        changed = link[:-1] + ("A" if link[-1] != "A" else "B")
        for wrong in (changed, link[:-5], link.partition("?")[0], link.replace("m=", "n=")):
            for refused in (requests.get(wrong, timeout=10), requests.post(wrong, data=ONE_CLICK, timeout=10)):
                assert refused.status_code == 400
                assert "does not work" in refused.text
    # a seal of the one is not good for the other
    both = links(action(1), at)
    crossed = both["unsubscribe_url"].partition("?")[0] + "?" + both["preferences_url"].partition("?")[2]
    assert requests.post(crossed, data=ONE_CLICK, timeout=10).status_code == 400
    assert counted(at) == (0, 0)


def test_who_presses_the_button_for_all_gets_nothing_more_on_that_channel(at: Collecting) -> None:
    link = links(sms_action(2), at)["unsubscribe_url"]
    assert requests.post(link, data={"what": "all"}, timeout=10).status_code == 200
    [consent] = at.rows("consents")
    assert (consent["phone"], consent["channel"], consent["topic"]) == ("+447700900002", "sms", "all")
    assert [row["event"] for row in at.rows("events")] == ["SMS Unsubscribed"]


def test_pages_are_kept_safe_and_need_nothing_from_elsewhere(at: Collecting) -> None:
    for link in links(action(1), at).values():
        page = requests.get(link, timeout=10)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
        assert not re.search(r'(src|href|action)="(https?:)?//', page.text)
        assert "person1" not in page.text
        for part in ('lang="en"', 'name="viewport"', "<title>", "<main>", "<h1>"):
            assert part in page.text
    style = requests.get(f"{at.url}/pages.css", timeout=10)
    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_the_preference_centre_shows_topics_by_the_channels_that_reach_this_contact(at: Collecting) -> None:
    page = requests.get(links(action(1), at)["preferences_url"], timeout=10).text
    names = set(re.findall(r'name="([^"]+/[^"]+)"', page))
    # nobody knows this contact's number, and what belongs to an order is nothing to choose
    assert names == {"newsletter/email", "offers/email", "advertising/audience"}
    assert "News &lt;and&gt; stories" in page
    assert page.count('value="keep" checked') == 3
    assert "brought you here" in page
    with_phone = sms_action(1)
    page = requests.get(links(with_phone, at)["preferences_url"], timeout=10).text
    assert set(re.findall(r'name="([^"]+/[^"]+)"', page)) == {"newsletter/sms", "offers/sms", "advertising/audience"}


def test_what_is_chosen_is_stated_with_its_evidence_and_what_is_left_says_nothing(at: Collecting) -> None:
    link = links(action(1), at)["preferences_url"]
    form = {
        "what": "chosen",
        "newsletter/email": "yes",
        "offers/email": "no",
        "advertising/audience": "keep",
        "newsletter/sms": "yes",
        "service/email": "no",
        "all/all": "yes",
    }
    saved = requests.post(link, data=form, timeout=10)
    assert "It holds from now on" in saved.text
    assert 'value="yes" checked' in saved.text
    rows = {(row["channel"], row["topic"]): row for row in at.rows("consents")}
    # no number is known, orders are not asked about, and nobody agrees to everything
    assert {key: row["status"] for key, row in rows.items()} == {
        ("email", "newsletter"): "granted",
        ("email", "offers"): "withdrawn",
    }
    for row in rows.values():
        assert (row["user_id"], row["email"]) == ("u1", "person1@example.com")
        assert row["evidence"] == f"preference centre, by a link of message {action(1)['action_id']}"
    again = requests.post(link, data={"what": "chosen", "offers/email": "maybe"}, timeout=10)
    assert "Nothing was to be changed" in again.text
    assert len(at.rows("consents")) == 2


def test_who_wants_nothing_more_is_out_everywhere(at: Collecting) -> None:
    row = action(1, profile='{"user_id": "u1", "phone": "+447700900001"}')
    assert requests.post(links(row, at)["preferences_url"], data={"what": "nothing"}, timeout=10).status_code == 200
    [consent] = at.rows("consents")
    assert (consent["channel"], consent["topic"], consent["status"]) == ("all", "all", "withdrawn")
    assert {consent[name] for name in ("user_id", "email", "phone")} == {"u1", "person1@example.com", "+447700900001"}
    assert [event["event"] for event in at.rows("events")] == ["Unsubscribed"]


def test_a_form_that_cannot_be_read_or_has_no_end_is_refused(at: Collecting) -> None:
    link = links(action(1), at)["preferences_url"]
    for data in (b"\xff=\xff", b"a=" + b"b" * 100_000, "&".join(f"a{n}=b" for n in range(1000)).encode()):
        kind = {"content-type": "application/x-www-form-urlencoded"}
        assert requests.post(link, data=data, headers=kind, timeout=10).status_code in (400, 413)
    assert counted(at) == (0, 0)


def test_what_can_be_chosen_comes_from_the_registries() -> None:
    assert [choice.name for choice in CHOICES] == [
        "newsletter/email",
        "newsletter/sms",
        "offers/email",
        "offers/sms",
        "advertising/audience",
    ]
    assert Choice("offers", "sms", "Offers").channel_label == "Text message"


def drop_standings(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("drop table standings")


def no_database(database: Path) -> None:
    """As after a file system that has lost a part of the file."""
    content = database.read_bytes()
    database.write_bytes(b"x" * len(content))


@pytest.fixture
def known(tmp_path: Path, clock: list[datetime]) -> Iterator[Collecting]:
    """A collector beside which a tick has noted how a contact stands."""
    clock[0] = NOW
    profile = Profile("sandbox", SmtpServer("127.0.0.1", 0))
    engine = open_surfaces(profile, tmp_path)
    standing = Standing(
        1, "u1", "person1@example.com", None, ("newsletter/email", "advertising/audience"), NOW + SHOWN_FOR
    )
    put(engine, KEY, [standing], NOW)
    engine.dispose()
    with collecting(tmp_path, now=lambda: clock[0], choices=CHOICES, data=tmp_path) as running:
        yield running


def standing_of(at: Collecting, **changes: Any) -> dict[str, str]:
    page = requests.get(links(action(1, **changes), at)["preferences_url"], timeout=10).text
    found = re.findall(r'<legend class="of">(.*?)</legend>\s*<label><input type="radio" name="([^"]+)"', page)
    told = {name: re.search(r"you (get|do not get) this now", legend) for legend, name in found}
    return {name: said[1] for name, said in told.items() if said}


def test_a_fresh_link_shows_what_its_contact_gets_on_its_own_channel(known: Collecting) -> None:
    assert standing_of(known) == {"newsletter/email": "get", "offers/email": "do not get"}
    # nothing is ticked by itself: what was withdrawn meanwhile is not brought back by sending the page back
    page = requests.get(links(action(1), known)["preferences_url"], timeout=10).text
    assert page.count('value="keep" checked') == 3
    assert counted(known) == (0, 0)


def test_what_was_said_since_the_tick_is_shown_at_once(known: Collecting, clock: list[datetime]) -> None:
    row = action(1)
    clock[0] += timedelta(minutes=10)
    form = {"what": "chosen", "offers/email": "yes"}
    assert "you get this now" in requests.post(links(row, known)["preferences_url"], data=form, timeout=10).text
    assert standing_of(known) == {"newsletter/email": "get", "offers/email": "get"}
    clock[0] += timedelta(minutes=10)
    requests.post(links(action(1, topic="newsletter"), known)["unsubscribe_url"], data=ONE_CLICK, timeout=10)
    assert standing_of(known) == {"newsletter/email": "do not get", "offers/email": "get"}
    clock[0] += timedelta(minutes=10)
    requests.post(links(row, known)["preferences_url"], data={"what": "nothing"}, timeout=10)
    assert standing_of(known) == {"newsletter/email": "do not get", "offers/email": "do not get"}


def test_an_old_link_and_one_of_somebody_who_is_known_otherwise_show_nothing(
    known: Collecting, clock: list[datetime]
) -> None:
    for otherwise in (
        {"profile": '{"user_id": "u1", "phone": "+447700900001"}'},
        {"profile": '{"user_id": "u2"}'},
        {"address": "other@example.com"},
    ):
        assert standing_of(known, **otherwise) == {}
    # the channel by which it came is a text's
    assert standing_of(known, channel="sms", address="+447700900001") == {}
    sent = action(1)["send_after"]
    clock[0] = sent + SHOWN_FOR - timedelta(seconds=1)
    assert standing_of(known) != {}
    clock[0] = sent + SHOWN_FOR
    assert standing_of(known) == {}
    old = sealed("preferences", [1, "email", "offers", "u1", "person1@example.com", None], KEY)
    assert requests.get(f"{known.url}/preferences?m={old}", timeout=10).status_code == 200
    clock[0] = NOW
    assert "this now" not in requests.get(f"{known.url}/preferences?m={old}", timeout=10).text


@pytest.mark.parametrize("break_it", [drop_standings, no_database])
def test_where_the_database_fails_the_page_is_shown_without_it(
    known: Collecting, tmp_path: Path, caplog: pytest.LogCaptureFixture, break_it: Callable[[Path], None]
) -> None:
    """And what is chosen is kept, and said to be."""
    break_it(tmp_path / "sandbox" / "surfaces.sqlite")
    link = links(action(1), known)["preferences_url"]
    page = requests.get(link, timeout=10)
    assert page.status_code == 200
    assert page.text.count('value="keep" checked') == 3
    assert "this now" not in page.text
    saved = requests.post(link, data={"what": "chosen", "offers/email": "no"}, timeout=10)
    assert saved.status_code == 200
    assert "It holds from now on" in saved.text
    assert counted(known) == (0, 1)
    assert "does not show how they stand" in caplog.text
    assert "person1@example.com" not in caplog.text


def test_what_is_noted_says_nothing_without_the_key_and_goes_when_it_is_over(tmp_path: Path) -> None:
    engine = open_surfaces(Profile("sandbox", SmtpServer("127.0.0.1", 0)), tmp_path)
    people = [Standing(n, f"u{n}", f"person{n}@example.com", None, ("offers/email",), NOW + SHOWN_FOR) for n in (1, 2)]
    put(engine, KEY, people, NOW)
    held = b"".join(path.read_bytes() for path in (tmp_path / "sandbox").glob("surfaces.sqlite*"))
    assert b"person1" not in held
    assert b"offers" not in held
    fresh = Known(7, "email", "offers", "u1", "person1@example.com", None, NOW.isoformat())
    assert find(engine, KEY, fresh, NOW) == ({"offers/email"}, NOW)
    assert find(engine, b"another key of 16", fresh, NOW) is None
    # learnt anew in a later tick, and found by what they are known by since
    put(engine, KEY, [people[0]._replace(phone="+447700900001", allowed=(), shown_until=NOW)], NOW + timedelta(hours=1))
    assert find(engine, KEY, fresh, NOW) is None
    assert find(engine, KEY, fresh._replace(phone="+447700900001"), NOW) == (set(), NOW + timedelta(hours=1))
    assert among(engine, KEY, [1, 2, 3]) == [1, 2]
    assert forget(engine, KEY, [1]) == 1
    assert among(engine, KEY, [1, 2, 3]) == [2]
    put(engine, KEY, [], NOW + SHOWN_FOR)
    assert is_empty(engine)
    engine.dispose()


def test_many_who_choose_alike_are_noted_as_each_by_themselves(tmp_path: Path) -> None:
    people = [
        Standing(n, f"u{n}", None, "+447700900001" if n % 7 else None, ("offers/email",), NOW + n % 2 * SHOWN_FOR)
        for n in range(1_500)
    ]
    later = NOW + timedelta(hours=1)
    # those who are shown it for longer stay so
    changed = [person._replace(user_id=f"v{person.contact_id}", shown_until=later) for person in people]
    noted = []
    for name, size in (("at once", len(people)), ("in parts", 100)):
        engine = open_surfaces(Profile("sandbox", SmtpServer("127.0.0.1", 0)), tmp_path / name)
        for standings, as_of in ((people, NOW - timedelta(hours=1)), (changed[:1_000], NOW)):
            for start in range(0, len(standings), size):
                put(engine, KEY, standings[start : start + size], as_of)
        with engine.connect() as connection:
            noted.append(connection.execute(sa.select(STANDINGS).order_by(STANDINGS.c.contact)).all())
        assert among(engine, KEY, range(-600, 2_000)) == [n for n in range(1_500) if n < 1_000 or n % 2]
        assert [among(engine, KEY, few) for few in ([], [1_497, 1_499])] == [[], [1_497, 1_499]]
        engine.dispose()
    assert noted[0] == noted[1]
    assert {(row.as_of, row.removed_after) for row in noted[0]} == {
        (NOW, later),
        (NOW, NOW + SHOWN_FOR),
        (NOW - timedelta(hours=1), NOW + SHOWN_FOR),
    }
