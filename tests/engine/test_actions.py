"""Every action, from the macro that a step calls to what comes of it outside."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import polars as pl
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.account import DeliveryAccount
from activations.sandbox import hubspot
from activations.sandbox.http import HttpSandbox
from activations.sandbox.records import Records
from activations.sandbox.server import Sandbox
from activations.sandbox.store import Received, messages
from activations.sandbox.webhooks import webhooks
from dagster_project.ticks.windows import HOUR, Window

STEP = "abandoned_cart__reminder"
CALLS = {
    "set_property": "set_property('loyalty_tier', \"'gold'\")",
    "unset_property": "unset_property('loyalty_tier')",
    "add_tag": "add_tag('sunset')",
    "remove_tag": "remove_tag('sunset')",
    "suppress": "suppress()",
    "join_list": "join_list('wine club')",
    "leave_list": "leave_list('wine club')",
    "start_workflow": "start_workflow('welcome_series', carry=['cart_value'])",
    "stop_workflow": "stop_workflow('reengagement')",
    "call_webhook": "call_webhook('order_desk', carry=['cart_value'])",
    "call_webhook_with_everything": "call_webhook('order_desk')",
    "notify": "notify('sales', \"{{ contact.first_name }}'s cart: {{ context.cart_value }} <EUR>\\nCall!\", "
    "subject='Cart of {{ contact.user_id }}', carry=['cart_value'])",
    "update_crm": "update_crm('value_of_cart', 'cart_value')",
    "update_crm_to_nothing": "update_crm('last_cart', 'null')",
    "set_crm_owner": "set_crm_owner(\"'sales'\")",
    "join_crm_list": "join_crm_list('wine_club')",
    "leave_crm_list": "leave_crm_list('wine_club')",
    "create_crm_task": "create_crm_task(\"'Call about the cart'\", owner=\"'sales'\", due_in_days=1)",
    "join_audience": "join_audience('lapsed_buyers')",
    "leave_audience": "leave_audience('lapsed_buyers')",
    "notify_of_nothing_known": "notify('sales', '{{ context.colour }}')",
    "send": "send(template='cart_reminder', channels=['email'], topic='offers')",
}
TRAITS = {
    "set_property": {"loyalty_tier": "gold"},
    "unset_property": {"loyalty_tier": None},
    "add_tag": {"tag:sunset": True},
    "remove_tag": {"tag:sunset": False},
    "suppress": {"suppressed_since": f"{NOW}"},
    "join_list": {"list:wine club": True},
    "leave_list": {"list:wine club": False},
}


@pytest.fixture(scope="module")
def actions(shop: Engine) -> Mapping[str, dict[str, Any]]:
    """What a step proposes by each call, as rows of the outbox."""
    step = " union all ".join(
        f"select '{name}' as call, arrivals.*, {{{{ {call} }}}} from main.arrived as arrivals"
        for name, call in CALLS.items()
    )
    (sql,) = compiled(shop.home, {STEP: step}).values()
    with small_warehouse() as connection:
        set_window(connection, Window(NOW - HOUR, NOW))
        connection.execute(
            f"create table arrived as select 1 as enrollment_id, timestamp '{NOW}' as reached_at, 49.5 as cart_value"
        )
        proposed = connection.execute(f"select call, action.* from ({sql})").pl().to_dicts()
    return {row["call"]: _outbox_row(number, row) for number, row in enumerate(proposed)}


def _outbox_row(number: int, proposed: Mapping[str, Any]) -> dict[str, Any]:
    (channel,) = proposed["channels"]
    return action(
        number,
        kind=proposed["kind"],
        channel=channel,
        address=str(number),
        template=proposed["template"],
        topic=proposed["topic"],
        topic_kind="transactional",
        expires_at=proposed["expires_at"],
        profile=json.dumps({"user_id": f"u{number}", "first_name": "Ann", "email": "ann@shop.example"}),
        **({} if proposed["details"] is None else {"context": proposed["details"]}),
    )


def deliver(place: Place, rows: Sequence[Mapping[str, Any]]) -> DeliveryAccount:
    for channel in sorted({row["channel"] for row in rows}):
        write_outbox(place.outbox, [row for row in rows if row["channel"] == channel], channel=channel)
    with (
        Sandbox(place.received, now=lambda: NOW) as mail,
        HttpSandbox(place.received, now=lambda: NOW) as calls,
    ):
        account = place.deliver(mail, webhooks=calls.url)
        assert account.adds_up
        again = place.deliver(mail, webhooks=calls.url)
        assert again.already_settled == len(rows)
    return account


def events(place: Place) -> list[dict[str, Any]]:
    return pl.concat(pl.read_parquet(path) for path in sorted(place.spool.glob("events/*.parquet"))).to_dicts()


def test_what_changes_the_contact_comes_back_as_what_is_said_of_it(
    place: Place, actions: Mapping[str, dict[str, Any]]
) -> None:
    deliver(place, [actions[name] for name in TRAITS])
    assert [json.loads(event["traits"]) for event in events(place)] == list(TRAITS.values())


def test_a_segment_can_ask_who_is_on_a_list(place: Place, actions: Mapping[str, dict[str, Any]], shop: Engine) -> None:
    names = ["join_list", "leave_list", "unset_property"]
    deliver(place, [actions[name] for name in names])
    (sql,) = compiled(shop.home, {STEP: "select {{ on_list('wine club') }} as is_on from main.known"}).values()
    with small_warehouse() as connection:
        connection.register("landed", pl.DataFrame(events(place)).to_arrow())
        connection.execute("create table known as select cast(traits as json) as properties from landed")
        # of two at once on the same list the one with the larger number counts, and comes last
        assert sorted(connection.execute(sql).fetchall()) == [(False,), (False,), (True,)]


def test_starts_and_stops_come_back_as_events_that_the_triggers_read(
    place: Place, actions: Mapping[str, dict[str, Any]], shop: Engine
) -> None:
    deliver(place, [actions["start_workflow"], actions["stop_workflow"]])
    sql = compiled(
        shop.home,
        {
            "welcome_series__entered": "select * from {{ workflow_started(carry="
            "{'cart_value': \"cast(properties ->> '$.cart_value' as double)\"}) }}",
            "reengagement__exited": "select * from {{ stopped(ref('reengagement__entered')) }}",
        },
        also=["events"],
    )
    with small_warehouse() as connection:
        set_window(connection, Window(NOW, NOW + HOUR))
        connection.execute("create schema contacts; create schema workflows")
        connection.register("landed", pl.DataFrame(events(place)).to_arrow())
        connection.execute(
            "create table contacts.events as "
            "select 7 as contact_id, * replace (cast(properties as json) as properties), occurred_at as effective_at "
            "from landed"
        )
        connection.execute(
            "create table contacts.contact_merges (contact_id bigint, into_contact_id bigint, merged_at timestamp)"
        )
        connection.execute(
            "create table workflows.reengagement__entered as "
            f"select *, timestamp '{NOW}' as reached_at "
            "from (values (70, 7), (80, 8)) as people (enrollment_id, contact_id)"
        )
        started = connection.execute(sql["welcome_series__entered"]).pl().to_dicts()
        stopped = connection.execute(sql["reengagement__exited"]).pl().to_dicts()
    assert started == [
        {
            "contact_id": 7,
            "entry_key": f"hourbell-{actions['start_workflow']['action_id']}",
            "reached_at": NOW,
            "cart_value": 49.5,
            "occurred_at": NOW,
        }
    ]
    assert [(row["enrollment_id"], row["exited_at"], row["reason"]) for row in stopped] == [
        (70, NOW, "stopped by a workflow")
    ]


def test_a_call_is_told_what_it_should_know(place: Place, actions: Mapping[str, dict[str, Any]]) -> None:
    calls = [actions["call_webhook"], actions["call_webhook_with_everything"]]
    assert [row["topic"] for row in calls] == ["service"] * 2
    deliver(place, calls)
    received = list(webhooks(place.received))
    assert [call.endpoint for call in received] == ["order_desk"] * 2
    assert all(call.is_signed and call.calls == 1 for call in received)
    contexts = [json.loads(call.body)["data"]["context"] for call in received]
    # the gate puts everything that the step carries where it names nothing
    carried = json.loads(action(int(calls[1]["address"]))["context"])
    assert sorted(contexts, key=len) == [{"cart_value": 49.5}, carried]


def test_the_crm_and_the_ad_platform_are_told(place: Place, actions: Mapping[str, dict[str, Any]]) -> None:
    names = ["update_crm", "update_crm_to_nothing", "join_audience", "leave_audience"]
    assert [(actions[name]["kind"], actions[name]["topic"]) for name in names] == [
        ("update_crm", "service"),
        ("update_crm", "service"),
        ("join_audience", "advertising"),
        ("leave_audience", "service"),
    ]
    assert deliver(place, [actions[name] for name in names]).accepted == 4
    taken = [call for call in webhooks(place.received) if call.endpoint == "hubspot"]
    (told,) = json.loads(taken[0].body)["inputs"]
    assert told["id"] == "ann@shop.example"
    assert told["properties"] == {"value_of_cart": "49.5", "last_cart": ""}
    assert sorted(call.endpoint for call in webhooks(place.received)) == ["hubspot", "meta", "meta"]


def test_colleagues_learn_of_the_contact_in_their_crm(place: Place, actions: Mapping[str, dict[str, Any]]) -> None:
    assert actions["create_crm_task"]["channel"] == "crm_task"
    # whose contact it is has to be there before anything can be done about it
    deliver(place, [actions["set_crm_owner"], actions["update_crm"]])
    assert deliver(place, [actions["join_crm_list"]]).accepted == 1
    assert deliver(place, [actions["leave_crm_list"], actions["create_crm_task"]]).accepted == 2
    with closing(Records(place.received)) as records:
        (contact,) = records.all(hubspot.CONTACTS).values()
        (task,) = records.all(hubspot.TASKS).values()
        assert contact["hubspot_owner_id"] == task["properties"]["hubspot_owner_id"] == "101"
        assert task["properties"]["hs_task_subject"] == "Call about the cart"
        assert records.get(hubspot.LISTS, "1001") == []


def test_a_colleague_is_told_once_and_the_contact_is_not(place: Place, actions: Mapping[str, dict[str, Any]]) -> None:
    row = actions["notify"]
    silent = actions["notify_of_nothing_known"]
    assert row["kind"] == silent["kind"] == "notify"
    account = deliver(place, [row, silent])
    assert (account.accepted, account.rejected) == (1, 1)
    assert any("needs context.colour" in reason for reason in account.reasons)
    (message,) = messages(place.received)
    number = int(row["address"])
    assert message.recipient == "sales@shop.example"
    assert message.subject == f"Cart of u{number}"
    assert message.text.splitlines() == ["Ann's cart: 49.5 <EUR>", "Call!"]
    assert "&lt;EUR&gt;<br>" in message.html
    assert "List-Unsubscribe" not in message.email


LEADS = 200
ROUTED = "abandoned_cart__incentive"
ROUTE = "select arrivals.*, {{ route_lead(owners=['anna', 'ben', \"d'arc\"], rule={\"country = 'DE'\": 'carla', "
ROUTE += "\"cart_value > 90\": 'anna'}, when='cart_value > 10') }} from main.arrived as arrivals "
ROUTE += "where {{ in_tick('arrivals.reached_at') }}"


def routed(sql: str, ticks: Sequence[Window]) -> dict[int, tuple[str | None, str | None]]:
    """The owner of each lead, as the step has it and as the profile gets it; the second tick is run again."""
    with small_warehouse() as connection:
        connection.execute(
            "create schema workflows; create table arrived as "
            "select hash(number) as enrollment_id, timestamp '2026-03-02' + to_minutes(number // 2 * 3) as reached_at, "
            "case number % 5 when 0 then 'DE' when 1 then null else 'FR' end as country, number % 100 as cart_value "
            f"from range({LEADS}) as leads(number)"
        )
        set_window(connection, ticks[0])
        # as the step was before it routed anybody
        connection.execute(f"create table workflows.{ROUTED} as select * from arrived where false")
        columns = connection.execute(f"describe ({sql})").fetchall()
        for name, kind, *_ in columns[4:]:
            connection.execute(f"alter table workflows.{ROUTED} add column {name} {kind}")
        for tick in [*ticks[:2], *ticks[1:]]:
            set_window(connection, tick)
            connection.execute(f"delete from workflows.{ROUTED} where reached_at >= getvariable('tick_start')")
            connection.execute(f"insert into workflows.{ROUTED} by name {sql}")
        rows = connection.execute(
            f"select enrollment_id, owner, action.details ->> '$.value' from workflows.{ROUTED}"
        ).fetchall()
    return {number: (owner, told) for number, owner, told in rows}


def in_turn() -> list[str | None]:
    """The owners of the leads in the order in which they come, the plain way."""
    owners, turns = [], 0
    for number in range(LEADS):
        value = number % 100
        if value <= 10:
            owners.append(None)
        elif number % 5 == 0:
            owners.append("carla")
        elif value > 90:
            owners.append("anna")
        else:
            owners.append(["anna", "ben", "d'arc"][turns % 3])
            turns += 1
    return owners


def test_leads_are_shared_out_by_the_rule_and_then_in_turns(shop: Engine) -> None:
    (sql,) = compiled(shop.home, {ROUTED: ROUTE}).values()
    start, end = NOW.replace(hour=0), NOW.replace(hour=0) + 10 * HOUR
    hours = [Window(start + number * HOUR, start + (number + 1) * HOUR) for number in range(10)]
    by_the_hour = routed(sql, hours)
    assert len(by_the_hour) == LEADS
    assert all(owner == told for owner, told in by_the_hour.values())
    assert by_the_hour == routed(sql, [Window(start, end)])
    load = Counter(owner for owner, _ in by_the_hour.values())
    expected = Counter(in_turn())
    assert load == expected
    assert max(load[name] for name in ("ben", "d'arc")) - min(load[name] for name in ("ben", "d'arc")) <= 1
    forgetful = sql.replace("where earlier.reached_at < cast(getvariable('tick_start') as timestamp)", "where false")
    assert forgetful != sql
    assert routed(forgetful, hours) != by_the_hour


def test_a_colleague_whom_nobody_knows_is_told_nothing(place: Place, actions: Mapping[str, dict[str, Any]]) -> None:
    details = json.loads(actions["notify"]["context"])
    account = deliver(place, [{**actions["notify"], "context": json.dumps({**details, "person": "nobody"})}])
    assert account.rejected == 1
    assert list[Received](messages(place.received)) == []
