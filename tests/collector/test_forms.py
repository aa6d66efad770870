import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests
from collecting import NOW, Collecting, collecting
from rehearsal import action

from activations.collector.forms import read_forms
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import form_link
from activations.settings.profile import Profile, SmtpServer
from activations.settings.shop import read_shop

SHOP = read_shop(TEMPLATES)
KEY = Profile("sandbox", SmtpServer("127.0.0.1", 0)).link_key
FORMS = """
survey:
  title: A few questions
  ask: 2
  fields:
    - {name: first_name, label: "What's your name?"}
    - {name: email, label: Your address, type: email}
    - {name: favourite_room, label: Room, type: choice, options: [Kitchen, Garden]}
    - {name: birth_date, label: Birthday, type: date}
  consent: {topic: offers, channel: email, label: Offers by e-mail please}
"""


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def at(tmp_path: Path, clock: list[datetime]) -> Iterator[Collecting]:
    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATES, templates)
    with (templates / "forms.yml").open("a") as file:
        file.write(FORMS)
    with collecting(tmp_path, now=lambda: clock[0], templates=templates) as running:
        yield running


def asked(page: str) -> list[str]:
    """The names of the questions on a page, as people see it."""
    return [name for name in re.findall(r'<(?:input|select) id="(\w+)"', page) if name != "website"]


def ticket(page: str) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page)
    assert found
    return unescape(found[1])


def get(at: Collecting, path: str = "/f/survey", **headers: str) -> str:
    page = requests.get(f"{at.url}{path}", headers=headers, timeout=10)
    assert page.status_code == 200, page.text
    return page.text


def send(at: Collecting, page: str, path: str = "/f/survey", **fields: str) -> requests.Response:
    return requests.post(f"{at.url}{path}", data={"ticket": ticket(page), **fields}, timeout=10)


def mailed(at: Collecting, profile: str) -> str:
    """The path of a link to the form in a mail to somebody of whom so much is known."""
    link = form_link(SHOP, Action(**action(1, profile=profile)), KEY, "survey")
    return link.removeprefix(SHOP.tracking_url)


def test_a_visitor_is_asked_a_little_and_something_else_the_next_time(at: Collecting) -> None:
    page = get(at)
    assert asked(page) == ["first_name", "email"]
    thanks = send(at, page, first_name="Ann", email="Ann@Shop.example")
    assert thanks.status_code == 200
    cookie = thanks.headers["set-cookie"]
    assert cookie.startswith("hourbell_given=email.first_name;")
    assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Ann" not in cookie
    # no cookie says who somebody is: they say so each time
    assert asked(get(at, cookie=cookie.partition(";")[0])) == ["email", "favourite_room", "birth_date"]
    all_given = "hourbell_given=email.first_name.favourite_room.birth_date"
    assert asked(get(at, cookie=all_given)) == ["email"]


def test_who_comes_by_a_link_is_asked_for_what_they_have_not_given(at: Collecting) -> None:
    assert asked(get(at, mailed(at, '{"user_id": "u1", "first_name": "Ann"}'))) == ["favourite_room", "birth_date"]
    page = get(at, mailed(at, '{"user_id": "u1", "first_name": " ", "birth_date": "1990-01-01"}'))
    assert "person1" not in page
    assert "u1" not in unescape(page).replace(ticket(page), "")
    assert asked(get(at, mailed(at, '{"user_id": "u1", "first_name": null}'))) == ["first_name", "favourite_room"]
    link = mailed(at, '{"user_id": "u1"}')
    assert requests.get(f"{at.url}{link[:-1]}{'A' if link[-1] != 'A' else 'B'}", timeout=10).status_code == 400
    assert requests.get(f"{at.url}/f/nothing", timeout=10).status_code == 400


def test_what_is_sent_lands_as_events_and_a_ticked_box_as_consent(at: Collecting) -> None:
    page = get(at, mailed(at, '{"user_id": "u1", "first_name": "Ann"}'))
    assert send(at, page, favourite_room="Garden", birth_date="1990-05-31", agreed="yes").status_code == 200
    events = {row["type"]: row for row in at.rows("events")}
    assert events["identify"]["traits"] == {"favourite_room": "Garden", "birth_date": "1990-05-31"}
    assert (events["identify"]["user_id"], events["identify"]["email"]) == ("u1", "person1@example.com")
    assert events["identify"]["source"] == "form"
    assert events["track"]["event"] == "Form Submitted"
    assert events["track"]["properties"]["action_id"] == str(action(1)["action_id"])
    [consent] = at.rows("consents")
    assert (consent["user_id"], consent["email"], consent["channel"]) == ("u1", "person1@example.com", "email")
    assert (consent["topic"], consent["status"]) == ("offers", "granted")
    assert consent["evidence"] == "form survey: Offers by e-mail please"


def test_no_box_ticked_is_no_consent_and_sent_twice_is_once(at: Collecting, clock: list[datetime]) -> None:
    page = get(at)
    for _ in range(3):
        assert send(at, page, first_name="Ann", email="ann@shop.example").status_code == 200
        clock[0] += timedelta(minutes=1)
    assert at.rows("consents") == []
    assert len({row["message_id"] for row in at.rows("events")}) == 2


def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_kept(at: Collecting) -> None:
    page = get(at)
    wrong = send(at, page, first_name='"><b>Ann</b>', email="nobody")
    assert wrong.status_code == 422
    assert "That is no e-mail address." in wrong.text
    assert "without links" in wrong.text
    assert "<b>Ann" not in wrong.text
    assert "&lt;b&gt;Ann" in wrong.text
    assert wrong.text.count('aria-invalid="true"') == 2
    for fields in ({}, {"first_name": "A" * 300, "email": "a@shop.example"}, {"first_name": "Ann"}):
        assert send(at, page, **fields).status_code == 422
    room = get(at, mailed(at, '{"user_id": "u1", "first_name": "Ann"}'))
    assert send(at, room, favourite_room="Cellar", birth_date="1990-05-31").status_code == 422
    assert send(at, room, favourite_room="Garden", birth_date="soon").status_code == 422
    assert at.rows("events") == []
    # what is put right goes through, by the page that said what was wrong
    assert send(at, wrong.text, first_name="Ann", email="ann@shop.example").status_code == 200


def test_what_is_left_empty_is_not_given_and_is_asked_again(at: Collecting) -> None:
    sent = send(at, get(at), first_name=" ", email="ann@shop.example", agreed="yes")
    assert sent.headers["set-cookie"].startswith("hourbell_given=email;")
    assert next(row["traits"] for row in at.rows("events") if row["type"] == "identify") == {
        "email": "ann@shop.example"
    }
    assert len(at.rows("consents")) == 1
    assert asked(get(at, cookie="hourbell_given=email")) == ["email", "first_name", "favourite_room"]


def test_only_what_was_asked_is_taken(at: Collecting) -> None:
    page = get(at)
    send(at, page, first_name="Ann", email="ann@shop.example", favourite_room="Garden", user_id="u7", is_staff="yes")
    traits = next(row["traits"] for row in at.rows("events") if row["type"] == "identify")
    assert traits == {"first_name": "Ann", "email": "ann@shop.example"}
    assert all(row["user_id"] is None for row in at.rows("events"))


def test_programs_expired_pages_and_pages_of_others_leave_nothing(at: Collecting, clock: list[datetime]) -> None:
    page = get(at)
    trapped = send(at, page, first_name="Ann", email="ann@shop.example", website="https://spam.example")
    assert trapped.status_code == 200
    forged = ticket(page)[:-1] + ("A" if ticket(page)[-1] != "A" else "B")
    for seal in (forged, "", ticket(get(at, "/f/newsletter"))):
        data = {"ticket": seal, "first_name": "Ann", "email": "ann@shop.example"}
        assert requests.post(f"{at.url}/f/survey", data=data, timeout=10).status_code == 400
    clock[0] += timedelta(hours=25)
    late = send(at, page, first_name="Ann", email="ann@shop.example")
    assert late.status_code == 400
    assert "open for too long" in late.text
    assert at.rows("events") == at.rows("consents") == []


def test_a_double_opt_in_counts_when_the_address_has_said_so(at: Collecting, clock: list[datetime]) -> None:
    page = get(at, "/f/newsletter")
    assert send(at, page, "/f/newsletter", email="ann@shop.example", first_name="Ann", agreed="yes").status_code == 200
    assert at.rows("consents") == []
    requested = next(row for row in at.rows() if row["event"] == "Subscription Requested")
    link = requested["properties"]["confirm_url"].replace(SHOP.tracking_url, at.url)
    assert "shop.example" not in link.removeprefix(at.url)
    clock[0] += timedelta(days=2)
    shown = requests.get(link, timeout=10)
    assert "Yes, I agree" in shown.text
    assert at.rows("consents") == []
    for _ in range(2):
        assert requests.post(link, timeout=10).status_code == 200
    consent = at.rows("consents")[0]
    assert (consent["email"], consent["topic"], consent["status"]) == ("ann@shop.example", "newsletter", "granted")
    assert consent["occurred_at"] == NOW.isoformat()
    assert len({(row["email"], row["topic"], row["occurred_at"]) for row in at.rows("consents")}) == 1
    assert consent["evidence"].startswith("double opt-in: form newsletter at 2026-03-02")
    assert len({row["message_id"] for row in at.rows() if row["event"] == "Subscription Confirmed"}) == 1
    assert requests.post(link[:-1] + ("A" if link[-1] != "A" else "B"), timeout=10).status_code == 400
    clock[0] += timedelta(days=30)
    assert requests.post(link, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ("[1]", "defines no forms"),
        ("a: 1", "title and fields"),
        ("a: {title: A, fields: [{name: first_name, label: N}]}", "nobody could say who they are"),
        ("a: {title: A, fields: [{name: email, label: E}]}", "type email"),
        ("a: {title: A, ask: 3, fields: [{name: email, label: E, type: email}]}", "one or two"),
        ("a: {title: A, colour: red, fields: [{name: email, label: E, type: email}]}", "colour"),
        ("a: {title: A, fields: [{name: email, label: E, type: email}, {name: b, label: B, type: choice}]}", "options"),
        ("a: {title: A, fields: [{name: email, label: E, type: email}, {name: b, label: B, type: slider}]}", "slider"),
        (
            "a: {title: A, fields: [{name: email, label: E, type: email}], "
            "consent: {topic: offers, channel: sms, label: L}}",
            "address of it",
        ),
    ],
)
def test_forms_yml_is_checked(tmp_path: Path, stated: str, why: str) -> None:
    (tmp_path / "forms.yml").write_text(stated)
    with pytest.raises(HourbellError, match=why):
        read_forms(tmp_path)


def test_the_example_is_a_form_and_no_file_is_none(tmp_path: Path) -> None:
    forms: dict[str, Any] = read_forms(TEMPLATES)
    assert forms["newsletter"].consent.double_opt_in
    assert read_forms(tmp_path) == {}
