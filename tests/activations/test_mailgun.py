"""E-mail through Mailgun: the same requests as its own client makes, and what its answers mean."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailgun.builders import MailgunMessageBuilder
from mailgun.client import Client
from mailing import MAIL_YML, deliver, live, rehearsed, rendered, templates_with
from rehearsal import NOW, Place

from activations.sandbox import mailgun as played
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import TOKEN, Reply
from activations.sandbox.webhooks import webhooks

DOMAIN = "mg.shop.example"


def form(content: bytes) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(content.decode(), strict_parsing=True).items()}


def built(said: dict[str, str]) -> dict[str, str]:
    """The same mail by the provider's own builder."""
    builder = MailgunMessageBuilder(said["from"]).add_recipient(said["to"]).set_subject(said["subject"])
    builder.set_text(said["text"]).set_html(said["html"]).set_idempotency_safe(safe=False)
    for name, value in said.items():
        if name.startswith("h:"):
            builder.add_custom_header(name[2:], value)
        elif name.startswith("v:"):
            builder.add_custom_variable(name[2:], value)
    return dict(builder.build()[0])


def test_the_providers_own_client_makes_the_same_request(place: Place, tmp_path: Path) -> None:
    deliver(place, "mailgun", 3)
    theirs = tmp_path / "theirs"
    mails = [built(form(rendered("mailgun", number).content)) for number in range(3)]
    with (
        HttpSandbox(theirs, now=lambda: NOW) as sandbox,
        Client(auth=("api", TOKEN), api_url=f"{sandbox.url}/mailgun") as client,
    ):
        answers = [client.messages.create(data=mail, domain=DOMAIN) for mail in mails]
    assert [answer.status_code for answer in answers] == [200] * 3
    ours, others = (list(webhooks(folder)) for folder in (place.received, theirs))
    assert sorted(each.body for each in ours) == sorted(each.body for each in others)
    for name in ("authorization", "content-type"):
        [said], [wanted] = ({_header(each.headers, name) for each in received} for received in (ours, others))
        assert said == wanted


def _header(headers: dict[str, str], name: str) -> str:
    return {known.lower(): value for known, value in headers.items()}[name]


# the first mail reads its template
@settings(deadline=None)
@given(name=st.text(max_size=40).filter(str.isprintable), number=st.integers(1, 2**62))
def test_its_builder_makes_the_same_of_every_mail(name: str, number: int) -> None:
    said = form(rendered("mailgun", action_id=number, profile=json.dumps({"first_name": name})).content)
    assert built(said) == said


def test_the_region_is_the_accounts(tmp_path: Path) -> None:
    opened = live("mailgun", templates_with(tmp_path, MAIL_YML))
    assert opened.url == "https://api.eu.mailgun.net/v3/mg.wren.shop/messages"
    assert rehearsed("mailgun").batch_size == 200


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(400, text='{"message": "to parameter is not a valid address"}'), "rejected"),
        (Reply(400, text='{"message": "from parameter is not a valid address"}'), "waiting"),
        (Reply(400, text='{"message": "Domain mg.shop.example is not allowed to send: it is disabled"}'), "waiting"),
        (Reply(402), "waiting"),
        (Reply(420), "waiting"),
        (Reply(401, text="Forbidden"), "waiting"),
        (Reply(429, {"Retry-After": "3600"}), "waiting"),
    ],
    ids=lambda value: f"{value.status} {value.text[13:17]}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, reply: Reply, part: str) -> None:
    account, _ = deliver(place, "mailgun", 1, lambda to: reply)
    assert getattr(account, part) == 1, account


def test_the_sandbox_refuses_what_mailgun_does() -> None:
    said = form(rendered("mailgun").content)

    def status(path: str = f"/mailgun/v3/{DOMAIN}/messages", **changes: str) -> int:
        known = {"authorization": "Basic YXBpOnNhbmRib3g="}
        return played.answer(path, known, urlencode({**said, **changes}).encode()).reply.status

    assert status() == 200
    assert [status(**{name: ""}) for name in ("from", "to")] == [400, 400]
    assert status(to="nobody") == 400
    assert status(text="", html="") == 400
    assert status(**{"v:long": "x" * 16_384}) == 400
    assert status("/mailgun/v2/messages") == 404
