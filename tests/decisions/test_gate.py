"""The gate's SQL against a slow, obvious reference, over random worlds and several ticks."""

import csv
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from gate_warehouse import GateWarehouse, compile_gate
from gate_world import (
    PRIORITIES,
    STEPS,
    Cap,
    Channel,
    Decision,
    Eligibility,
    Exit,
    Proposal,
    Statement,
    Window,
    World,
    stable_hash,
)
from gate_worlds import HELD_OUT, PEOPLE, worlds
from hypothesis import HealthCheck, Phase, given, settings
from reference_gate import Sent, channel_named, counts, decide, is_quiet, standing, survivor

FAILURES = ("rejected", "failed", "expired")
# GATE_EXAMPLES=5000 looks further than the suite does, and elsewhere each time
EXAMPLES = int(os.environ.get("GATE_EXAMPLES", "20"))
REPEATABLE = "GATE_EXAMPLES" not in os.environ


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return compile_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def warehouse(compiled: dict[str, str]) -> GateWarehouse:
    return GateWarehouse(compiled)


def by_action(decisions: list[Decision]) -> dict[int, Decision]:
    assert len({one.action_id for one in decisions}) == len(decisions), "a candidate has two decisions"
    return {one.action_id: one for one in decisions}


def play(world: World, warehouse: GateWarehouse) -> Iterator[tuple[list[Decision], list[Decision], list[Decision]]]:
    """Tick after tick: what the SQL decided, what the reference did, and what was decided before."""
    warehouse.fill(world)
    before = list(world.earlier)
    not_accepted: set[int] = set()
    for number, window in enumerate(world.windows):
        failed = {
            one.action_id for one in before if one.outcome == "send" and one.enrollment_id in world.not_accepted
        } - not_accepted
        warehouse.add_outcomes(
            (action_id, FAILURES[number % 3], window.end - timedelta(microseconds=1)) for action_id in sorted(failed)
        )
        not_accepted |= failed
        decided = warehouse.tick(window)
        expected = decide(world, window, before, frozenset(not_accepted))
        yield decided, expected, before
        before = before + expected


def agrees(world: World, warehouse: GateWarehouse) -> bool:
    return all(by_action(decided) == by_action(expected) for decided, expected, _ in play(world, warehouse))


@settings(
    max_examples=EXAMPLES,
    derandomize=REPEATABLE,
    deadline=None,
    # shrinking takes minutes, and a world is small enough to read
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(world=worlds())
def test_the_gate_decides_as_the_reference_does(warehouse: GateWarehouse, world: World) -> None:
    history = []
    for decided, expected, before in play(world, warehouse):
        assert by_action(decided) == by_action(expected)
        history.append(decided)
        sends = [one for one in decided if one.outcome == "send"]
        assert_no_action_is_sent_twice(sends, before)
        assert_no_cap_is_broken(world, sends, [*before, *decided])
        assert_nothing_promotional_in_quiet_hours(world, sends)
        assert all(one.send_after < one.expires_at for one in sends)
        assert_nobody_jumps_the_line(world, [*before, *decided], sends)

    # a tick that is run again, when later ones are done, decides the same
    assert warehouse.tick(world.windows[0]) == history[0]


def assert_no_action_is_sent_twice(sends: list[Decision], before: list[Decision]) -> None:
    assert not {one.action_id for one in sends} & {one.action_id for one in before if one.outcome == "send"}


def assert_no_cap_is_broken(world: World, sends: list[Decision], until_now: list[Decision]) -> None:
    """In every period of a cap in which something new lies, there is no more than it allows."""
    for new in sends:
        if new.is_promotional:
            sent = [
                Sent(one.channel, one.topic, one.send_after)
                for one in until_now
                if one.outcome == "send"
                and one.is_promotional
                and one.enrollment_id not in world.not_accepted
                and survivor(world, one.contact_id, new.tick_end) == new.contact_id
            ]
            for cap in world.caps:
                if cap.max_sends is not None and counts(cap, Sent(new.channel, new.topic, new.send_after)):
                    assert most_in_a_period(cap, sent, new) <= cap.max_sends


def most_in_a_period(cap: Cap, sent: list[Sent], new: Decision) -> int:
    period = timedelta(hours=cap.period_hours)
    times = [one.at for one in sent if counts(cap, one)]
    ends = [at for at in times if new.send_after <= at < new.send_after + period]
    return max((sum(end - period < at <= end for at in times) for end in ends), default=0)


def assert_nothing_promotional_in_quiet_hours(world: World, sends: list[Decision]) -> None:
    for one in sends:
        if one.is_promotional:
            eligibility = standing(world, one.contact_id, one.channel, one.topic, one.tick_end)
            assert not is_quiet(one.send_after, eligibility.timezone, channel_named(world, one.channel))


def assert_nobody_jumps_the_line(world: World, until_now: list[Decision], sends: list[Decision]) -> None:
    """Messages of a kind are as far apart as the provider wants."""
    for new in sends:
        rate = channel_named(world, new.channel).rate_per_hour
        if rate:
            others = [
                one.send_after
                for one in until_now
                if one.outcome == "send"
                and one.channel == new.channel
                and one.is_promotional == new.is_promotional
                and one.action_id != new.action_id
            ]
            slot = timedelta(microseconds=3_600_000_000 // rate)
            assert all(abs(new.send_after - other) >= slot for other in others)


TEN = datetime(2026, 6, 10, 10)
HOUR = timedelta(hours=1)
FIRST = Proposal(
    workflow="welcome_series",
    step="hello",
    enrollment_id=1,
    contact_id=PEOPLE[0],
    reached_at=TEN,
    tick_end=TEN + HOUR,
    channels=("email",),
    topic="offers",
    if_held="skip",
    expires_at=TEN + 24 * HOUR,
)
QUIET_LIFE = World(
    windows=(Window(TEN, TEN + HOUR),),
    channels=(Channel("email"),),
    caps=(Cap("one a day", 1, 24),),
    eligibility=(Eligibility(PEOPLE[0], "email", "offers", TEN),),
    proposals=(FIRST,),
)
# sent exactly a day before the end of the tick
A_DAY_AGO = Decision(
    action_id=stable_hash(2, "welcome_series", "hello"),
    tick_end=TEN - 23 * HOUR,
    workflow="welcome_series",
    step="hello",
    enrollment_id=2,
    contact_id=PEOPLE[0],
    kind="send",
    topic="offers",
    topic_kind="promotional",
    channels=("email",),
    if_held="skip",
    priority=30,
    reached_at=TEN - 24 * HOUR,
    due_at=TEN - 24 * HOUR,
    expires_at=TEN,
    times_deferred=0,
    outcome="send",
    channel="email",
    gate=None,
    held_until=None,
    send_after=TEN - 23 * HOUR,
)
# for each mutant the smallest world that tells it from the gate
WORLDS = {
    "consent asked after the exits": replace(
        QUIET_LIFE,
        eligibility=(Eligibility(PEOPLE[0], "email", "offers", TEN, is_consented=False),),
        exits=(Exit("welcome_series", 1, TEN),),
    ),
    "a holdout that hides who has not agreed": replace(
        QUIET_LIFE,
        eligibility=(Eligibility(HELD_OUT, "email", "offers", TEN, is_consented=False),),
        proposals=(replace(FIRST, contact_id=HELD_OUT),),
    ),
    "a holdout that looks at the first channel only": replace(
        QUIET_LIFE,
        channels=(Channel("sms"), Channel("email")),
        eligibility=(
            Eligibility(HELD_OUT, "sms", "offers", TEN, is_consented=False),
            Eligibility(HELD_OUT, "email", "offers", TEN),
        ),
        proposals=(replace(FIRST, contact_id=HELD_OUT, channels=("sms", "email")),),
    ),
    "a cap one too wide": replace(QUIET_LIFE, proposals=(FIRST, replace(FIRST, enrollment_id=3))),
    "a period that holds both its ends": replace(QUIET_LIFE, earlier=(A_DAY_AGO,)),
    "an objection that counts for one contact only": replace(
        QUIET_LIFE,
        eligibility=(Eligibility(PEOPLE[0], "email", "offers", TEN, address="info@shop.example"),),
        statements=(Statement("info@shop.example", "email", "all", "withdrawn", TEN, TEN),),
    ),
    "what this tick sends stays longest": replace(
        QUIET_LIFE,
        caps=(Cap("two a day", 2, 24),),
        proposals=(FIRST, replace(FIRST, enrollment_id=3)),
        earlier=(replace(A_DAY_AGO, tick_end=TEN, send_after=TEN + 2 * HOUR),),
    ),
}
NOW = "cast(getvariable('tick_end') as timestamp)"
MUTANTS = {
    "an objection that counts for one contact only": (
        "candidate_eligibility",
        "is_consented and not has_objected as is_consented",
        "is_consented",
    ),
    "consent asked after the exits": (
        "candidate_channels",
        "when (is_message or is_marketing) and not is_consented then 'no consent'",
        "when (is_message or is_marketing) and not is_consented and exit_reason is null then 'no consent'",
    ),
    "a holdout that hides who has not agreed": (
        "candidate_channels",
        "coalesce(gate_otherwise, 'none')",
        "'none'",
    ),
    "a holdout that looks at the first channel only": (
        "decisions",
        "gate_otherwise = 'none' or",
        "channel_rank = 1 or",
    ),
    "a cap one too wide": (
        "cap_walk",
        "walk.sends >= walk.max_sends",
        "walk.sends > walk.max_sends",
    ),
    "a period that holds both its ends": (
        "cap_usage",
        f"sends.send_after > {NOW} - to_hours(caps.period_hours)",
        f"sends.send_after >= {NOW} - to_hours(caps.period_hours)",
    ),
    "what this tick sends stays longest": (
        "cap_walk",
        "usage.sent_at[walk.max_sends],",
        "usage.sent_at[walk.max_sends - (walk.sends - usage.sends)],",
    ),
}


CAUGHT_UP = Window(TEN, TEN + 48 * HOUR)
CAPS = Path(__file__).resolve().parents[2] / "dbt" / "seeds" / "frequency_caps.csv"


def caught_up(warehouse: GateWarehouse) -> list[Decision]:
    """What is sent after 48 hours without a tick, in which a message to each contact was due every six hours."""
    with CAPS.open() as file:
        shipped = [
            Cap(row["rule"], int(row["max_sends"]), int(row["period_hours"]), row["channel"], row["topic"])
            for row in csv.DictReader(file)
        ]
    proposals = [
        replace(
            FIRST,
            workflow=workflow,
            step=step,
            enrollment_id=number,
            contact_id=PEOPLE[number % len(PEOPLE)],
            reached_at=TEN + 6 * (number // len(PEOPLE)) * HOUR,
            tick_end=CAUGHT_UP.end,
            if_held="defer" if number % 2 else "skip",
            expires_at=TEN + (6 * (number // len(PEOPLE)) + 24) * HOUR,
        )
        for number, (workflow, step) in enumerate(
            # what goes first has waited longest
            (workflow, step)
            for workflow in sorted(STEPS, key=PRIORITIES.__getitem__)[:4]
            for step in STEPS[workflow][1:3]
            for _ in PEOPLE
        )
    ]
    world = World(
        windows=(CAUGHT_UP,),
        channels=(Channel("email"),),
        caps=tuple(shipped),
        eligibility=tuple(Eligibility(contact, "email", "offers", TEN) for contact in PEOPLE),
        proposals=tuple(proposals),
    )
    warehouse.fill(world)
    return [one for one in warehouse.tick(CAUGHT_UP) if one.outcome == "send"]


def is_one_message_in_time(sends: list[Decision]) -> bool:
    contacts = {one.contact_id for one in sends}
    in_time = all(one.expires_at > CAUGHT_UP.end for one in sends)
    # what is too late must not take the place of what is not
    return in_time and len(sends) == len(contacts) > len(PEOPLE) / 2


def test_catching_up_sends_at_most_one_message_a_contact_and_none_too_late(warehouse: GateWarehouse) -> None:
    assert is_one_message_in_time(caught_up(warehouse))


@pytest.mark.parametrize(
    ("model", "right", "wrong"),
    [
        MUTANTS["a cap one too wide"],
        ("candidate_channels", f"when expires_at <= {NOW} then 'expired'", "when false then 'expired'"),
    ],
    ids=["caps", "expiry"],
)
def test_a_mutant_that_catches_up_with_too_much_is_caught(
    compiled: dict[str, str], model: str, right: str, wrong: str
) -> None:
    assert right in compiled[model], "the mutant's place in the SQL has changed: mend the test"
    mutant = GateWarehouse(compiled | {model: compiled[model].replace(right, wrong)})
    assert not is_one_message_in_time(caught_up(mutant))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(compiled: dict[str, str], warehouse: GateWarehouse, name: str) -> None:
    model, right, wrong = MUTANTS[name]
    assert right in compiled[model], "the mutant's place in the SQL has changed: mend the test"
    mutant = GateWarehouse(compiled | {model: compiled[model].replace(right, wrong)})
    assert agrees(WORLDS[name], warehouse)
    assert not agrees(WORLDS[name], mutant), f"nothing notices {name}"
