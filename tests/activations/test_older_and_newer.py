"""Of two actions that set the same the newer one counts, whatever becomes of the calls and whoever makes them."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from crm_place import World, crm_action, in_turn, membership, templates_of
from rehearsal import NOW, Place, action, channels, write_outbox

from activations.delivery.channel_delivery import ChannelDelivery
from activations.delivery.outbox import Action
from activations.delivery.patience import Patience
from activations.journal import journal as journals
from activations.journal.care import rebuild
from activations.journal.journal import Journal, open_journal
from activations.journal.rows import Aim, Settled, Settlement
from activations.sandbox import hubspot, meta
from activations.sandbox.reply import Reply

HOUR = timedelta(hours=1)
LOST, BUSY = Reply(0), Reply(503)
PATIENT = Patience(attempts=10, first_pause=0.01)
UPSERT, MEMBERS = "upsert", "memberships"


@pytest.fixture
def world(any_place: Place, tmp_path: Path) -> World:
    return World(any_place, templates_of(tmp_path))


def put(world: World, row: dict[str, Any], *, hour: int = 0, **changes: Any) -> None:
    """Write the outbox of a tick with one action in it; the earlier the tick, the higher the action's number."""
    at = NOW - 10 * HOUR + hour * HOUR
    row = {**row, "action_id": row["action_id"] - 1_000 * hour, "tick_end": at, "send_after": None, **changes}
    write_outbox(world.place.outbox, [row], channel=row["channel"], tick_end=at)


def backlog(world: World, *values: str, **changes: Any) -> None:
    """A stage that has changed from tick to tick."""
    for hour, value in enumerate(values):
        put(world, crm_action(1, value=value), hour=hour, **changes)


def stage(world: World) -> str:
    with world.records() as records:
        (known,) = records.all(hubspot.CONTACTS).values()
    return str(known["stage"])


@pytest.mark.parametrize(
    "replies",
    [(LOST,), (LOST, LOST), (BUSY,), (BUSY, BUSY), (None, BUSY), (None, LOST), (BUSY, LOST), (LOST, BUSY)],
    ids=lambda replies: " ".join("lost" if each is LOST else "busy" if each else "taken" for each in replies),
)
def test_a_property_ends_as_the_newest_tick_has_it(world: World, replies: tuple[Reply | None, ...]) -> None:
    backlog(world, "lead", "customer", "fan")
    account = world.again(in_turn(*replies, only=UPSERT))
    assert stage(world) == "fan"
    assert account.accepted + account.expired == 3
    assert account.waiting == account.unknown == 0


def test_what_was_put_off_gives_way_to_what_was_taken_since_and_says_so(world: World) -> None:
    backlog(world, "lead", "customer")
    account = world.again(in_turn(BUSY, only=UPSERT))
    assert (account.accepted, account.expired) == (1, 1)
    (reason,) = (reason for reason in account.reasons if "newer" in reason)
    assert reason.endswith("gave way: a newer action has set the same since it was decided")
    assert world.again().already_settled == 2


def test_what_is_in_doubt_is_settled_before_the_next_is_told(world: World) -> None:
    backlog(world, "lead", "customer")
    told: list[str] = []

    def lost_once(name: str) -> Reply | None:
        told.append(name)
        return LOST if len(told) == 1 else None

    assert world.again(lost_once).accepted == 2
    assert [body["inputs"][0]["properties"]["stage"] for body in world.bodies("hubspot")] == ["lead", "customer"]


def test_members_end_as_the_newest_tick_has_it(world: World) -> None:
    """Of a list and of an audience."""
    put(world, crm_action(1, value="lead"))
    world.again()
    for hour, kind in enumerate(("join_crm_list", "leave_crm_list"), 1):
        put(world, crm_action(1, kind, list="wine_club"), hour=hour)
    account = world.again(in_turn(BUSY, only=MEMBERS))
    assert (account.accepted, account.expired) == (1, 1)
    with world.records() as records:
        assert not records.get(hubspot.LISTS, "1001")
    for hour, kind in enumerate(("leave_audience", "join_audience"), 3):
        put(world, membership(1, kind), hour=hour)
    account = world.again(in_turn(BUSY, only="users"))
    assert (account.accepted, account.expired) == (1, 1)
    with world.records() as records:
        assert records.all(meta.MEMBERS)


def test_others_are_not_in_the_way(world: World) -> None:
    put(world, crm_action(1, value="lead"))
    put(world, crm_action(2, value="lead"), hour=1)
    put(world, crm_action(1, field="score", value=7), hour=2)
    assert world.again(in_turn(LOST, only=UPSERT)).accepted == 3
    assert world.asked.count(world.asked[0]) == 4


def test_what_was_paused_or_held_until_after_the_next_one_is_given_up(world: World) -> None:
    backlog(world, "lead")
    put(world, crm_action(1, value="customer"), hour=1, workflow="welcome_series")
    with open_journal(world.place.journal_url, world.place.receipts) as journal:
        journal.pause("workflow", "abandoned_cart", reason="looking", now=NOW)
    first = world.again()
    assert (first.accepted, first.paused) == (1, 1)
    with open_journal(world.place.journal_url, world.place.receipts) as journal:
        journal.resume("workflow", "abandoned_cart", now=NOW)
    assert world.again().expired == 1
    assert stage(world) == "customer"


def test_what_was_refused_is_in_nobodys_way(world: World) -> None:
    backlog(world, "lead")
    put(world, crm_action(1, value="customer"), hour=1, workflow="welcome_series")
    with open_journal(world.place.journal_url, world.place.receipts) as journal:
        journal.pause("workflow", "abandoned_cart", reason="looking", now=NOW)
    assert world.again(in_turn(Reply(400), only=UPSERT)).rejected == 1
    with open_journal(world.place.journal_url, world.place.receipts) as journal:
        journal.resume("workflow", "abandoned_cart", now=NOW)
    assert world.again().accepted == 1
    assert stage(world) == "lead"


def test_without_an_order_the_older_one_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant."""
    monkeypatch.setattr(ChannelDelivery, "_aims", lambda delivery, batch: {})
    backlog(world, "lead", "customer")
    assert world.again(in_turn(LOST, only=UPSERT)).accepted == 2
    assert stage(world) == "lead"


def test_it_holds_over_processes_and_refusals(place: Place, tmp_path: Path) -> None:
    """A batch has one action; each process takes every second, and every third call is put off or lost."""
    world = World(place, templates_of(tmp_path))
    stages = ("lead", "customer", "fan")
    for hour, value in enumerate(stages):
        at = NOW - 10 * HOUR + hour * HOUR
        rows = [{**crm_action(number, value=value), "tick_end": at, "send_after": None} for number in range(15)]
        for row in rows:
            row["action_id"] -= 1_000 * hour
        write_outbox(world.place.outbox, rows, channel="crm", tick_end=at)
    replies = itertools.cycle([None, BUSY, None, None, LOST, None])
    known: dict[str, Any] = {"channels": channels(1), "templates": world.templates, "now": NOW, "patience": PATIENT}
    with world.sandbox(lambda name: next(replies)) as url:
        account = world.place.deliver(1, webhooks=url, processes=2, **known)
        # what waited for the other process in vain
        later = world.place.deliver(1, webhooks=url, **known)
    assert account.adds_up
    assert later.adds_up
    assert account.failed + later.failed + later.waiting == 0
    with world.records() as records:
        assert [each["stage"] for each in records.all(hubspot.CONTACTS).values()] == ["fan"] * 15


def claimed(journal: Journal, number: int, at: datetime = NOW, target: str = "a stage") -> Any:
    row = Action(**action(number, channel="crm"))
    ids = {row.action_id: f"hourbell-{row.action_id}"}
    return journal.claim([row], ids, provider="crm", now=NOW, aims={row.action_id: Aim(target, at)})


def settle(journal: Journal, number: int, status: Settled) -> None:
    journal.settle([Settlement(action(number)["action_id"], status)], now=NOW)


@pytest.mark.parametrize("status", ["accepted", "unknown", "rejected", "failed"])
def test_deliverers_wait_for_each_other_and_not_for_what_has_set_nothing(any_place: Place, status: Settled) -> None:
    with (
        open_journal(any_place.journal_url, any_place.receipts) as one,
        open_journal(any_place.journal_url, any_place.receipts) as other,
    ):
        assert claimed(one, 1).ours
        # older or newer: two calls at once come in any order
        for number, at in ((2, NOW + HOUR), (3, NOW - HOUR)):
            behind = claimed(other, number, at)
            assert (behind.ours, [*behind.behind]) == ([], [action(number)["action_id"]])
        assert claimed(other, 4, target="another").ours
        settle(one, 1, status)
        older = claimed(other, 3, NOW - HOUR)
        assert len(older.ours) == 1
        assert bool(older.overtaken) == (status in ("accepted", "unknown"))
        settle(other, 3, "expired" if older.overtaken else "accepted")
        newer = claimed(one, 2, NOW + HOUR)
        assert (len(newer.ours), newer.overtaken) == (1, frozenset())


def test_what_was_given_back_is_in_nobodys_way(any_place: Place) -> None:
    with (
        open_journal(any_place.journal_url, any_place.receipts) as one,
        open_journal(any_place.journal_url, any_place.receipts) as other,
    ):
        claimed(one, 1)
        one.release([action(1)["action_id"]])
        assert claimed(other, 2, NOW + HOUR).ours
        assert claimed(one, 1).behind


def test_a_journal_that_was_rebuilt_knows_the_order(any_place: Place) -> None:
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        claimed(journal, 2, NOW + HOUR)
        settle(journal, 2, "accepted")
    if any_place.server_url is None:
        any_place.journal.unlink()
    else:
        with open_journal(any_place.journal_url, any_place.receipts) as journal, journal.transaction() as connection:
            for table in journals.METADATA.sorted_tables:
                connection.execute(table.delete())
    rebuild(any_place.journal_url, any_place.receipts)
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        assert claimed(journal, 1).overtaken


def test_what_has_no_say_any_more_is_not_kept(any_place: Place) -> None:
    with open_journal(any_place.journal_url, any_place.receipts) as journal:
        for number in range(5):
            claimed(journal, number, NOW + number * HOUR)
            settle(journal, number, "accepted")
        with journal.reading() as connection:
            aims = connection.execute(journals.METADATA.tables["aims"].select()).all()
    # the last one looks back at one, and is not looked back at yet
    assert len(aims) == 2
