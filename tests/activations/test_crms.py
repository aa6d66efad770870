"""CRMs, over real HTTP against a sandbox that remembers: batches, lists, owners, tasks, and what is told only once."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from crm_place import CRMS, World, crm_action, in_turn, templates_of
from rehearsal import NOW, Place
from sqlalchemy import create_engine, text

from activations.channels import crm
from activations.channels.face import Setting
from activations.errors import HourbellError
from activations.sandbox import hubspot, salesforce
from activations.sandbox.reply import Reply
from activations.settings.environment import live_profile

UPSERT = "POST /crm/v3/objects/contacts/batch/upsert"
LIVE = {
    "HOURBELL_PROFILE": "live",
    "HOURBELL_SMTP_URL": "smtp://mail.shop.example",
    "HOURBELL_ALLOWED_HOSTS": "mail.shop.example,api.hubapi.com",
    "HOURBELL_LINK_KEY": "a secret of the tests",
}


@pytest.fixture
def world(place: Place, tmp_path: Path) -> World:
    return World(place, templates_of(tmp_path))


def contacts(world: World) -> dict[str, dict[str, Any]]:
    """What HubSpot has, by e-mail address."""
    with world.records() as records:
        return {known["email"]: known for known in records.all(hubspot.CONTACTS).values()}


def people(world: World) -> dict[str, dict[str, Any]]:
    """What Salesforce has, by our id."""
    with world.records() as records:
        return {known["Shop_Id__c"]: known for known in records.all("salesforce Contact").values()}


def at_salesforce(world: World, *numbers: int) -> None:
    """Contacts whom somebody has entered there."""
    with world.records() as records:
        for number in numbers:
            fields = {"Shop_Id__c": f"u{number}", "LastName": "Lee", "Email": f"person{number}@example.com"}
            salesforce.write(records, "Contact", f"003{number:012}", fields, world.now)


def test_hubspot_is_told_of_a_hundred_contacts_at_once(world: World) -> None:
    assert world.deliver([crm_action(number) for number in range(250)]).accepted == 250
    assert world.asked == [UPSERT] * 3
    assert [len(body["inputs"]) for body in world.bodies("hubspot")] == [100, 100, 50]
    assert contacts(world)["person249@example.com"]["stage"] == "customer"


def test_salesforce_is_told_of_two_hundred_contacts_at_once(world: World) -> None:
    at_salesforce(world, *range(250))
    assert world.deliver([crm_action(number, crm="sales", field="Tier__c") for number in range(250)]).accepted == 250
    token, *told = world.asked
    assert token == "POST /services/oauth2/token"
    assert told == ["PATCH /services/data/v64.0/composite/sobjects/Contact/Shop_Id__c"] * 2
    assert people(world)["u249"]["Tier__c"] == "customer"


def test_nobody_is_in_a_batch_twice_and_the_last_value_counts(world: World) -> None:
    rows = [crm_action(1, value="lead"), crm_action(1, field="score", value=7), crm_action(1, value="customer")]
    rows += [crm_action(1, field="gone", value=None)]
    for number, row in enumerate(rows):
        row["action_id"] += 100 * number
    assert world.deliver(rows).accepted == 4
    (body,) = world.bodies("hubspot")
    (told,) = body["inputs"]
    assert told["properties"] == {"stage": "customer", "score": "7", "gone": ""}


@pytest.mark.parametrize(("name", "calls"), [("hub", 7), ("keyed", 1)])
def test_one_who_is_refused_does_not_spoil_it_for_the_rest(world: World, name: str, calls: int) -> None:
    rows = [crm_action(number, crm=name) for number in range(8)]
    rows[3] = crm_action(3, crm=name, field="No Such")
    account = world.deliver(rows)
    assert (account.accepted, account.rejected) == (7, 1)
    assert any("does not exist" in reason for reason in account.reasons)
    # a batch by e-mail address is refused as a whole; by another property each record has its answer
    assert len(world.asked) == calls
    assert len(contacts(world) if name == "hub" else world.bodies("hubspot")[0]["inputs"]) == (
        7 if name == "hub" else 8
    )


def test_each_record_of_a_collection_has_its_answer(world: World) -> None:
    at_salesforce(world, 0, 1, 2)
    rows = [crm_action(number, crm="sales", field="Tier__c") for number in range(4)]
    rows[1] = crm_action(1, crm="sales", field="no such field")
    account = world.deliver(rows)
    assert (account.accepted, account.rejected) == (2, 2)
    assert {reason.split(":")[1].strip() for reason in account.reasons} == {"INVALID_FIELD", "REQUIRED_FIELD_MISSING"}
    assert len(world.asked) == 2


def test_a_record_that_is_locked_is_tried_again(world: World) -> None:
    at_salesforce(world, 0)
    locked = json.dumps([{"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}]}])
    account = world.deliver(
        [crm_action(0, crm="sales", field="Tier__c")], in_turn(Reply(200, {}, locked), only="PATCH")
    )
    assert account.accepted == 1
    assert Counter(world.asked)["PATCH /services/data/v64.0/composite/sobjects/Contact/Shop_Id__c"] == 2


def test_what_is_so_already_is_not_told_again(world: World) -> None:
    rows = [crm_action(number) for number in range(3)]
    world.deliver(rows)
    more = [crm_action(0), crm_action(1, value="lead"), crm_action(3)]
    for row in more:
        row["action_id"] += 1_000
    account = world.deliver(more)
    assert account.accepted == 3
    assert [entry["id"] for entry in world.bodies("hubspot")[-1]["inputs"]] == [
        "person1@example.com",
        "person3@example.com",
    ]
    assert any("has it so already" in reason for reason in recorded(world))


def recorded(world: World) -> list[str]:
    with create_engine(world.place.journal_url).connect() as journal:
        return [reason or "" for reason in journal.execute(text("select reason from journal")).scalars()]


def test_after_a_day_it_is_told_again_because_somebody_may_have_changed_it(world: World) -> None:
    world.deliver([crm_action(0)])
    world.now += timedelta(hours=25)
    row = crm_action(0)
    row |= {"action_id": row["action_id"] + 1, "expires_at": None}
    world.deliver([row])
    assert world.asked == [UPSERT]


def test_what_was_refused_or_lost_is_not_taken_for_known(world: World) -> None:
    account = world.deliver([crm_action(0)], lambda _: Reply(400))
    assert account.rejected == 1
    row = crm_action(0)
    row["action_id"] += 1
    assert world.deliver([row]).accepted == 1
    assert world.asked == [UPSERT]


def test_the_memory_holds_no_address(world: World) -> None:
    world.deliver([crm_action(0)])
    held = b"".join(path.read_bytes() for path in (world.place.root / "journal").glob("crm_memory*"))
    assert held
    assert b"person0" not in held
    assert b"example.com" not in held
    assert b"customer" not in held


@pytest.mark.parametrize("name", ["hub", "sales"])
def test_contacts_join_and_leave_lists(world: World, name: str) -> None:
    at_salesforce(world, 0, 1)
    if name == "hub":
        world.deliver([crm_action(number) for number in range(2)])
    joins = [crm_action(number, "join_crm_list", name, list="wine_club") for number in range(3)]
    for row in joins:
        row["action_id"] += 100
    account = world.deliver(joins)
    # the third is not known there
    assert (account.accepted, account.rejected) == (2, 1)
    assert len(members(world, name)) == 2
    leaves = [crm_action(number, "leave_crm_list", name, list="wine_club") for number in (0, 2)]
    for row in leaves:
        row["action_id"] += 200
    assert world.deliver(leaves).accepted == 2
    assert len(members(world, name)) == 1
    again = crm_action(1, "join_crm_list", name, list="wine_club")
    again["action_id"] += 300
    assert world.deliver([again]).accepted == 1
    assert world.asked == []
    # somebody who is in it already by another's hand has joined
    world.now += timedelta(hours=25)
    again |= {"action_id": again["action_id"] + 1, "expires_at": None}
    assert world.deliver([again]).accepted == 1
    assert len(members(world, name)) == 1


def test_who_is_written_otherwise_at_salesforce_leaves_a_campaign_all_the_same(world: World) -> None:
    with world.records() as records:
        salesforce.write(records, "Contact", "003000000000000", {"Shop_Id__c": "U0", "LastName": "Lee"}, world.now)
    for number, kind in enumerate(("join_crm_list", "leave_crm_list")):
        row = crm_action(0, kind, "sales", list="wine_club")
        row["action_id"] += number
        assert world.deliver([row]).accepted == 1
        assert len(members(world, "sales")) == 1 - number


def members(world: World, name: str) -> list[Any]:
    with world.records() as records:
        if name == "hub":
            return list(records.get(hubspot.LISTS, "1001"))
        return list(records.all(salesforce.MEMBERS).values())


@pytest.mark.parametrize("name", ["hub", "sales"])
def test_a_contact_gets_an_owner_by_name_or_address(world: World, name: str) -> None:
    at_salesforce(world, 0, 1, 2, 3)
    given = {0: "sales", 1: "Support@Shop.Example", 2: "nobody@shop.example", 3: None}
    account = world.deliver([crm_action(number, "set_crm_owner", name, owner=who) for number, who in given.items()])
    # at Salesforce somebody always is the owner
    assert account.accepted == (3 if name == "hub" else 2)
    assert account.rejected == (1 if name == "hub" else 2)
    if name == "hub":
        assert [known["hubspot_owner_id"] for known in contacts(world).values()] == ["101", "102", ""]
    else:
        owners = {number: known["OwnerId"] for number, known in people(world).items()}
        assert {owners["u0"], owners["u1"]} == set(salesforce.USERS)


@pytest.mark.parametrize("name", ["hub", "sales"])
def test_colleagues_get_tasks_about_contacts(world: World, name: str) -> None:
    at_salesforce(world, 0, 1)
    if name == "hub":
        world.deliver([crm_action(number) for number in range(2)])
    tasks = [
        crm_action(
            0, "create_crm_task", name, subject="Call\nthem", body="About the cart", owner="sales", due_in_days=2
        ),
        crm_action(1, "create_crm_task", name, subject="Write"),
        crm_action(2, "create_crm_task", name, subject="Who?"),
        crm_action(0, "create_crm_task", name, subject="Call", owner="nobody@shop.example"),
        crm_action(0, "create_crm_task", name, subject=" "),
    ]
    for number, row in enumerate(tasks):
        row["action_id"] += 100 + 10 * number
    account = world.deliver(tasks)
    assert (account.accepted, account.rejected) == (2, 3)
    with world.records() as records:
        made = list(records.all(hubspot.TASKS if name == "hub" else salesforce.TASKS).values())
    first = made[0]["properties"] if name == "hub" else made[0]
    expected = (
        {"hs_task_subject": "Call them", "hubspot_owner_id": "101", "hs_timestamp": "2026-03-04T10:00:00.000Z"}
        if name == "hub"
        else {"Subject": "Call them", "OwnerId": "005000000000001", "ActivityDate": "2026-03-04"}
    )
    assert expected.items() <= first.items()
    assert len(made) == 2


def test_a_task_whose_answer_is_lost_is_not_made_twice(world: World) -> None:
    world.deliver([crm_action(0)])
    task = crm_action(0, "create_crm_task", subject="Call")
    task["action_id"] += 1
    account = world.deliver([task], lambda name: Reply(0) if "tasks" in name else None)
    assert account.unknown == 1
    world.again()
    assert not any("tasks" in name for name in world.asked)


@pytest.mark.parametrize(
    ("reply", "part", "calls"),
    [
        (Reply(401), "waiting", 1),
        (Reply(403), "waiting", 1),
        (Reply(503), "failed", 3),
        (Reply(500), "unknown", 3),
        (Reply(423, {"Retry-After": "0"}), "failed", 3),
        (Reply(429, {"X-HubSpot-RateLimit-Interval-Milliseconds": "1000"}, '{"policyName": "TEN_SECONDLY_ROLLING"}'),
         "accepted", 2),
        (Reply(429, {}, '{"policyName": "DAILY", "message": "You have reached your daily limit."}'), "waiting", 1),
        (Reply(400, {}, '{"message": "INVALID for a@example.com, +44 7700 900123"}'), "rejected", 1),
    ],
    ids=lambda value: f"{value.status} {value.text[16:21]}" if isinstance(value, Reply) else None,
)  # fmt: skip
def test_each_answer_of_hubspot_has_its_outcome(world: World, reply: Reply, part: str, calls: int) -> None:
    script = in_turn(reply) if part == "accepted" else lambda _: reply
    account = world.deliver([crm_action(0)], script)
    assert getattr(account, part) == 1, account
    assert len(world.asked) == calls
    assert "7700" not in str(account.reasons)
    assert "@" not in str(account.reasons)


def fault(code: str, message: str = "said so") -> str:
    return json.dumps([{"errorCode": code, "message": message}])


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(403, {}, fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")), "waiting"),
        (Reply(403, {}, fault("API_DISABLED_FOR_ORG")), "waiting"),
        (Reply(503, {}, fault("SERVER_UNAVAILABLE")), "failed"),
        (Reply(500, {}, fault("UNKNOWN_EXCEPTION")), "unknown"),
        (Reply(400, {}, fault("JSON_PARSER_ERROR")), "rejected"),
    ],
    ids=lambda value: value.text[16:30] if isinstance(value, Reply) else None,
)
def test_each_answer_of_salesforce_has_its_outcome(world: World, reply: Reply, part: str) -> None:
    at_salesforce(world, 0)
    account = world.deliver([crm_action(0, crm="sales", field="Tier__c")], lambda at: reply if "PATCH" in at else None)
    assert getattr(account, part) == 1, account


def test_a_session_that_has_ended_is_begun_again_within_the_call(world: World) -> None:
    at_salesforce(world, 0)
    ended = Reply(401, {}, fault("INVALID_SESSION_ID"))
    account = world.deliver([crm_action(0, crm="sales", field="Tier__c")], in_turn(ended, only="PATCH"))
    assert account.accepted == 1
    assert [name.split("/")[-1] for name in world.asked] == ["token", "Shop_Id__c", "token", "Shop_Id__c"]


def test_who_is_not_let_in_waits_and_the_secret_is_not_shown(world: World) -> None:
    refusal = Reply(400, {}, json.dumps({"error": "invalid_client", "error_description": "invalid client credentials"}))
    account = world.deliver([crm_action(0, crm="sales")], lambda at: refusal if "token" in at else None)
    assert account.waiting == 1
    assert any("invalid client credentials: mend crm.yml or the token" in reason for reason in account.reasons)


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": "{}"},
        {"context": "{}"},
        {"context": json.dumps({"crm": "till", "field": "stage", "value": 1})},
        {"context": json.dumps({"crm": "hub", "field": " ", "value": 1})},
        {"context": json.dumps({"crm": "hub", "field": "stage"})},
        {"kind": "send"},
        {"kind": "join_crm_list", "context": json.dumps({"crm": "hub", "list": "beer club"})},
        {"kind": "set_crm_owner", "context": json.dumps({"crm": "hub", "owner": "stranger"})},
    ],
)
def test_what_cannot_be_told_is_rejected_alone(world: World, changes: Mapping[str, Any]) -> None:
    account = world.deliver([{**crm_action(1), **changes}, crm_action(2)])
    assert (account.accepted, account.rejected) == (1, 1)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("hub: {platform: till}", "must be hubspot or salesforce"),
        ("hub: {platform: hubspot, id_property: email}", "`known_by`"),
        ("hub: {platform: hubspot, id_property: email, known_by: name}", "must be email or phone or user_id"),
        ("hub: {platform: hubspot, id_property: 'a b', known_by: email}", "is no name of a property"),
        ("hub: {platform: hubspot, id_property: email, known_by: email, lists: {club: 7}}", "ids in quotes"),
        ("hub: {platform: hubspot, id_property: email, known_by: email, lists: {club: '7/8'}}", "letters and digits"),
        (CRMS.replace("https://shop", "http://shop"), "must begin with https://"),
        (CRMS.replace("object: Contact", "object: Account"), "must be Contact or Lead"),
        ("hub: {platform: hubspot, id_property: email, known_by: email, deals: all}", "must be events or orders"),
        (CRMS.replace("object: Contact", "object: Lead\n  deals: events"), "a Lead has none"),
    ],
)
def test_a_file_of_crms_that_cannot_be_used_is_refused(place: Place, tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "crm.yml").write_text(written)
    setting = Setting(place.profile(1, webhooks="http://127.0.0.1:1"), lambda: NOW, place.spool, tmp_path)
    with pytest.raises(HourbellError, match=told):
        crm.open_channel(setting)


def test_a_live_crm_wants_a_token_and_shows_none(place: Place, tmp_path: Path) -> None:
    (tmp_path / "crm.yml").write_text(CRMS)
    with pytest.raises(HourbellError, match="HOURBELL_TOKEN_HUB"):
        crm.open_channel(Setting(live_profile(LIVE), lambda: NOW, place.spool, tmp_path))
    tokens = {f"HOURBELL_TOKEN_{name}": "pat-7f3a" for name in ("HUB", "KEYED", "SALES")}
    profile = live_profile({**LIVE, **tokens})
    channel = crm.open_channel(Setting(profile, lambda: NOW, place.spool, tmp_path))
    assert channel.provider == "crm"
    assert [at.base for at in channel.opened.values()] == [
        "https://api.hubapi.com",
        "https://api.hubapi.com",
        "https://shop.my.salesforce.com/services/data/v64.0",
    ]
    assert "7f3a" not in f"{profile!r}{channel!r}{[*channel.opened.values()]!r}"
