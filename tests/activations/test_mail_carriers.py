"""E-mail by every provider that is called over HTTP: what it says, and what becomes of it."""

import json
from collections import Counter
from dataclasses import replace
from email import message_from_bytes, policy
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from mailing import HOSTS, MAIL_YML, deliver, live, mailed, rehearsed, rendered, templates_with
from rehearsal import NOW, Place, action, email_channel, write_outbox
from sqlalchemy import create_engine, text

from activations.channels.face import UnsendableError
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.sandbox.http import PROVIDERS, HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks

every_carrier = pytest.mark.parametrize("carrier", sorted(HOSTS))
# a message's id and the id for complaints are the providers' own where they do not take ours
OWN = {"Message-ID", "Message-Id", "Feedback-ID"}


def deliver_rows(place: Place, carrier: str, *rows: dict[str, Any]) -> None:
    write_outbox(place.outbox, rows)
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, carrier=carrier)
    assert account.accepted == len(rows)


@every_carrier
def test_a_mail_says_what_it_says_by_smtp(place: Place, carrier: str) -> None:
    names = ["Ann", "Jürgen & <b>Söhne</b>", "{{7*7}} {{{html}}} %recipient.x%", 'O\'Neil \\ "Q"']
    rows = [action(number, profile=json.dumps({"first_name": name})) for number, name in enumerate(names)]
    deliver_rows(place, carrier, *rows)
    received = sorted(mailed(place.received), key=lambda mail: mail.action_id)
    by_smtp = email_channel(place)
    for row, mail in zip(rows, received, strict=True):
        message_id = by_smtp.message_id(row["action_id"])
        wanted = message_from_bytes(by_smtp.render(Action(**row), message_id).content, policy=policy.default)
        assert (mail.recipient, mail.action_id) == (row["address"], str(row["action_id"]))
        assert parseaddr(mail.sender) == ("Wren & Willow", "hello@shop.example")
        assert mail.subject == wanted["Subject"]
        for said, kind in ((mail.text, "plain"), (mail.html, "html")):
            part = wanted.get_body((kind,))  # type: ignore[attr-defined]
            assert said.split() == part.get_content().split()
        assert {name: value for name, value in mail.headers.items() if name not in OWN} == {
            name: wanted[name] for name in ("List-Unsubscribe", "List-Unsubscribe-Post")
        }
        if "Feedback-ID" in mail.headers:
            assert mail.headers["Feedback-ID"] == wanted["Feedback-ID"]


@every_carrier
def test_a_mail_that_nobody_can_leave_has_no_link_for_it(place: Place, carrier: str) -> None:
    deliver_rows(place, carrier, action(1, topic="service", topic_kind="transactional"))
    [mail] = mailed(place.received)
    assert set(mail.headers) <= OWN


@every_carrier
def test_a_line_break_in_a_name_adds_no_header(place: Place, carrier: str) -> None:
    deliver_rows(place, carrier, action(1, profile=json.dumps({"first_name": "Ann\r\nBcc: all@example.com"})))
    [mail] = mailed(place.received)
    assert set(mail.headers) - OWN == {"List-Unsubscribe", "List-Unsubscribe-Post"}
    assert not any("\n" in part for part in (mail.subject, mail.sender, *mail.headers.values()))


@every_carrier
def test_the_same_action_gives_the_same_bytes(carrier: str) -> None:
    assert rendered(carrier) == rendered(carrier)
    assert rendered(carrier) != rendered(carrier, 2)


@every_carrier
def test_mails_are_known_by_the_providers_id_and_go_once(place: Place, carrier: str) -> None:
    account, calls = deliver(place, carrier, 120)
    assert (account.accepted, set(calls.values()), len(calls)) == (120, {1}, 120)
    with create_engine(place.journal_url).connect() as journal:
        recorded = journal.execute(text("select provider_message_id from journal")).scalars().all()
    # Mailgun takes our id of the message for its own
    assert {each.webhook_id.split(" ")[0] for each in webhooks(place.received)} == set(recorded)
    again, calls = deliver(place, carrier, 120, again=True)
    assert (again.already_settled, calls) == (120, Counter())


@every_carrier
def test_a_lost_answer_is_never_called_for_again(place: Place, carrier: str) -> None:
    account, calls = deliver(
        place, carrier, 20, lambda to: Reply(0) if any(each.startswith("person7@") for each in to) else None
    )
    lost = rehearsed(carrier).carrier.api.call_size  # type: ignore[attr-defined]
    assert account.unknown == min(20, lost)
    assert account.accepted == 20 - account.unknown
    again, more = deliver(place, carrier, 20, again=True)
    assert (again.already_settled, more, set(calls.values())) == (20, Counter(), {1})


@every_carrier
@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(400, text="{}"), "rejected"),
        (Reply(401), "waiting"),
        (Reply(429, {"Retry-After": "900"}), "waiting"),
        (Reply(503, {"Retry-After": "0"}), "failed"),
        (Reply(500), "unknown"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {' '.join(value.headers.values())}" if isinstance(value, Reply) else None,
)
def test_each_status_has_its_outcome(place: Place, carrier: str, reply: Reply, part: str) -> None:
    account, _ = deliver(place, carrier, 1, lambda to: reply)
    assert getattr(account, part) == 1, account


@every_carrier
def test_who_refuses_us_is_not_called_for_the_rest(place: Place, carrier: str) -> None:
    account, calls = deliver(place, carrier, 150, lambda to: Reply(401), batch_size=100)
    assert account.waiting == 150
    assert sum(calls.values()) <= 100
    assert deliver(place, carrier, 150, again=True)[0].accepted == 150


@every_carrier
def test_one_message_that_spoils_a_call_stays_alone(place: Place, carrier: str) -> None:
    def refuse(to: list[str]) -> Reply | None:
        return Reply(400, text='{"message": "not person33@example.com"}') if "person33@example.com" in to else None

    account, _ = deliver(place, carrier, 50, refuse)
    assert (account.accepted, account.rejected) == (49, 1)
    assert not any("person33@" in str(reason) for reason in account.reasons)
    assert Counter(mail.recipient for mail in mailed(place.received)) == {
        f"person{number}@example.com": 1 for number in range(50) if number != 33
    }


@every_carrier
def test_a_wrong_secret_is_refused_by_the_sandbox(carrier: str) -> None:
    path = f"/{carrier}{rehearsed(carrier).carrier.api.path}"  # type: ignore[attr-defined]
    refused = PROVIDERS[carrier](
        path, {"host": "127.0.0.1", "authorization": "Bearer wrong"}, rendered(carrier).content
    )
    assert refused.reply.status in (401, 403)
    assert (refused.message_id, refused.taken) == (None, ())
    assert PROVIDERS[carrier](f"{path}/more", {}, b"").reply.status == 404


@every_carrier
def test_a_live_carrier_shows_no_secret(tmp_path: Path, carrier: str) -> None:
    opened = live(carrier, templates_with(tmp_path, MAIL_YML))
    assert opened.url == f"https://{HOSTS[carrier]}{opened.api.path}"
    assert opened.provider == carrier
    assert "hush" in str(opened.api.headers(opened.url, b"")) or carrier in ("ses", "mailgun")
    assert "hush" not in repr(opened)


@every_carrier
def test_a_live_carrier_goes_only_to_a_host_that_is_allowed(tmp_path: Path, carrier: str) -> None:
    with pytest.raises(HourbellError, match=f"goes to {HOSTS[carrier]}, which is not in HOURBELL_ALLOWED_HOSTS"):
        live(carrier, templates_with(tmp_path, MAIL_YML), HOURBELL_ALLOWED_HOSTS="other.example")


@every_carrier
def test_a_live_carrier_wants_its_secret(tmp_path: Path, carrier: str) -> None:
    name = f"HOURBELL_TOKEN_{'SES_SECRET' if carrier == 'ses' else carrier.upper()}"
    with pytest.raises(HourbellError, match=name):
        live(carrier, templates_with(tmp_path, MAIL_YML), **{name: ""})


@pytest.mark.parametrize(
    ("carrier", "written", "told"),
    [
        ("postmark", None, "`postmark` with `promotional` and `transactional`"),
        ("postmark", "postmark: {promotional: news}", "`promotional` and `transactional` and nothing else"),
        (
            "postmark",
            "postmark: {promotional: My News, transactional: out}",
            "`promotional` of postmark must be the id",
        ),
        ("mailgun", "[x]", "must have `mailgun`, and under it `domain` and `region`"),
        ("mailgun", "mailgun: {domain: 'mg.wren.shop/v3', region: us}", "`domain` of mailgun must be a domain"),
        ("mailgun", "mailgun: {domain: mg.wren.shop, region: uk}", "`region` of mailgun must be us or eu"),
        ("mailgun", "mailgun: {domain: mg.shop.example, region: eu}", "still names the example domain"),
        ("ses", "ses: {region: Ireland}", "`region` of ses must be a region of Amazon's"),
        ("ses", "ses: {region: eu-west-1, tag: x}", "perhaps `configuration_set`, and nothing else"),
        ("ses", "ses: {region: eu-west-1, configuration_set: 7}", "must be the name of a configuration set"),
    ],
)
def test_settings_that_cannot_be_are_explained(tmp_path: Path, carrier: str, written: str | None, told: str) -> None:
    with pytest.raises(HourbellError, match=told):
        live(carrier, templates_with(tmp_path, written))


@every_carrier
def test_a_mail_larger_than_the_provider_takes_says_so(carrier: str) -> None:
    opened = rehearsed(carrier)
    api = opened.carrier.api  # type: ignore[attr-defined]
    assert {"mailgun": 25, "postmark": 10, "sendgrid": 30, "ses": 0}[carrier] == api.largest // 1_000_000
    small = replace(opened, carrier=replace(opened.carrier, api=replace(api, largest=3_000)))  # type: ignore[type-var]
    with pytest.raises(UnsendableError, match=rf"the mail has .* bytes, and {api.name} takes 3,000"):
        small.render(Action(**action(1)), "<1@shop.example>")


def test_amazon_counts_characters_too() -> None:
    with pytest.raises(UnsendableError, match=r"the mail has .* characters, and Amazon SES takes 262,144"):
        rendered("ses", profile=json.dumps({"first_name": "x" * 262_144}))
