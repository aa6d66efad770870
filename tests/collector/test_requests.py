"""What is refused, in whose form, and that the rest is kept."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from collecting import KEY, NOW, OTHER_KEY, Collecting, collecting
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rehearsal import action

from activations.collector.events import event_row
from activations.collector.posthog import posthog_rows
from activations.collector.requests import RefusedError, parse_json
from activations.collector.segment import segment_row
from activations.collector.snowplow import snowplow_row
from activations.collector.triggers import trigger_row
from activations.collector.write_keys import write_keys
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.links import message_links
from activations.settings.environment import silent_profile
from activations.settings.shop import read_shop
from data.contract import contract

TRACK = {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1"}
TP2 = "/com.snowplowanalytics.snowplow/tp2"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    with collecting(tmp_path_factory.mktemp("collector")) as serving:
        yield serving


def test_a_batch_with_bad_events_keeps_the_others_and_says_which(tmp_path: Path) -> None:
    bad = [
        {**TRACK, "messageId": "no-event", "event": None},
        {**TRACK, "messageId": "nobody", "userId": None},
        {**TRACK, "messageId": "no-type", "type": "purchase"},
        {**TRACK, "messageId": "late", "timestamp": "yesterday"},
        {**TRACK, "messageId": "ahead", "timestamp": "2031-01-01T00:00:00Z"},
        {**TRACK, "messageId": "list", "properties": [1]},
        {**TRACK, "messageId": "large", "properties": {"text": "x" * 300_000}},
        {**TRACK, "messageId": "m" * 201},
        {**TRACK, "messageId": "object", "userId": {"id": 1}},
        "no object",
    ]
    with collecting(tmp_path) as collector:
        answer = collector.post("/v1/batch", {"batch": [TRACK, *bad, {**TRACK, "messageId": "m2"}]})
        assert answer.status_code == 200
        assert answer.json()["success"] is True
        told = {error["index"]: error for error in answer.json()["errors"]}
        assert sorted(told) == list(range(1, 11))
        assert (told[1]["messageId"], told[1]["message"]) == ("no-event", "A track call names its event.")
        assert [row["message_id"] for row in collector.rows()] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("identify", {"traits": {"email": "ann@shop.example"}}),
        ("track", {"event": "Order Completed"}),
        ("page", {"name": "Home"}),
        ("screen", {"name": "Home"}),
        ("group", {"groupId": "g1"}),
        ("alias", {"previousId": "a1"}),
    ],
)
def test_each_kind_of_call_has_a_path_of_its_own(tmp_path: Path, kind: str, said: dict[str, Any]) -> None:
    sent = {"userId": 17, "messageId": "m1", "timestamp": "2026-03-02T11:00:00Z", "sentAt": "2026-03-02T11:00:05Z"}
    with collecting(tmp_path) as collector:
        # the path says what it is, whatever else does
        assert collector.post(f"/v1/{kind}", {**sent, **said, "type": "other"}).json() == {"success": True}
        [row] = collector.rows()
    assert (row["type"], row["user_id"], row["message_id"]) == (kind, "17", "m1")
    assert row["occurred_at"] == (NOW - timedelta(seconds=5)).isoformat()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/batch", {"batch": [{**TRACK, "userId": None}]}),
        ("/v1/track", {"userId": "u1"}),
        ("/batch/", {"api_key": KEY, "batch": [{"event": "E"}]}),
        (TP2, {"data": [{"e": "pv", "aid": "website"}]}),
        ("/v1/events", {"event": "Ticket Closed"}),
    ],
)
def test_where_nothing_can_be_taken_the_answer_is_400(collector: Collecting, path: str, body: Any) -> None:
    assert collector.post(path, body).status_code == 400


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/batch", {"success": False, "code": "invalid_json"}),
        ("/v1/identify", {"success": False, "code": "invalid_json"}),
        ("/batch/", {"type": "validation_error", "code": "invalid_json", "attr": None}),
        ("/v1/events", None),
        (TP2, None),
    ],
)
def test_what_is_no_json_is_refused_in_the_form_of_the_provider(collector: Collecting, path: str, said: Any) -> None:
    for body in (b"{", b"\xff\xfe", b"", b"[" * 100_000):
        answer = collector.post(path, body)
        assert answer.status_code == 400
        if said is not None:
            assert said.items() <= answer.json().items()
            assert answer.json().get("message") or answer.json().get("detail")
    assert collector.post(path, b'{"batch": 1, "api_key": "%s"}' % KEY.encode()).status_code == 400


@pytest.mark.parametrize(("path", "status"), [("/v1/batch", 400), ("/batch/", 413), (TP2, 400), ("/v1/events", 413)])
def test_what_is_too_large_is_refused_packed_or_not(collector: Collecting, path: str, status: int) -> None:
    large = b'{"x":"' + b"x" * (21 * 1024 * 1024) + b'"}'
    bomb = gzip.compress(large, 1)
    assert len(bomb) < 200_000
    assert collector.post(path, bomb, headers={"content-encoding": "gzip"}).status_code == status
    assert announced(collector, path, len(large)) == status


def announced(collector: Collecting, path: str, size: int) -> int:
    """The status for a body that is announced and never sent: nobody waits for it."""
    host, _, port = collector.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {KEY}\r\ncontent-length: {size}\r\n\r\n".encode()
        )
        return int(connection.recv(1000).split(b" ", 2)[1])


def test_what_gzip_did_not_pack_and_other_packings_are_refused(collector: Collecting) -> None:
    body = gzip.compress(json.dumps({"batch": [TRACK]}).encode())
    packed = {"content-encoding": "gzip"}
    assert collector.post("/v1/batch", b"no gzip", headers=packed).json()["code"] == "invalid_encoding"
    assert collector.post("/v1/batch", body[:-9], headers=packed).json()["code"] == "invalid_encoding"
    assert collector.post("/v1/batch", body, headers={"content-encoding": "br"}).status_code == 415


def test_nobody_sends_without_a_key(collector: Collecting) -> None:
    for key in (None, "wrong", f"{KEY} ", KEY[:-1], ""):
        assert collector.post("/v1/batch", {"batch": [TRACK]}, key=key).status_code == 401
        assert collector.post("/v1/events", {"event": "E", "user_id": "u1"}, key=key).status_code == 401
        assert collector.post("/batch/", {"batch": [], "api_key": key}, key=KEY).status_code == 401
    assert (
        collector.post("/v1/batch", {"batch": []}, key=None, headers={"authorization": "Basic %%%"}).status_code == 401
    )


def test_a_key_may_stand_in_the_body_as_segment_allows(collector: Collecting) -> None:
    assert collector.post("/v1/batch", {"batch": [], "writeKey": KEY}, key=None).json() == {"success": True}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_elsewhere_cannot_use_the_password_that_a_browser_keeps(collector: Collecting, kind: str) -> None:
    """Those are the types that a browser posts across origins without asking us first."""
    headers = {"content-type": kind}
    assert collector.post("/v1/track", TRACK, headers=headers).json()["code"] == "invalid_content_type"
    assert collector.post("/v1/events", {"event": "E", "user_id": "u1"}, headers=headers).status_code == 400
    assert collector.post(TP2, {"data": []}, headers=headers).status_code == 400


def test_other_methods_and_paths_are_not_there(collector: Collecting) -> None:
    assert requests.get(f"{collector.url}/v1/batch", timeout=60).status_code == 405
    assert collector.post("/v1/unknown", {}).status_code == 404
    assert requests.get(f"{collector.url}/health", timeout=60).json() == {"status": "ok"}


def test_what_python_writes_beyond_json_does_not_lose_a_batch(tmp_path: Path) -> None:
    """json.dumps, which the clients use, writes NaN and halves of characters."""
    batch = [
        {**TRACK, "properties": {"price": float("nan")}},
        {**TRACK, "messageId": "half", "properties": {"name": "\ud800"}},
        {**TRACK, "messageId": "m3", "properties": {"zero": "\x00", "price": 1.5}},
    ]
    with collecting(tmp_path) as collector:
        answer = collector.post("/v1/batch", json.dumps({"batch": batch}).encode())
        assert [error["messageId"] for error in answer.json()["errors"]] == ["half"]
        rows = collector.rows()
    assert [row["properties"] for row in rows] == [{"price": None}, {"zero": "\x00", "price": 1.5}]


def test_a_clock_that_is_off_is_set_right_by_when_it_sent(tmp_path: Path) -> None:
    def occurred(timestamp: str | None, sent_at: str | None) -> datetime:
        event = {**TRACK, "timestamp": timestamp}
        return segment_row(event, "shop", NOW, {"sentAt": sent_at})["occurred_at"]

    fast = "2026-03-02T11:30:00Z"
    assert occurred("2026-03-02T11:00:00Z", fast) == NOW - timedelta(minutes=30)
    assert occurred("2026-03-02T13:00:00+02:00", fast) == NOW - timedelta(minutes=30)
    assert occurred(None, fast) == NOW
    assert occurred("2026-03-01T11:00:00.123Z", None) == datetime(2026, 3, 1, 11, 0, 0, 123000), "no clock to compare"


def test_an_event_without_an_id_is_known_again_by_its_time(tmp_path: Path) -> None:
    def message_id(at: datetime, index: int = 0, **said: Any) -> str:
        return segment_row({"type": "track", "event": "E", "userId": "u1", **said}, "shop", at, {}, index)["message_id"]

    later, timed = NOW + timedelta(seconds=5), {"timestamp": "2026-03-02T09:00:00Z"}
    assert message_id(NOW, **timed) == message_id(later, 3, **timed)
    assert message_id(NOW, **timed) != message_id(NOW, **timed, properties={"x": 1})
    assert message_id(NOW) != message_id(later), "twice the same within a while may well be meant"
    assert message_id(NOW, 0) != message_id(NOW, 1)


def test_a_till_a_crm_or_an_app_sends_what_happened(tmp_path: Path) -> None:
    paid = {"id": 1001, "event": "Receipt Printed", "email": "ann@shop.example", "properties": {"total": 12}}
    with collecting(tmp_path) as collector:
        bearer = {"authorization": f"Bearer {OTHER_KEY}"}
        assert collector.post("/v1/events", paid, key=None, headers=bearer).json() == {"accepted": 1}
        answer = collector.post("/v1/events", [paid, {**paid, "id": 1002, "when": "now"}])
        assert answer.json()["accepted"] == 1
        assert (answer.json()["refused"][0]["index"], "when" in answer.json()["refused"][0]["message"]) == (1, True)
        started = {"user_id": "u1", "id": "s1", "properties": {"plan": "gold", "workflow": "another"}}
        assert collector.post("/v1/workflows/welcome_series/start", started).json() == {"accepted": 1}
        unknown = collector.post("/v1/workflows/welcom_series/start", started)
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_workflow")
        till, shop, start = collector.rows()
    assert (till["message_id"], till["source"], till["event"]) == ("till:1001", "till", "Receipt Printed")
    assert (till["email"], till["properties"], till["type"]) == ("ann@shop.example", {"total": 12}, "track")
    assert shop["message_id"] == "shop:1001", "each system numbers for itself"
    assert (start["event"], start["properties"]) == ("Workflow Started", {"plan": "gold", "workflow": "welcome_series"})


def test_write_keys_come_from_the_environment() -> None:
    keys = write_keys(
        {"HOURBELL_WRITE_KEY": "a" * 12, "HOURBELL_WRITE_KEY_MY_TILL": "b" * 12, "HOURBELL_SNOWPLOW_APPS": "x, y,"}
    )
    assert keys.source_of("b" * 12) == "my_till"
    assert keys.source_of("a" * 12) == "collector"
    assert keys.source_of("é" * 12) is None
    assert keys.apps == {"x", "y"}
    assert "aaaa" not in repr(keys)
    for wrong in (
        {"HOURBELL_WRITE_KEY": "short"},
        {"HOURBELL_WRITE_KEY_A": "a" * 12, "HOURBELL_WRITE_KEY_B": "a" * 12},
    ):
        with pytest.raises(HourbellError, match="HOURBELL_WRITE_KEY") as told:
            write_keys(wrong)
        assert not {"short", "a" * 12} & set(str(told.value).split()), "a secret is not quoted"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "{}", "e30"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = {
    "segment": ["type", "event", "userId", "messageId", "timestamp", "properties", "traits", "context", "previousId"],
    "posthog": ["event", "distinct_id", "uuid", "timestamp", "properties", "$set", "$set_once"],
    "snowplow": ["e", "uid", "eid", "dtm", "stm", "ttm", "ue_pr", "ue_px", "cx", "co", "se_ac"],
    "trigger": ["id", "event", "user_id", "email", "occurred_at", "properties"],
}
READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "segment": lambda said: segment_row(said, "shop", NOW, {}),
    "posthog": lambda said: posthog_rows(said, "shop", NOW, NOW)[0],
    "snowplow": lambda said: snowplow_row({**said, "aid": "website"}, frozenset({"website"}), NOW),
    "trigger": lambda said: trigger_row(said, "shop", NOW),
}
GIVEN = {"type": "identify", "userId": "u1", "e": "ue", "uid": "u1", "event": "E", "distinct_id": "u1", "user_id": "u1"}


@pytest.mark.parametrize("client", NAMES)
# a machine that does other things, too, is no fault of the code
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_sent_is_a_row_or_is_refused(client: str, data: st.DataObject) -> None:
    names = NAMES[client]
    said = data.draw(st.dictionaries(st.sampled_from(names), json_values, max_size=4))
    if data.draw(st.booleans()):
        said = {**{name: value for name, value in GIVEN.items() if name in names}, **said}
    body = parse_json(json.dumps(said).encode())
    try:
        row = READERS[client](body)
    except RefusedError:
        return
    assert row["message_id"]
    assert row["source"]
    orjson.dumps(row)


def test_the_columns_are_those_of_the_contract() -> None:
    row = event_row("track", event="E", user_id="u1", source="shop", received_at=NOW, occurred_at=None)
    assert set(row) == set(contract("events").column_names)


def test_without_any_key_no_event_is_taken_and_links_lead_all_the_same(tmp_path: Path) -> None:
    with collecting(tmp_path, write_keys=write_keys({})) as at:
        for path in ("/v1/track", "/v1/batch", "/v1/events", "/batch/", "/v1/workflows/welcome_series/start"):
            for key in (None, "", "a-key-of-nobody"):
                assert at.post(path, {"event": "Ticket Closed", "userId": "u1"}, key=key).status_code == 401, path
        tracked = {"schema": "x", "data": [{"e": "pv", "aid": "website"}]}
        assert at.post(TP2, tracked, key=None).status_code in (400, 401)
        assert at.rows() == []
        link = message_links(read_shop(TEMPLATES), Action(**action(1)), silent_profile(tmp_path, {}).link_key)
        page = link["unsubscribe_url"].replace("https://links.shop.example", at.url)
        assert requests.post(page, data={"List-Unsubscribe": "One-Click"}, timeout=10).status_code == 200
        assert [row["event"] for row in at.rows()] == ["Unsubscribed From Topic"]
