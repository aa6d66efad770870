"""E-mail through Postmark: the same requests as its own client makes, and an answer for each message of a batch."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import postmark
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailing import MAIL_YML, deliver, live, rehearsed, rendered, templates_with
from rehearsal import NOW, Place
from sqlalchemy import create_engine, text

from activations.carriers.postmark import of_each
from activations.channels.face import Message
from activations.sandbox import postmark as played
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import TOKEN, Reply
from activations.sandbox.webhooks import webhooks

MESSAGES = [Message(number, f"<{number}@shop.example>", f"person{number}@example.com", b"{}") for number in range(3)]
TAKEN = {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a"}


async def send_by_its_client(url: str, mails: list[dict[str, Any]]) -> list[Any]:
    async with postmark.ServerClient(TOKEN, base_url=f"{url}/postmark", retries=0) as client:
        return await client.outbound.send_batch(mails)


def test_the_providers_own_client_makes_the_same_request(place: Place, tmp_path: Path) -> None:
    deliver(place, "postmark", 5)
    theirs = tmp_path / "theirs"
    mails = [json.loads(rendered("postmark", number).content) for number in range(5)]
    with HttpSandbox(theirs, now=lambda: NOW) as sandbox:
        answers = asyncio.run(send_by_its_client(sandbox.url, mails))
    assert all(answer.success for answer in answers)
    [ours, others] = ([json.loads(each.body) for each in webhooks(folder)] for folder in (place.received, theirs))
    for mail in others:
        # it always names the attachments, though there be none
        assert mail.pop("Attachments") == []
    assert ours == others == mails


def test_the_client_reads_what_the_sandbox_refuses_as_we_do(place: Place, tmp_path: Path) -> None:
    addresses = ["person0@example.com", "inactive@example.com", "person2@example.com"]
    mails = [json.loads(rendered("postmark", address=address).content) for address in addresses]
    raw = json.dumps(mails).encode()
    said = played.answer("/postmark/email/batch", {"x-postmark-server-token": TOKEN}, raw).reply.text
    messages = [Message(number, "", address, b"") for number, address in enumerate(addresses)]
    theirs = [postmark.models.outbound.SendResponse(**{"SubmittedAt": NOW, "To": "", "MessageID": "", **each})
              for each in json.loads(said)]  # fmt: skip
    assert [answer.status == "accepted" for answer in of_each(messages, said)] == [each.success for each in theirs]


@given(name=st.text(max_size=40).filter(str.isprintable), number=st.integers(1, 2**62))
def test_its_client_takes_every_mail(name: str, number: int) -> None:
    said = json.loads(rendered("postmark", action_id=number, profile=json.dumps({"first_name": name})).content)
    mail = postmark.Email(**said).model_dump(by_alias=True, exclude_none=True)
    assert mail == {**said, "Attachments": []}


def test_promotional_mail_has_a_stream_of_its_own() -> None:
    assert json.loads(rendered("postmark").content)["MessageStream"] == "broadcast"
    service = rendered("postmark", topic="service", topic_kind="transactional")
    assert json.loads(service.content)["MessageStream"] == "outbound"


def test_one_refused_recipient_is_not_the_end_of_the_others(place: Place) -> None:
    addresses = [f"person{number}@example.com" for number in range(40)]
    addresses[11], addresses[29] = "inactive11@example.com", "inactive29@example.com"
    account, calls = deliver(place, "postmark", addresses)
    assert (account.accepted, account.rejected, account.unknown) == (38, 2, 0)
    assert set(calls.values()) == {1}
    assert "inactive11@" not in str(account.reasons)
    assert any("406" in str(reason) for reason in account.reasons)
    with create_engine(place.journal_url).connect() as journal:
        kept = dict(journal.execute(text("select action_id, provider_message_id from journal")).tuples().all())
    ids = {each.webhook_id: json.loads(each.body)["Metadata"]["action_id"] for each in webhooks(place.received)}
    assert {known: str(number) for number, known in kept.items() if known} == ids
    again, more = deliver(place, "postmark", addresses, again=True)
    assert (again.already_settled, more) == (40, Counter())


def test_a_call_carries_five_hundred(place: Place) -> None:
    opened = rehearsed("postmark")
    assert (opened.batch_size, opened.push_size) == (500, 500)
    sizes: list[int] = []

    def note(to: list[str]) -> None:
        sizes.append(len(to))

    account, _ = deliver(place, "postmark", 1_050, note, batch_size=2_000)
    assert (account.accepted, sorted(sizes)) == (1_050, [50, 500, 500])


def test_a_call_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    opened = live("postmark", templates_with(tmp_path, MAIL_YML))
    large = [Message(number, "", "", b"x" * 9_000_000) for number in range(12)]
    assert [len(call) for call in opened._calls(large)] == [5, 5, 2]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (TAKEN, "accepted"),
        ({"Message": "Message accepted, but delivery may be delayed.", "MessageID": "b7bc2f4a"}, "accepted"),
        ({"ErrorCode": 300, "Message": "Invalid 'To' address"}, "rejected"),
        ({"ErrorCode": 406, "Message": "Inactive recipient"}, "rejected"),
        ({"ErrorCode": 100, "Message": "Maintenance"}, "retry"),
        ({"ErrorCode": 400, "Message": "Sender Signature not found"}, "postponed"),
        ({"ErrorCode": 412, "Message": "Account is pending"}, "postponed"),
        ({"ErrorCode": 1235, "Message": "The stream does not exist"}, "postponed"),
        ({"ErrorCode": None}, "in doubt"),
        ({"Message": "OK"}, "in doubt"),
        ({**TAKEN, "To": "another@example.com"}, "in doubt"),
        ("OK", "in doubt"),
    ],
)
def test_each_code_has_its_meaning(result: Any, status: str) -> None:
    answers = of_each(MESSAGES, json.dumps([TAKEN, result, TAKEN]))
    assert [answer.action_id for answer in answers] == [0, 1, 2]
    assert [answer.status for answer in answers] == ["accepted", status, "accepted"]


@pytest.mark.parametrize("said", ["", "{}", "[]", json.dumps([TAKEN] * 2), json.dumps([TAKEN] * 3)[:-9]])
def test_an_answer_that_leaves_one_out_is_in_doubt_for_all(said: str) -> None:
    assert {answer.status for answer in of_each(MESSAGES, said)} == {"in doubt"}


def test_what_is_wrong_with_the_account_leaves_the_rest_alone(place: Place) -> None:
    def pending(to: list[str]) -> Reply:
        refused = {"ErrorCode": 412, "Message": "Account is pending"}
        return Reply(200, text=json.dumps([TAKEN, *[refused] * (len(to) - 1)]))

    account, calls = deliver(place, "postmark", 200, pending)
    assert (account.accepted, account.waiting, sum(calls.values())) == (1, 199, 50)
    assert any("mend HOURBELL_TOKEN_POSTMARK" in str(reason) for reason in account.reasons)
    assert deliver(place, "postmark", 200, again=True)[0].accepted == 199


def test_the_sandbox_refuses_what_postmark_does() -> None:
    known, path = {"x-postmark-server-token": TOKEN}, "/postmark/email/batch"
    mail = json.loads(rendered("postmark").content)

    def codes(*mails: dict[str, Any]) -> list[int]:
        return [
            each["ErrorCode"] for each in json.loads(played.answer(path, known, json.dumps(mails).encode()).reply.text)
        ]

    assert codes(mail, {**mail, "To": "nobody"}, mail) == [0, 300, 0]
    assert codes({**mail, "From": ""}, {**mail, "TextBody": "", "HtmlBody": ""}) == [300, 300]
    assert codes({**mail, "Metadata": {"a name that is too long": "1"}}) == [300]
    assert played.answer(path, known, b"{").reply.status == 422
    assert played.answer(path, known, json.dumps([mail] * 501).encode()).reply.status == 422
