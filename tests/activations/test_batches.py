"""The CRM and the audiences of ad platforms, over real HTTP: batches, taken apart where a part is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, Place, action, write_outbox

from activations.account import DeliveryAccount
from activations.channels import audience, crm
from activations.channels.face import Setting
from activations.delivery import TEMPLATES
from activations.errors import HourbellError
from activations.hashing import hashed_email, hashed_phone
from activations.profile import live_profile
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks

CHANNELS = {"crm": crm.open_channel, "audience": audience.open_channel}
HASHES = Path(__file__).resolve().parents[3] / "shared" / "data" / "ad_audience_hashing.json"
LIVE = {
    "HOURBELL_PROFILE": "live",
    "HOURBELL_SMTP_URL": "smtp://mail.shop.example",
    "HOURBELL_ALLOWED_HOSTS": "mail.shop.example,crm.shop.example",
    "HOURBELL_LINK_KEY": "a secret of the tests",
}


def update(number: int, field: str = "stage", value: Any = "customer", **changes: Any) -> dict[str, Any]:
    return action(
        number,
        **{
            "kind": "update_crm",
            "channel": "crm",
            "template": None,
            "profile": json.dumps({"email": f"person{number}@example.com"}),
            "context": json.dumps({"crm": "crm", "field": field, "value": value}),
            **changes,
        },
    )


def membership(number: int, kind: str = "join_audience", **changes: Any) -> dict[str, Any]:
    return action(
        number,
        **{
            "kind": kind,
            "channel": "audience",
            "template": None,
            "profile": json.dumps({"email": f"Person{number}@Example.com", "phone": "+44 844 412 4653"}),
            "context": json.dumps({"audience": "lapsed_buyers"}),
            **changes,
        },
    )


def deliver(
    place: Place, rows: list[dict[str, Any]], before: Callable[[str], Reply | None] | None = None
) -> DeliveryAccount:
    write_outbox(place.outbox, rows, channel=rows[0]["channel"])
    with HttpSandbox(place.received, now=lambda: NOW, before=before) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url, channels=CHANNELS)
    assert account.adds_up
    return account


def bodies(place: Place) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in webhooks(place.received)]


def answers(*statuses: int) -> Callable[[str], Reply | None]:
    """A reply to each call in turn; 200 keeps it."""
    waiting = list(statuses)

    def script(_: str) -> Reply | None:
        status = waiting.pop(0) if waiting else 200
        return None if status == 200 else Reply(status)

    return script


def test_a_crm_is_told_of_a_hundred_contacts_at_once(place: Place) -> None:
    account = deliver(place, [update(number) for number in range(250)])
    assert account.accepted == 250
    received = list(webhooks(place.received))
    assert [call.endpoint for call in received] == ["crm/crm"] * 3
    assert [len(body["inputs"]) for body in bodies(place)] == [100, 100, 50]
    assert bodies(place)[0]["inputs"][7] == {
        "idProperty": "email",
        "id": "person7@example.com",
        "properties": {"stage": "customer"},
    }
    assert {call.headers["Authorization"] for call in received} == {"Bearer sandbox"}
    assert len({call.webhook_id for call in received}) == 3
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        assert place.deliver(1, webhooks=sandbox.url, channels=CHANNELS).already_settled == 250


def test_nobody_is_in_a_batch_twice_and_the_last_value_counts(place: Place) -> None:
    same = {"profile": json.dumps({"email": "a@example.com"})}
    rows = [
        update(1, value="lead", **same),
        update(2, field="score", value=7, **same),
        update(3, value="customer", **same),
        update(4, field="owner", value=None, **same),
    ]
    assert deliver(place, rows).accepted == 4
    (body,) = bodies(place)
    properties = {"stage": "customer", "score": "7", "owner": ""}
    assert body["inputs"] == [{"idProperty": "email", "id": "a@example.com", "properties": properties}]


@pytest.mark.parametrize("refusal", [400, 207, 409])
def test_one_who_is_refused_does_not_spoil_it_for_the_rest(place: Place, refusal: int) -> None:
    # of four the second: all, the first half, the first, the second, the second half
    account = deliver(place, [update(number) for number in range(4)], answers(refusal, refusal, 200, refusal, 200))
    assert (account.accepted, account.rejected) == (3, 1)
    told = [entry["id"] for body in bodies(place) for entry in body["inputs"]]
    assert told == ["person0@example.com", "person2@example.com", "person3@example.com"]
    assert str(refusal) in " ".join(account.reasons)


def test_what_a_crm_says_is_kept_without_numbers_and_addresses(place: Place) -> None:
    said = '{"message": "INVALID_STAGE for a@example.com, +44 7700 900123 and 447700900123"}'
    account = deliver(place, [update(1)], lambda _: Reply(400, text=said))
    (reason,) = account.reasons
    assert "INVALID_STAGE" in reason
    assert "7700" not in reason
    assert "@" not in reason


@pytest.mark.parametrize(
    ("status", "part", "calls"), [(401, "waiting", 1), (429, "failed", 3), (503, "failed", 3), (500, "unknown", 3)]
)
def test_what_is_wrong_with_the_crm_is_wrong_for_all(place: Place, status: int, part: str, calls: int) -> None:
    asked: list[str] = []

    def script(number: str) -> Reply | None:
        asked.append(number)
        return Reply(status)

    account = deliver(place, [update(number) for number in range(4)], script)
    assert getattr(account, part) == 4
    assert len(asked) <= calls * 4
    assert bodies(place) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": "{}"},
        {"context": "{}"},
        {"context": json.dumps({"crm": "till", "field": "stage", "value": 1})},
        {"context": json.dumps({"crm": "crm", "field": " ", "value": 1})},
        {"context": json.dumps({"crm": "crm", "field": "stage"})},
        {"kind": "send"},
    ],
)
def test_what_cannot_be_told_is_rejected_alone(place: Place, changes: dict[str, Any]) -> None:
    account = deliver(place, [update(1, **changes), update(2)])
    assert (account.accepted, account.rejected) == (1, 1)


def test_an_audience_gets_hashes_and_no_address(place: Place) -> None:
    rows = [
        membership(1),
        membership(2, profile=json.dumps({"email": "b@example.com"})),
        membership(3, "leave_audience"),
        membership(1 + 10, profile=json.dumps({"user_id": "u1"})),
    ]
    account = deliver(place, rows)
    assert (account.accepted, account.rejected) == (3, 1)
    joined, left = bodies(place)
    phone = "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"
    assert joined["schema"] == left["schema"] == ["EMAIL_SHA256", "PHONE_SHA256"]
    assert (joined["operation"], left["operation"]) == ("add", "remove")
    assert joined["data"] == [
        [hashed_email("person1@example.com", "meta"), phone],
        [hashed_email("b@example.com", "meta"), ""],
    ]
    assert left["data"] == [[hashed_email("person3@example.com", "meta"), phone]]
    sent = b"".join(call.body for call in webhooks(place.received))
    assert b"@" not in sent
    assert b"4412" not in sent
    assert {call.endpoint for call in webhooks(place.received)} == {"audience/lapsed_buyers"}


def test_who_joins_and_leaves_in_one_batch_is_out_at_the_end(place: Place) -> None:
    rows = [membership(1), membership(2, "leave_audience"), membership(3), membership(4, "leave_audience")]
    assert deliver(place, rows).accepted == 4
    assert [body["operation"] for body in bodies(place)] == ["add", "remove", "add", "remove"]


@pytest.mark.skipif(not HASHES.exists(), reason=f"needs {HASHES.name}, which is not part of the project")
def test_hashes_are_those_of_the_platforms() -> None:
    cases = json.loads(HASHES.read_text())
    known = {"em": hashed_email, "ph": hashed_phone}
    compared = 0
    for group, platform in (("meta_sdk", "meta"), ("google", "google"), ("snap", "snap")):
        for case in cases[group]:
            if case["field"] in known:
                compared += 1
                assert known[case["field"]](case["input"], platform) == case["sha256"], (platform, case)
    assert compared > 20


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("crm.yml", "crm: {url: https://crm.example/x}", "must be a plain name with `url` and `id_property`"),
        ("crm.yml", "crm: {url: https://crm.example/x, id_property: name}", "must be email or phone or user_id"),
        ("crm.yml", "crm: {url: 'http://crm.example/x', id_property: email}", "must begin with https://"),
        ("audiences.yml", "all: {url: https://ads.example/x, platform: other}", "must be meta or google or snap"),
    ],
)
def test_a_file_of_endpoints_that_cannot_be_used_is_refused(
    place: Place, tmp_path: Path, file: str, text: str, fault: str
) -> None:
    (tmp_path / file).write_text(text)
    setting = Setting(place.profile(1, webhooks="http://127.0.0.1:1"), lambda: NOW, place.spool, tmp_path)
    with pytest.raises(HourbellError, match=fault):
        CHANNELS["crm" if file == "crm.yml" else "audience"](setting)


def test_a_live_crm_wants_a_token_and_shows_none(place: Place) -> None:
    with pytest.raises(HourbellError, match="HOURBELL_TOKEN_CRM"):
        crm.open_channel(Setting(live_profile(LIVE), lambda: NOW, place.spool, TEMPLATES))
    profile = live_profile({**LIVE, "HOURBELL_TOKEN_CRM": "pat-hush"})
    channel = crm.open_channel(Setting(profile, lambda: NOW, place.spool, TEMPLATES))
    assert channel.provider == "crm"
    assert channel.batches.urls["crm"].startswith("https://crm.shop.example/")
    assert "hush" not in f"{profile!r}{channel!r}"
