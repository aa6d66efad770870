"""The breaker of reputation: it warns and stops at the stated shares, from 200 recipients on, on the right row."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from shop_history import NEXT, ShopHistory

from activations.holds.reputation import ALL, Limits, Reputation
from activations.holds.settle import GATE
from dagster_project.gate_out.reputation import reputations
from dagster_project.registry import reputation_limits
from dagster_project.warehouse import open_warehouse

LIMITS = Limits()
AT = datetime(2026, 3, 9)


def of(recipients: int, *, complaints: int = 0, bounces: int = 0, accepted: int | None = None) -> Reputation:
    return Reputation("email", "mail.example", recipients, recipients, accepted or recipients, complaints, bounces)


def test_the_project_states_the_figures() -> None:
    assert reputation_limits() == LIMITS
    assert (LIMITS.complaints_warn, LIMITS.complaints_stop) == (0.0008, 0.003)
    assert (LIMITS.bounces_warn, LIMITS.bounces_stop) == (0.04, 0.08)
    assert LIMITS.least_recipients == 200


@pytest.mark.parametrize(
    ("recipients", "complaints", "bounces", "level"),
    [
        (200, 0, 7, "good"),
        (200, 0, 8, "warning"),
        (200, 0, 15, "warning"),
        (200, 0, 16, "stopped"),
        (199, 0, 199, "good"),
        (200, 1, 0, "stopped"),
        (199, 1, 0, "good"),
        (1_250, 1, 0, "warning"),
        (1_251, 1, 0, "good"),
        (1_000, 2, 0, "warning"),
        (1_000, 3, 0, "stopped"),
        (1_001, 3, 0, "warning"),
        (10_000, 7, 399, "good"),
        (10_000, 8, 0, "warning"),
        (10_000, 29, 799, "warning"),
        (10_000, 30, 0, "stopped"),
        (10_000, 0, 800, "stopped"),
    ],
)
def test_shares(recipients: int, complaints: int, bounces: int, level: str) -> None:
    found = of(recipients, complaints=complaints, bounces=bounces)
    assert found.level(LIMITS) == level
    assert bool(found.told(LIMITS)) == (level != "good")


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables that are asked, with what they have to do with it."""
    with duckdb.connect() as connection:
        for schema in ("staging", "decisions", "marts", "eligibility"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table staging.stg_outcomes (action_id bigint, status varchar, provider varchar, "
            "effective_at timestamp)"
        )
        connection.execute(
            "create table decisions.decisions (action_id bigint, contact_id bigint, channel varchar, outcome varchar, "
            "kind varchar, tick_end timestamp)"
        )
        connection.execute("create table marts.message_engagement (action_id bigint, kind varchar, known_at timestamp)")
        connection.execute(
            "create table eligibility.eligibility_changes (contact_id bigint, channel varchar, address varchar, "
            "tick_end timestamp)"
        )
        yield connection


def send(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    *,
    contact: int | None = None,
    status: str = "accepted",
    domain: str = "mail.example",
    answer: str | None = None,
    at: datetime = AT - timedelta(hours=1),
    provider: str = "smtp",
) -> None:
    contact = number if contact is None else contact
    day_before = at - timedelta(days=1)
    connection.execute("insert into staging.stg_outcomes values (?, ?, ?, ?)", [number, status, provider, at])
    connection.execute(
        "insert into decisions.decisions values (?, ?, 'email', 'send', 'send', ?)", [number, contact, day_before]
    )
    connection.execute(
        "insert into eligibility.eligibility_changes values (?, 'email', ?, ?)",
        [contact, f"{contact}@{domain}", day_before],
    )
    if answer:
        connection.execute("insert into marts.message_engagement values (?, ?, ?)", [number, answer, at])


def level(connection: duckdb.DuckDBPyConnection, domain: str = "mail.example") -> str:
    found = {
        one.domain: one.level(LIMITS) for one in reputations(connection, AT, LIMITS, GATE) if one.channel == "email"
    }
    return found.get(domain, "good")


def test_it_trips_on_the_two_hundredth_recipient(warehouse: duckdb.DuckDBPyConnection) -> None:
    """All the bounces are there from the beginning; with 199 recipients nothing is said, and a message more to the same
    person makes no recipient."""
    for number in range(199):
        send(warehouse, number, answer="bounced" if number < 16 else None)
    assert (level(warehouse), level(warehouse, ALL)) == ("good", "good")
    send(warehouse, 900, contact=5)
    assert level(warehouse) == "good"
    send(warehouse, 200)
    # 16 of 201 messages
    assert (level(warehouse), level(warehouse, ALL)) == ("warning", "warning")
    send(warehouse, 201, status="rejected")
    assert (level(warehouse), level(warehouse, ALL)) == ("stopped", "stopped")


def test_it_trips_on_the_row_that_reaches_the_share(warehouse: duckdb.DuckDBPyConnection) -> None:
    for number in range(1_000):
        send(warehouse, number)
    told = []
    for number in range(3):
        warehouse.execute(
            "insert into marts.message_engagement values (?, 'complained', ?)", [number, AT - timedelta(1)]
        )
        # a complaint that is told twice is one
        warehouse.execute(
            "insert into marts.message_engagement values (?, 'complained', ?)", [number, AT - timedelta(1)]
        )
        told.append(level(warehouse))
    assert told == ["warning", "warning", "stopped"]
    # the next message that is taken brings it below the limit again
    send(warehouse, 2_000)
    assert level(warehouse) == "warning"


def test_a_domain_that_refuses_us_is_no_other_domain(warehouse: duckdb.DuckDBPyConnection) -> None:
    for number in range(200):
        send(warehouse, number, domain="Strict.example", status="rejected" if number < 20 else "accepted")
        send(warehouse, 1_000 + number)
    assert (level(warehouse, "strict.example"), level(warehouse)) == ("stopped", "good")
    # 20 of 400
    assert level(warehouse, ALL) == "warning"


def test_what_is_older_than_a_week_or_never_was_sent_does_not_count(warehouse: duckdb.DuckDBPyConnection) -> None:
    for number in range(200):
        send(warehouse, number)
        send(warehouse, 1_000 + number, status="rejected", at=AT - timedelta(days=7, seconds=1))
        send(warehouse, 2_000 + number, status="rejected", provider=GATE)
        send(warehouse, 3_000 + number, status="rejected", at=AT)
    assert level(warehouse) == "good"


def complained(history: ShopHistory, recipients: int) -> None:
    """The shop's own messages were complained of: as if so many had been sent to the domain of each, one complaint."""
    with open_warehouse(history.home) as connection:
        connection.execute(
            "insert into decisions.decisions (action_id, contact_id, channel, outcome, kind, tick_end) "
            "select -n, -n, 'email', 'send', 'send', $at from range(1, $recipients + 1) as numbers (n)",
            {"at": NEXT.start - timedelta(days=1), "recipients": recipients},
        )
        connection.execute(
            "insert into staging.stg_outcomes (action_id, channel, status, provider, effective_at) "
            "select -n, 'email', 'accepted', 'smtp', $at from range(1, $recipients + 1) as numbers (n)",
            {"at": NEXT.start - timedelta(hours=2), "recipients": recipients},
        )
        connection.execute(
            "insert into marts.message_engagement (action_id, kind, channel, known_at) "
            "values (-1, 'complained', 'email', ?)",
            [NEXT.start - timedelta(hours=1)],
        )


@pytest.mark.parametrize(("recipients", "is_held"), [(199, False), (200, True)])
def test_promotions_are_held_until_a_person_releases_them(
    shop_history: ShopHistory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., tuple[int, str]],
    recipients: int,
    is_held: bool,
) -> None:
    history = shop_history.copy(tmp_path / "home")
    history.decide()
    complained(history, recipients)
    history.leave()
    holds = history.holds()
    assert ("abandoned_cart" in holds) == is_held
    monkeypatch.setenv("HOURBELL_HOME", str(history.home.root))
    if not is_held:
        assert holds == {}
        return
    assert any("1 complaints of 200 messages" in reason for reason in holds["abandoned_cart"].reasons)
    with open_warehouse(history.home, read_only=True) as connection:
        promoting = connection.execute(
            "select distinct workflow from decisions.outbox where tick_end = ? and topic_kind <> 'transactional' "
            "and kind = 'send'",
            [NEXT.end],
        ).fetchall()
    assert set(holds) == {workflow for (workflow,) in promoting}
    assert history.deliver().accepted == sum(
        number for workflow, number in history.decided().items() if workflow not in holds
    )
    assert "Reputation, stopped: email: 1 complaints of 200 messages" in run_command("status")[1]
    holds["abandoned_cart"].decide("release", by="ann", at=NEXT.end)
    assert history.deliver().accepted == history.decided()["abandoned_cart"]
