"""E-mail through Amazon SES: its own model and client make the same requests; each message has its answer."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as TheirCredentials
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from mailing import MAIL_YML, deliver, live, mailed, rendered, templates_with
from rehearsal import NOW, Place

from activations.carriers import ses
from activations.carriers.api import ApiCarrier
from activations.channels.face import Message
from activations.keys.aws_signing import Credentials, is_signed, signed_headers
from activations.sandbox import ses as played
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import TOKEN, Reply

MESSAGES = [Message(number, f"<{number}@shop.example>", f"person{number}@example.com", b"{}") for number in range(3)]
PATH = "/ses/v2/email/outbound-bulk-emails"
OURS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    return botocore.session.Session()


@pytest.fixture
def opened(tmp_path: Path) -> ApiCarrier:
    return live("ses", templates_with(tmp_path, MAIL_YML))


def call(opened: ApiCarrier, *messages: Message) -> dict[str, Any]:
    """What a call with these messages says."""
    return dict(json.loads(opened.api.together([message.content for message in messages])))


def client(session: botocore.session.Session, url: str, secret: str = TOKEN) -> Any:
    return session.create_client(
        "sesv2",
        region_name="eu-west-1",
        endpoint_url=f"{url}/ses",
        aws_access_key_id=TOKEN,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 1}, ignore_configured_endpoint_urls=True),
    )


def fault(session: botocore.session.Session, said: Mapping[str, Any]) -> str:
    """What Amazon's model of SendBulkEmail finds wrong."""
    shape = session.get_service_model("sesv2").operation_model("SendBulkEmail").input_shape
    return str(ParamValidator().validate(said, shape).generate_report())


# the first mail reads its template
@settings(deadline=None)
@given(name=st.text(max_size=40).filter(str.isprintable), number=st.integers(1, 2**62), topic=st.text(max_size=20))
def test_every_call_is_one_that_the_model_takes(
    session: botocore.session.Session, name: str, number: int, topic: str
) -> None:
    message = rendered("ses", action_id=number, workflow=topic, profile=json.dumps({"first_name": name}))
    entry = json.loads(message.content)
    assert fault(session, {"DefaultContent": {"Template": {}}, "BulkEmailEntries": [entry]}) == ""
    # what the model says in words, and the validator does not look at
    assert all(re.fullmatch("[A-Za-z0-9_-]*", tag["Value"]) for tag in entry["ReplacementTags"])
    assert all(header["Value"].isascii() and header["Value"].isprintable() for header in entry["ReplacementHeaders"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.pop("DefaultContent"),
        lambda said: said["BulkEmailEntries"][0].pop("Destination"),
        lambda said: said["BulkEmailEntries"][0].update(Tags=[]),
        lambda said: said["BulkEmailEntries"][0]["ReplacementHeaders"][0].pop("Value"),
        lambda said: said["DefaultContent"]["Template"]["TemplateContent"].update(Html=None),
    ],
    ids=["content", "recipient", "unknown", "header", "type"],
)
def test_the_model_would_see_what_is_wrong(
    session: botocore.session.Session, opened: ApiCarrier, spoil: Callable[[dict[str, Any]], None]
) -> None:
    said = call(opened, rendered("ses"))
    assert fault(session, said) == ""
    spoil(said)
    assert fault(session, said) != ""


def test_amazons_own_client_makes_the_same_request(
    session: botocore.session.Session, opened: ApiCarrier, place: Place
) -> None:
    messages = [rendered("ses", number) for number in range(3)]
    said = call(opened, *messages)
    made: list[Any] = []
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        theirs = client(session, sandbox.url)
        theirs.meta.events.register("before-send.sesv2.SendBulkEmail", lambda request, **_: made.append(request))
        answer = theirs.send_bulk_email(**said)
    assert [each["Status"] for each in answer["BulkEmailEntryResults"]] == ["SUCCESS"] * 3
    assert [mail.recipient for mail in mailed(place.received)] == [message.address for message in messages]
    [request] = made
    assert request.method == "POST"
    assert request.url == f"{sandbox.url}{PATH}"
    assert request.url.endswith(opened.api.path)
    assert json.loads(request.body) == said
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    plain = {"content-type": headers["content-type"]}
    ours = signed_headers(Credentials(TOKEN, TOKEN), "eu-west-1", "ses", request.url, plain, request.body, moment)
    assert ours["authorization"] == headers["authorization"]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_the_sandbox_believes_nobody_without_the_secret(
    session: botocore.session.Session, opened: ApiCarrier, place: Place
) -> None:
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox, pytest.raises(ClientError) as refused:
        client(session, sandbox.url, "another").send_bulk_email(**call(opened, rendered("ses")))
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    assert mailed(place.received) == []


@given(
    body=st.binary(max_size=200),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    session_token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,60}", fullmatch=True),
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    region=st.sampled_from(["eu-west-1", "us-east-1", "ap-southeast-2"]),
)
def test_the_signature_is_the_one_of_amazons_own_signer(
    body: bytes, secret: str, session_token: str | None, moment: datetime, region: str
) -> None:
    url = f"https://email.{region}.amazonaws.com/v2/email/outbound-bulk-emails"
    plain = {"content-type": "application/json"}
    ours = signed_headers(Credentials("AKIDEXAMPLE", secret, session_token), region, "ses", url, plain, body, moment)
    request = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
    signer = SigV4Auth(TheirCredentials("AKIDEXAMPLE", secret, session_token), "ses", region)
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if session_token:
        request.headers["X-Amz-Security-Token"] = session_token
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(f"Signature={signature}")
    assert f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}," in ours["authorization"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path, headers, body: (path, headers, body + b" "),
        lambda path, headers, body: ("/v2/email/outbound-emails", headers, body),
        lambda path, headers, body: (path, {**headers, "x-amz-date": "20260302T100001Z"}, body),
        lambda path, headers, body: (path, {**headers, "host": "email.us-east-1.amazonaws.com"}, body),
        lambda path, headers, body: (path, {**headers, "content-type": "text/plain"}, body),
        lambda path, headers, body: (path, {**headers, "authorization": ""}, body),
        lambda path, headers, body: (
            path, {**headers, "authorization": headers["authorization"].replace("/ses/", "/s3/")}, body
        ),
        lambda path, headers, body: (
            path, {**headers, "authorization": headers["authorization"].replace("host;", "")}, body
        ),
        lambda path, headers, body: (path, {name: headers[name] for name in headers if name != "host"}, body),
    ],
    ids=["body", "path", "date", "host", "type", "none", "service", "unsigned host", "no host"],
)  # fmt: skip
def test_a_signature_is_of_one_request_alone(spoil: Callable[..., Any]) -> None:
    path, body = "/v2/email/outbound-bulk-emails", b"{}"
    url = f"https://email.eu-west-1.amazonaws.com{path}"
    headers = signed_headers(OURS, "eu-west-1", "ses", url, {"content-type": "application/json"}, body, NOW)
    assert is_signed(OURS, "ses", path, headers, body)
    spoiled_path, spoiled_headers, spoiled_body = spoil(path, headers, body)
    assert not is_signed(OURS, "ses", spoiled_path, spoiled_headers, spoiled_body)
    assert not is_signed(Credentials(OURS.key, "another"), "ses", path, headers, body)


def test_a_call_says_all_that_a_mail_has(opened: ApiCarrier) -> None:
    said = call(opened, rendered("ses"))
    assert said["ConfigurationSetName"] == "hourbell"
    assert said["FromEmailAddress"] == "Wren & Willow <hello@shop.example>"
    [entry] = said["BulkEmailEntries"]
    assert {tag["Name"]: tag["Value"] for tag in entry["ReplacementTags"]} == {
        "action_id": "7000000000000000001",
        "ses:feedback-id-a": "cart_reassurance",
        "ses:feedback-id-b": "abandoned_cart",
    }
    headers = opened.api.headers(opened.url, b"{}")
    assert headers["x-amz-security-token"] == "lent-session"
    assert not {"hush", "lent"} & set(re.findall(r"\w+", repr(Credentials("key", "hush", "lent"))))
    assert "hush-ses" not in str(headers)


def test_one_refused_recipient_is_not_the_end_of_the_others(place: Place) -> None:
    addresses = [f"person{number}@example.com" for number in range(80)]
    addresses[11], addresses[70] = "rejected11@example.com", "rejected70@example.com"
    account, calls = deliver(place, "ses", addresses, batch_size=100)
    assert (account.accepted, account.rejected, account.unknown) == (78, 2, 0)
    assert set(calls.values()) == {1}
    assert "rejected11@" not in str(account.reasons)
    again, more = deliver(place, "ses", addresses, again=True)
    assert (again.already_settled, more) == (80, Counter())


def test_a_call_carries_fifty_and_no_more_than_it_may(place: Place, opened: ApiCarrier) -> None:
    sizes: list[int] = []

    def note(to: list[str]) -> None:
        sizes.append(len(to))

    deliver(place, "ses", 120, note, batch_size=200)
    assert sorted(sizes) == [20, 50, 50]
    large = [Message(number, "", "", b"x" * 240_000) for number in range(9)]
    assert [len(part) for part in opened._calls(large)] == [4, 4, 1]
    assert len(opened.api.together([message.content for message in large[:4]])) <= 1_000_000


def test_more_than_the_account_may_send_at_once_is_no_attempt(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ses, "_REST", 0.02)
    rounds: list[int] = []

    def three_a_call(to: list[str]) -> Reply:
        rounds.append(len(to))
        results = [{"Status": "SUCCESS", "MessageId": f"{len(rounds)}-{each}"} for each in range(len(to))]
        results[3:] = [{"Status": "ACCOUNT_THROTTLED", "Error": "Maximum sending rate exceeded."}] * len(to[3:])
        return Reply(200, text=json.dumps({"BulkEmailEntryResults": results}))

    account, _ = deliver(place, "ses", 30, three_a_call)
    # far more rounds than a message has attempts; how many share a round depends on how quick it is
    assert account.accepted == 30
    assert len(rounds) >= 10


def test_who_says_too_much_again_and_again_is_left_to_the_next_delivery(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ses, "_REST", 0.01)
    account, calls = deliver(place, "ses", ["throttled@example.com"])
    assert (account.waiting, calls.total()) == (1, 11)
    throttled = Reply(400, {"x-amzn-errortype": "ThrottlingException"}, '{"message": "Maximum sending rate exceeded."}')
    account, calls = deliver(place, "ses", 1, lambda to: throttled)
    assert (account.waiting, calls.total()) == (1, 11)


@pytest.mark.parametrize(
    ("kind", "message", "part"),
    [
        ("MessageRejected", "Message contains a virus", "rejected"),
        ("MessageRejected", "Email address is not verified.", "waiting"),
        ("BadRequestException", "Invalid", "rejected"),
        ("AccountSuspendedException", "", "waiting"),
        ("SendingPausedException:http://internal.amazon.com/coral/", "", "waiting"),
        ("MailFromDomainNotVerifiedException", "", "waiting"),
        ("LimitExceededException", "", "waiting"),
        ("ThrottlingException", "Daily message quota exceeded", "waiting"),
        ("RequestExpired", "", "waiting"),
    ],
)
def test_each_exception_has_its_outcome(place: Place, kind: str, message: str, part: str) -> None:
    reply = Reply(400, {"x-amzn-errortype": kind}, json.dumps({"message": message}))
    account, _ = deliver(place, "ses", 1, lambda to: reply)
    assert getattr(account, part) == 1, account


def test_every_status_of_the_model_has_a_meaning(session: botocore.session.Session) -> None:
    model = session.get_service_model("sesv2")
    assert set(ses._MEANINGS) == set(model.shape_for("BulkEmailStatus").enum)
    exceptions = {shape.name for shape in model.operation_model("SendBulkEmail").error_shapes}
    assert exceptions - ses._REFUSES_US - ses._TOO_MUCH == {"MessageRejected", "BadRequestException"}


@pytest.mark.parametrize(
    "said",
    ["", "{}", '{"BulkEmailEntryResults": []}', json.dumps({"BulkEmailEntryResults": [{"Status": "NEW"}, "", None]})],
)
def test_an_answer_that_says_too_little_is_in_doubt(said: str) -> None:
    assert {answer.status for answer in ses.of_each(MESSAGES, said)} == {"in doubt"}


def test_the_sandbox_refuses_what_ses_does(opened: ApiCarrier) -> None:
    entry = json.loads(rendered("ses").content)
    known = call(opened, rendered("ses"))

    def status(**changes: Any) -> int:
        body = json.dumps({**known, **changes}).encode()
        headers = signed_headers(
            Credentials(TOKEN, TOKEN), "eu-west-1", "ses", f"http://127.0.0.1{PATH}", {}, body, NOW
        )
        return played.answer(PATH, headers, body).reply.status

    assert status() == 200
    assert status(BulkEmailEntries=[entry] * 50) == 200
    assert status(BulkEmailEntries=[entry] * 51) == 400
    assert status(FromEmailAddress="") == 400
    assert status(DefaultContent={}) == 400
    assert status(BulkEmailEntries=[{**entry, "ReplacementTags": [{"Name": "a", "Value": "ü"}]}]) == 400
    assert status(BulkEmailEntries=[{**entry, "ReplacementHeaders": [{"Name": "X", "Value": "é"}]}]) == 400
