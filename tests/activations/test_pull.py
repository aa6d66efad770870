"""What colleagues change in a CRM lands, and what we told it ourselves does not, however often both go round."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from crm_place import CRMS, World, crm_action, in_turn, templates_of
from rehearsal import IMPATIENT, NOW, Place

from activations.channels.face import Setting
from activations.crms import salesforce as salesforce_crm
from activations.crms.memory import Memory
from activations.crms.pull import Pulled, named_crms, pull
from activations.errors import HourbellError
from activations.sandbox import hubspot, salesforce
from activations.sandbox.records import Records
from activations.sandbox.reply import Reply

WORDS = ("email", "first", "stage", "out", "us")
FIELDS = {
    name: dict(zip(WORDS, theirs, strict=True))
    for name, theirs in {
        "hub": ("email", "firstname", "lifecyclestage", "hs_email_optout", "shop_user_id"),
        "sales": ("Email", "FirstName", "Tier__c", "HasOptedOutOfEmail", "Shop_Id__c"),
    }.items()
}
STAGE = {"hub": "lifecycle_stage", "sales": "tier"}


class Sync(World):
    """Both directions, between us and one CRM, while time goes on."""

    name = "hub"

    def passes(self, **more: float) -> None:
        self.now += timedelta(**more)

    def they_set(self, number: int, **values: Any) -> None:
        """Somebody changes a contact there."""
        fields = {FIELDS[self.name][what]: value for what, value in values.items()}
        with self.records() as records:
            write(records, self.name, number, fields, self.now)

    def we_set(self, number: int, value: Any, field: str = "stage") -> int:
        """A workflow changes a contact there; how often the CRM was called for it."""
        row = crm_action(number, crm=self.name, field=FIELDS[self.name][field], value=value)
        row |= {"action_id": row["action_id"] + 1_000 * self._ticks, "expires_at": None}
        assert self.deliver([row]).accepted == 1
        return sum("batch/upsert" in name or "PATCH" in name for name in self.asked)

    def pull(self, *replies: Reply | None, only: str = "search") -> Pulled:
        self.asked.clear()
        with self.sandbox(in_turn(*replies, only=only)) as url:
            setting = Setting(self.place.profile(1, webhooks=url), lambda: self.now, self.place.spool, self.templates)
            return asyncio.run(pull(setting, named_crms(setting, self.name)[0], IMPATIENT))

    def landed(self, table: str = "contacts") -> list[dict[str, Any]]:
        """What waits for landing, which is then landed."""
        files = sorted(self.place.spool.glob(f"{table}/*.parquet"))
        rows = [row for file in files for row in pl.read_parquet(file).to_dicts()]
        for file in files:
            file.unlink()
        return [{name: value for name, value in row.items() if value is not None} for row in rows]


def write(records: Records, name: str, number: int, fields: dict[str, Any], now: datetime) -> None:
    if name == "hub":
        hubspot.write(records, f"{500 + number}", {name: str(value) for name, value in fields.items()}, now)
    else:
        salesforce.write(records, "Contact", f"003{number:012}", {"LastName": "Lee", **fields}, now)


@pytest.fixture(params=["hub", "sales"])
def sync(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Sync:
    world = Sync(place, templates_of(tmp_path))
    world.name = request.param
    return world


def test_what_is_there_lands_once_and_then_only_what_changes(sync: Sync) -> None:
    sync.they_set(1, email="person1@example.com", us="u1", first="Ann", stage="lead")
    sync.they_set(2, email="person2@example.com", us="u2", first="Ben")
    sync.passes(minutes=1)
    assert sync.pull().contacts == 2
    ann, ben = sorted(sync.landed(), key=lambda row: row["email"])
    assert (ann["user_id"], ann["first_name"], ann["source"]) == ("u1", "Ann", sync.name)
    assert json.loads(ann["properties"])[STAGE[sync.name]] == "lead"
    assert ann["occurred_at"] == NOW
    assert "properties" not in ben or STAGE[sync.name] not in json.loads(ben["properties"])
    sync.passes(minutes=1)
    assert sync.pull().contacts == 0
    sync.they_set(1, stage="customer")
    sync.passes(minutes=1)
    assert sync.pull().contacts == 1
    (row,) = sync.landed()
    # who it is comes along, and nothing else that was known
    assert row.keys() == {"user_id", "source", "email", "properties", "occurred_at"}
    assert json.loads(row["properties"]) == {STAGE[sync.name]: "customer"}


def test_neither_side_is_told_what_it_said_itself(sync: Sync) -> None:
    sync.they_set(1, email="person1@example.com", us="u1", stage="lead")
    sync.passes(minutes=1)
    sync.pull()
    sync.landed()
    for round_trip in range(4):
        sync.passes(minutes=20)
        # we set something: it comes back with the next pulls, and is no change by them
        assert sync.we_set(1, f"ours {round_trip}") == 1
        for _ in range(2):
            sync.passes(minutes=5)
            pulled = sync.pull()
            assert pulled.records == 1
            assert sync.landed() == []
        # they set something: it lands, and is not written back
        sync.they_set(1, stage=f"theirs {round_trip}")
        sync.passes(minutes=5)
        sync.pull()
        (row,) = sync.landed()
        assert json.loads(row["properties"]) == {STAGE[sync.name]: f"theirs {round_trip}"}
        assert sync.we_set(1, f"theirs {round_trip}") == 0
        sync.passes(minutes=5)
        assert sync.pull().contacts == 0


def test_without_a_guard_it_would_go_to_and_fro(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Memory, facts: Any, asked_at: datetime) -> tuple[list[Any], list[Any]]:
        return list(facts), list(facts)

    monkeypatch.setattr(Memory, "seen", forgetful)
    monkeypatch.setattr(Memory, "held", lambda self, facts, since: set())
    with pytest.raises(AssertionError):
        test_neither_side_is_told_what_it_said_itself(sync)


def test_they_may_set_it_back_to_what_it_was(sync: Sync) -> None:
    sync.they_set(1, email="person1@example.com", us="u1", stage="lead")
    sync.passes(minutes=1)
    sync.pull()
    sync.we_set(1, "customer")
    sync.passes(minutes=1)
    sync.they_set(1, stage="lead")
    sync.passes(minutes=1)
    sync.landed()
    sync.pull()
    (row,) = sync.landed()
    assert json.loads(row["properties"]) == {STAGE[sync.name]: "lead"}
    # and then we may set it once more
    assert sync.we_set(1, "customer") == 1


def test_what_is_read_while_we_tell_something_else_is_not_taken_for_news(
    sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.they_set(1, email="person1@example.com", us="u1", stage="lead")
    sync.passes(minutes=1)
    sync.pull()
    sync.landed()
    sync.they_set(1, first="Ann")
    before = Memory.seen

    def told_meanwhile(self: Memory, facts: Any, asked_at: datetime) -> tuple[list[Any], list[Any]]:
        """Between the question and its answer's being read."""
        monkeypatch.setattr(Memory, "seen", before)
        sync.passes(seconds=1)
        with ThreadPoolExecutor(1) as other:
            other.submit(sync.we_set, 1, "customer").result()
        return before(self, facts, asked_at)

    monkeypatch.setattr(Memory, "seen", told_meanwhile)
    sync.pull()
    (row,) = sync.landed()
    # the old stage that was read is not theirs
    assert "properties" not in row
    assert row["first_name"] == "Ann"
    sync.passes(minutes=1)
    assert sync.pull().contacts == 0


def test_who_wants_no_mail_any_more_withdraws_and_nobody_consents(sync: Sync) -> None:
    sync.they_set(1, email="person1@example.com", us="u1", out="false" if sync.name == "hub" else False)
    sync.passes(minutes=1)
    assert sync.pull().withdrawals == 0
    sync.they_set(1, out="true" if sync.name == "hub" else True)
    sync.passes(minutes=1)
    assert sync.pull().withdrawals == 1
    (row,) = sync.landed("consents")
    assert (row["user_id"], row["channel"], row["topic"], row["status"]) == ("u1", "email", "all", "withdrawn")
    sync.they_set(1, out="false" if sync.name == "hub" else False)
    sync.passes(minutes=1)
    assert sync.pull().withdrawals == 0
    assert sync.landed("consents") == []


def test_an_owner_lands_by_the_name_that_workflows_use(sync: Sync) -> None:
    owner = {"hub": ("hubspot_owner_id", "101"), "sales": ("OwnerId", "005000000000001")}[sync.name]
    sync.they_set(1, email="person1@example.com", us="u1")
    with sync.records() as records:
        write(records, sync.name, 1, dict([owner]), sync.now)
    sync.passes(minutes=1)
    sync.pull()
    (row,) = sync.landed()
    assert json.loads(row["properties"])["owner"] == "sales"


def test_a_contact_that_they_made_has_an_id_that_is_not_ours(sync: Sync) -> None:
    sync.they_set(7, email="person7@example.com")
    sync.passes(minutes=1)
    sync.pull()
    (row,) = sync.landed()
    assert row["user_id"] == {"hub": "hubspot:507", "sales": "salesforce:003000000000007"}[sync.name]


def test_a_crash_between_page_and_memory_repeats_the_page(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    sync.they_set(1, email="person1@example.com", us="u1", stage="lead")
    sync.passes(minutes=1)

    def crash(self: Memory, *_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Memory, "learnt", crash)
        with pytest.raises(KeyboardInterrupt):
            sync.pull()
    first = sync.landed()
    sync.passes(minutes=5)
    sync.pull()
    # the same row by its natural key, which landing takes once
    assert sync.landed() == first


def test_many_pages_are_read_to_the_end(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 450
    moments = [NOW + timedelta(seconds=number // 300) for number in range(count)]
    with sync.records() as records:
        kind = hubspot.CONTACTS if sync.name == "hub" else "salesforce Contact"
        people = {}
        for number, moment in enumerate(moments):
            if sync.name == "hub":
                changed = f"{moment.isoformat()}.000Z"
                people[f"{500 + number}"] = {"email": f"p{number}@example.com", "lastmodifieddate": changed}
                people[f"{500 + number}"]["hs_object_id"] = f"{500 + number}"
            else:
                changed = f"{moment:%Y-%m-%dT%H:%M:%S}.000+0000"
                people[f"003{number:012}"] = {
                    "Id": f"003{number:012}", "Email": f"p{number}@example.com", "SystemModstamp": changed,
                    "OwnerId": "005000000000001",
                }  # fmt: skip
        records.put(kind, people)
    sync.passes(minutes=1)
    if sync.name == "sales":
        monkeypatch.setattr(salesforce_crm, "_PAGE", 200)
    sync.pull()
    # more than a page of one and the same moment is no obstacle
    assert len({row["email"] for row in sync.landed()}) == count
    assert sync.pull().contacts == 0


@pytest.mark.parametrize(
    ("reply", "is_read"),
    [
        (Reply(503), True),
        (Reply(429, {"Retry-After": "0"}), True),
        (Reply(0), True),
        (Reply(429, {"Retry-After": "3600"}), False),
        (Reply(401), False),
    ],
    ids=lambda value: f"{value.status} {value.headers}" if isinstance(value, Reply) else None,
)
def test_a_crm_that_is_busy_is_asked_again(place: Place, tmp_path: Path, reply: Reply, is_read: bool) -> None:
    sync = Sync(place, templates_of(tmp_path))
    sync.they_set(1, email="person1@example.com", us="u1")
    sync.passes(minutes=1)
    if is_read:
        assert sync.pull(reply).contacts == 1
        return
    with pytest.raises(HourbellError, match="could not be read to the end"):
        sync.pull(reply)
    assert sync.pull().contacts == 1


DEAL = {
    "hub": ("dealname", "dealstage", "amount", "hs_is_closed", "hs_is_closed_won"),
    "sales": ("Name", "StageName", "Amount", "IsClosed", "IsWon"),
}


def set_deal(
    sync: Sync, number: int, contact: int | None = 1, *, closed: bool = False, won: bool = False, **values: Any
) -> None:
    """Somebody changes a deal there."""
    told = {"name": "A table", "stage": "offered", "amount": "480.50", **values}
    fields = dict(zip(DEAL[sync.name], [*told.values(), closed, won], strict=True))
    with sync.records() as records:
        if sync.name == "hub":
            texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
            whose = None if contact is None else f"{500 + contact}"
            hubspot.write_deal(records, f"{900 + number}", {**texts, "deal_currency_code": "EUR"}, whose, sync.now)
        else:
            whose = None if contact is None else f"003{contact:012}"
            salesforce.write(records, "Opportunity", f"006{number:012}", {**fields, "contact": whose}, sync.now)


def deleted(sync: Sync, kind: str, number: int) -> None:
    with sync.records() as records:
        if sync.name == "hub":
            key = f"{(900 if kind == 'deal' else 500) + number}"
            hubspot.delete(records, hubspot.DEALS if kind == "deal" else hubspot.CONTACTS, key, sync.now)
        else:
            theirs, begins = ("Opportunity", "006") if kind == "deal" else ("Contact", "003")
            salesforce.delete(records, theirs, f"{begins}{number:012}", sync.now)


@pytest.fixture
def dealing(sync: Sync, tmp_path: Path) -> Sync:
    """A CRM whose deals come to us as orders, too."""
    own = tmp_path / "dealing"
    own.mkdir()
    sync.templates = templates_of(own, crm=re.sub(r"(  platform: \w+\n)", r"\1  deals: orders\n", CRMS))
    sync.they_set(1, email="person1@example.com", us="u1")
    sync.passes(minutes=1)
    sync.pull()
    sync.landed()
    return sync


def events(sync: Sync) -> list[tuple[str, str, dict[str, Any]]]:
    return [(row["event"], row["user_id"], json.loads(row["properties"])) for row in sync.landed("events")]


def test_a_deal_lands_by_what_becomes_of_it_and_once(dealing: Sync) -> None:
    currency = {"hub": "EUR", "sales": "GBP"}[dealing.name]
    number = {"hub": "901", "sales": "006000000000001"}[dealing.name]
    set_deal(dealing, 1)
    dealing.passes(minutes=1)
    assert dealing.pull().deals == 1
    [(event, user_id, told)] = events(dealing)
    assert (event, user_id, told["deal_id"], told["stage"]) == ("Deal Opened", "u1", number, "offered")
    assert dealing.landed("orders") == []
    for again in range(2):
        # the overlap brings it again, and it is no news
        dealing.passes(minutes=again)
        assert dealing.pull().deals == 0
    set_deal(dealing, 1, stage="negotiating")
    dealing.passes(minutes=1)
    dealing.pull()
    assert [(event, told["stage"]) for event, _, told in events(dealing)] == [("Deal Changed", "negotiating")]
    set_deal(dealing, 1, stage="signed", closed=True, won=True)
    won_at = dealing.now
    dealing.passes(minutes=1)
    dealing.pull()
    assert [event for event, _, _ in events(dealing)] == ["Deal Won"]
    platform = {"hub": "hubspot", "sales": "salesforce"}[dealing.name]
    order = {"order_id": f"{platform}:{number}", "user_id": "u1", "email": "person1@example.com", "currency": currency}
    order |= {"total": "480.50", "source": dealing.name}
    assert dealing.landed("orders") == [{**order, "status": "placed", "occurred_at": won_at}]
    set_deal(dealing, 1, stage="lost after all", closed=True)
    dealing.passes(minutes=1)
    dealing.pull()
    assert [event for event, _, _ in events(dealing)] == ["Deal Lost"]
    assert [(row["order_id"], row["status"]) for row in dealing.landed("orders")] == [(order["order_id"], "cancelled")]


def test_what_was_deleted_there_is_told_once_and_forgets_nobody(dealing: Sync) -> None:
    set_deal(dealing, 1, stage="signed", closed=True, won=True)
    set_deal(dealing, 2)
    dealing.they_set(2, email="person2@example.com", us="u2")
    dealing.passes(minutes=1)
    dealing.pull()
    dealing.landed("events")
    dealing.landed("orders")
    deleted(dealing, "deal", 1)
    deleted(dealing, "contact", 2)
    dealing.passes(minutes=1)
    pulled = dealing.pull()
    assert (pulled.deals, pulled.deleted) == (1, 1)
    assert {(event, user_id) for event, user_id, _ in events(dealing)} == {
        ("Deal Deleted", "u1"),
        ("CRM Contact Deleted", "u2"),
    }
    assert [row["status"] for row in dealing.landed("orders")] == ["cancelled"]
    assert dealing.landed("consents") == []
    for _ in range(2):
        dealing.passes(minutes=1)
        pulled = dealing.pull()
        assert (pulled.deals, pulled.deleted) == (0, 0)
    # and nobody's deal is nobody's event
    set_deal(dealing, 3, contact=None)
    dealing.passes(minutes=1)
    assert dealing.pull().deals == 0


def test_deals_stay_there_unless_they_are_asked_for(sync: Sync) -> None:
    sync.they_set(1, email="person1@example.com", us="u1")
    set_deal(sync, 1)
    sync.passes(minutes=1)
    assert sync.pull().deals == 0
    assert not any("deals" in asked or "Opportunity" in asked for asked in sync.asked)
    assert sync.landed("events") == []


def test_a_crash_between_deals_and_memory_repeats_them(dealing: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    set_deal(dealing, 1, closed=True, won=True)
    dealing.passes(minutes=1)
    learnt = Memory.learnt

    def crash(self: Memory, facts: Any, cursor: str, now: datetime, stream: str = "") -> None:
        if stream == "/deals":
            raise KeyboardInterrupt
        learnt(self, facts, cursor, now, stream)

    with monkeypatch.context() as patched:
        patched.setattr(Memory, "learnt", crash)
        with pytest.raises(KeyboardInterrupt):
            dealing.pull()
    first = dealing.landed("events"), dealing.landed("orders")
    dealing.passes(minutes=1)
    dealing.pull()
    assert (dealing.landed("events"), dealing.landed("orders")) == first
    assert len(first[0]) == len(first[1]) == 1


def test_a_crm_that_nobody_named_is_explained(place: Place, tmp_path: Path) -> None:
    setting = Setting(place.profile(1, webhooks="http://127.0.0.1:1"), lambda: NOW, place.spool, templates_of(tmp_path))
    assert [crm.name for crm in named_crms(setting, "hubspot")] == ["hub", "keyed"]
    assert [crm.name for crm in named_crms(setting, None)] == ["hub", "keyed", "sales"]
    with pytest.raises(HourbellError, match=r"names no CRM 'till'\. There is: hub, keyed, sales"):
        named_crms(setting, "till")
