"""The published clients, pointed at the collector by their setting of the host, and otherwise as they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from collecting import KEY, NOW, OTHER_KEY, Collecting, collecting

segment = pytest.importorskip("segment.analytics", reason="needs segment-analytics-python")
rudder = pytest.importorskip("rudderstack.analytics", reason="needs rudder-sdk-python")
posthog = pytest.importorskip("posthog", reason="needs posthog")
snowplow = pytest.importorskip("snowplow_tracker", reason="needs snowplow-tracker")

CAMPAIGN = {"campaign": {"source": "google", "medium": "cpc"}, "device": {"type": "phone"}, "locale": "en-GB"}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collecting]:
    with collecting(tmp_path) as serving:
        yield serving


def close_to_now(row: dict[str, Any]) -> bool:
    return abs(datetime.fromisoformat(row["occurred_at"]) - NOW) < timedelta(seconds=10)


@pytest.mark.parametrize("packed", [False, True])
def test_the_client_of_segment_works_unchanged(collector: Collecting, packed: bool) -> None:
    problems: list[Exception] = []
    client = segment.Client(
        KEY, host=collector.url, gzip=packed, on_error=lambda error, _: problems.append(error), upload_interval=0.05
    )
    client.identify("u1", {"email": "ann@shop.example", "phone": "+44 20 7946 0000", "firstName": "Ann"}, CAMPAIGN)
    client.track("u1", "Order Completed", {"order_id": "o1", "total": 5}, CAMPAIGN)
    client.track(anonymous_id="a1", event="Product Viewed", properties={"email": "bea@shop.example"})
    client.page("u1", "Shop", "Cart", {"url": "https://shop.example/cart"})
    client.screen("u1", None, "Home")
    client.group("u1", "g1", {"name": "Acme", "email": "office@acme.example"})
    client.alias("a1", "u1")
    client.flush()
    client.join()

    assert not problems
    identify, order, viewed, page, screen, group, alias = collector.rows()
    assert (identify["type"], identify["user_id"], identify["email"]) == ("identify", "u1", "ann@shop.example")
    assert identify["phone"] == "+44 20 7946 0000"
    assert identify["traits"]["firstName"] == "Ann"
    assert identify["properties"] is None
    assert identify["context"]["campaign"] == CAMPAIGN["campaign"]
    assert identify["context"]["device"] == {"type": "phone"}
    assert identify["context"]["library"]["name"] == "analytics-python"
    assert (order["type"], order["event"]) == ("track", "Order Completed")
    assert order["properties"] == {"order_id": "o1", "total": 5}
    assert (viewed["user_id"], viewed["anonymous_id"], viewed["email"]) == (None, "a1", "bea@shop.example")
    assert page["properties"] == {"name": "Cart", "category": "Shop", "url": "https://shop.example/cart"}
    assert (page["event"], screen["properties"]) == (None, {"name": "Home"})
    assert (group["email"], group["traits"]) == (None, None), "what is said of a company is not said of the person"
    assert group["properties"]["group_id"] == "g1"
    assert (alias["user_id"], alias["anonymous_id"]) == ("u1", "a1"), "which links the two"
    assert all(row["source"] == "shop" and close_to_now(row) and row["message_id"] for row in collector.rows())


def test_a_wrong_key_is_told_to_the_client_of_segment_in_words_that_it_knows(collector: Collecting) -> None:
    problems: list[Any] = []
    client = segment.Client(
        "wrong", host=collector.url, on_error=lambda error, _: problems.append(error), upload_interval=0.05
    )
    client.track("u1", "Order Completed")
    client.flush()
    client.join()

    assert [(error.status, error.code) for error in problems] == [(401, "invalid_write_key")]
    assert not collector.rows()


def test_the_client_of_rudderstack_works_unchanged(collector: Collecting) -> None:
    problems: list[Exception] = []
    client = rudder.Client(OTHER_KEY, collector.url, on_error=lambda error, _: problems.append(error))
    client.identify("u1", {"email": "ann@shop.example"})
    client.track("u1", "Order Completed", {"total": 5})
    client.alias("a1", "u1")
    client.flush()
    client.join()

    assert not problems
    identify, order, alias = collector.rows()
    assert (identify["email"], identify["traits"]) == ("ann@shop.example", {"email": "ann@shop.example"})
    assert (order["event"], order["properties"]) == ("Order Completed", {"total": 5})
    assert (alias["user_id"], alias["anonymous_id"]) == ("u1", "a1")
    assert {row["source"] for row in collector.rows()} == {"till"}


@pytest.mark.parametrize("packed", [False, True])
def test_the_client_of_posthog_works_unchanged(collector: Collecting, packed: bool) -> None:
    problems: list[Exception] = []
    client = posthog.Posthog(KEY, host=collector.url, gzip=packed, on_error=lambda error, _: problems.append(error))
    bought = {"total": 5, "$set": {"email": "ann@shop.example", "vip": True}}
    ids = [
        client.capture("Order Completed", distinct_id="u1", properties=bought),
        client.set(distinct_id="u1", properties={"email": "ann@shop.example", "plan": "gold"}),
        client.set_once(distinct_id="u1", properties={"first_page": "/"}),
        client.alias("a1", "u1"),
        client.capture(
            "$pageview",
            distinct_id="u1",
            properties={"$current_url": "https://shop.example/?x=1", "utm_source": "google"},
        ),
        client.capture("Product Viewed"),
        client.group_identify("company", "g1", {"name": "Acme"}),
    ]
    client.flush()
    client.shutdown()

    assert not problems
    rows = collector.by_id()
    order, told, once, alias, page, viewed, group = (rows[str(message_id)] for message_id in ids)
    person = rows[f"{ids[0]}:set"]
    assert (order["type"], order["event"], order["user_id"]) == ("track", "Order Completed", "u1")
    assert order["properties"]["total"] == 5
    assert (order["email"], order["traits"]) == ("ann@shop.example", None)
    assert (person["type"], person["traits"]) == ("identify", bought["$set"])
    assert (told["type"], told["traits"]["plan"], told["email"]) == ("identify", "gold", "ann@shop.example")
    assert (once["traits"], once["properties"]["$set_once"]) == (None, {"first_page": "/"})
    assert (alias["type"], alias["user_id"], alias["anonymous_id"]) == ("alias", "u1", "a1")
    assert page["type"] == "page"
    assert page["context"]["page"]["url"] == "https://shop.example/?x=1"
    assert page["context"]["campaign"] == {"source": "google"}
    assert (viewed["user_id"], bool(viewed["anonymous_id"])) == (None, True), (
        "nobody has a profile of whom nothing is said"
    )
    assert (group["type"], group["anonymous_id"], group["user_id"]) == ("group", "$company_g1", None)
    assert all(close_to_now(row) for row in rows.values())


def test_a_wrong_key_is_told_to_the_client_of_posthog_in_words_that_it_knows(collector: Collecting) -> None:
    problems: list[Any] = []
    client = posthog.Posthog("wrong", host=collector.url, on_error=lambda error, _: problems.append(error))
    client.capture("Order Completed", distinct_id="u1")
    client.flush()
    client.shutdown()

    assert [error.status for error in problems] == [401]
    assert "api_key" in str(problems[0])


def test_the_tracker_of_snowplow_works_unchanged(collector: Collecting) -> None:
    lost: list[Any] = []
    sent: list[Any] = []
    address = urlsplit(collector.url)
    emitter = snowplow.Emitter(
        address.hostname,
        port=address.port,
        protocol="http",
        batch_size=4,
        on_success=sent.extend,
        on_failure=lambda _, events: lost.extend(events),
    )
    subject = snowplow.Subject()
    subject.set_user_id("u1")
    subject.set_domain_user_id("d1")
    subject.set_timezone("Europe/London")
    subject.set_lang("en-GB")
    tracker = snowplow.Tracker("ns", [emitter], subject=subject, app_id="website")
    order = snowplow.SelfDescribingJson("iglu:com.acme/order_completed/jsonschema/1-0-0", {"total": 5})
    person = snowplow.SelfDescribingJson("iglu:com.acme/user/jsonschema/1-0-0", {"email": "ann@shop.example"})
    friend = snowplow.SelfDescribingJson("iglu:com.acme/friend/jsonschema/1-0-0", {"email": "bea@shop.example"})
    tracker.track(
        snowplow.PageView(
            page_url="https://shop.example/?utm_source=x", page_title="Home", referrer="https://a.example/"
        )
    )
    tracker.track(snowplow.StructuredEvent(category="cart", action="add", label="mug", value=2))
    tracker.track(snowplow.SelfDescribing(order, context=[friend, person]))
    tracker.track(snowplow.ScreenView(id_="1", name="Home"))
    tracker.flush()

    assert (len(sent), lost) == (4, [])
    page, structured, described, screen = collector.rows()
    assert (page["type"], page["context"]["page"]["url"]) == ("page", "https://shop.example/?utm_source=x")
    assert page["context"]["page"]["referrer"] == "https://a.example/"
    assert (structured["event"], structured["properties"]["category"]) == ("add", "cart")
    assert (described["event"], described["properties"]) == ("Order Completed", {"total": 5})
    assert described["email"] == "ann@shop.example"
    assert (screen["type"], screen["properties"]["name"]) == ("screen", "Home")
    for row in collector.rows():
        assert (row["user_id"], row["anonymous_id"], row["source"]) == ("u1", "d1", "website")
        assert (row["context"]["timezone"], row["context"]["locale"]) == ("Europe/London", "en-GB")
        assert close_to_now(row)
        assert datetime.fromisoformat(row["occurred_at"]) <= NOW, (
            "though its clock tells the second in which it sends only"
        )


def test_a_tracker_of_an_application_that_is_not_ours_is_refused(collector: Collecting) -> None:
    lost: list[Any] = []
    address = urlsplit(collector.url)
    emitter = snowplow.Emitter(
        address.hostname,
        port=address.port,
        protocol="http",
        batch_size=1,
        on_failure=lambda _, events: lost.extend(events),
    )
    tracker = snowplow.Tracker("ns", [emitter], app_id="elsewhere")
    tracker.track(snowplow.StructuredEvent(category="cart", action="add"))
    tracker.flush()

    assert len(lost) == 1
    assert not collector.rows()
