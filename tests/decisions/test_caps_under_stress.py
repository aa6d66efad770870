"""Caps under stress: 10,000 contacts, a month, and five workflows that all want to write to them.

No provider's rate is set, so that contacts are alone with their caps, and the slow reference can decide for some of
them. For all of them every cap is looked at in every period that it covers.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from gate_warehouse import GateWarehouse, compile_gate
from gate_world import STEPS, Cap, Channel, Decision, Eligibility, Proposal, Window, World, stable_hash
from reference_gate import decide

CONTACTS, DAYS, TICK = 10_000, 30, timedelta(hours=12)
BY_THE_REFERENCE = 200
START = datetime(2026, 3, 14, 6)
WINDOWS = tuple(Window(START + number * TICK, START + (number + 1) * TICK) for number in range(2 * DAYS))
CHANNELS = (Channel("email", "21:00", "08:00"), Channel("sms", "20:00", "09:00"), Channel("push"))
CAPS = (
    Cap("three a day in all", 3, 24),
    Cap("five mails a week", 5, 168, channel="email"),
    Cap("one text message in two days", 1, 48, channel="sms"),
    Cap("four offers in ten days", 4, 240, topic="offers"),
    Cap("no offers by push", 0, 24, channel="push", topic="offers"),
    Cap("no cap", None, 24),
)
ZONES = ("Europe/London", "Asia/Kolkata", "America/New_York", "Pacific/Auckland")
# workflow: channels, topic, what is done when held, hours to its expiry, and in how many days it writes once
WORKFLOWS = {
    "abandoned_cart": (("email",), "offers", "defer", 72, 2),
    "birthday": (("push", "email"), "offers", "next channel", 24, 3),
    "cross_sell": (("sms", "email"), "offers", "next channel", 48, 3),
    "post_purchase": (("email",), "service", "defer", 96, 6),
    "welcome_series": (("email",), "newsletter", "skip", 48, 2),
}
ENDS = {
    "send",
    "deferred, frequency cap",
    "deferred, quiet hours",
    "stopped, expired",
    "stopped, frequency cap",
    "stopped, global holdout",
    "stopped, quiet hours",
}
NOT_ACCEPTED = "decisions.action_id % 40 = 0"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return compile_gate(tmp_path_factory.mktemp("gate"))


def days(compiled: dict[str, str], contacts: int, windows: Sequence[Window] = WINDOWS) -> GateWarehouse:
    """Ticks, each of which knows by its end what was not accepted of the one before."""
    warehouse = GateWarehouse(compiled)
    warehouse.fill(World(WINDOWS, CHANNELS, CAPS, (), ()))
    run = warehouse.connection.execute
    for channel in CHANNELS:
        for topic in ("offers", "service", "newsletter"):
            run(
                "insert into eligibility.eligibility_changes by name "
                "select contact as contact_id, $channel as channel, $topic as topic, $start as tick_end, "
                "true as is_reachable, true as is_consented, false as is_erased, "
                "$zones[1 + contact % len($zones)] as timezone from range(1, $contacts + 1) as contacts (contact)",
                {"channel": channel.channel, "topic": topic, "start": START, "zones": ZONES, "contacts": contacts},
            )
    for workflow, (channels, topic, if_held, hours, every) in WORKFLOWS.items():
        run(
            f"insert into workflows.{workflow}__{STEPS[workflow][0]} by name "
            "with moments as (select contact, $start + to_minutes((md5_number_lower(concat($workflow, contact, turn)) "
            "% (1440 * $every))::bigint + turn * 1440 * $every) as reached_at, turn "
            "from range(1, $contacts + 1) as contacts (contact), range($days // $every) as turns (turn)) "
            "select $number + contact * 100 + turn as enrollment_id, contact as contact_id, reached_at, "
            "$start + (1 + epoch(reached_at - $start)::bigint // $tick) * to_seconds($tick) as tick_end, "
            "{'kind': 'send', 'channels': $channels, 'topic': $topic, 'template': 'hello', 'if_held': $if_held, "
            "'expires_at': reached_at + to_hours($hours), 'variant': null, 'details': null} as action from moments",
            {
                "start": START,
                "workflow": workflow,
                "every": every,
                "contacts": contacts,
                "days": DAYS,
                "number": 100_000_000 * (1 + list(WORKFLOWS).index(workflow)),
                "tick": int(TICK.total_seconds()),
                "channels": channels,
                "topic": topic,
                "if_held": if_held,
                "hours": hours,
            },
        )
    for window in windows:
        run(
            "insert into staging.stg_outcomes select action_id, 'failed', $known from decisions.decisions "
            f"where outcome = 'send' and tick_end = $start and {NOT_ACCEPTED}",
            {"known": window.end - timedelta(seconds=1), "start": window.start},
        )
        warehouse.decide(window)
    return warehouse


@pytest.fixture(scope="module")
def warehouse(compiled: dict[str, str]) -> GateWarehouse:
    return days(compiled, CONTACTS)


def over_a_cap(warehouse: GateWarehouse) -> dict[str, int]:
    """By rule, the accepted sends that end a period in which there are more of them than it allows."""
    found = {}
    for cap in CAPS:
        if cap.max_sends is not None:
            over = warehouse.connection.execute(
                "with counted as (select count(*) over (partition by contact_id order by send_after "
                f"range between interval '{3600 * cap.period_hours - 0.000001:.6f} seconds' preceding and current row) "
                "as sends from decisions.decisions where outcome = 'send' and topic_kind = 'promotional' "
                f"and $channel in ('all', channel) and $topic in ('all', topic) and not {NOT_ACCEPTED}) "
                "select count(*) from counted where sends > $most",
                {"channel": cap.channel, "topic": cap.topic, "most": cap.max_sends},
            ).fetchall()
            found[cap.rule] = over[0][0]
    return found


def test_nobody_gets_more_than_a_cap_allows(warehouse: GateWarehouse) -> None:
    over = over_a_cap(warehouse)
    assert over == dict.fromkeys(over, 0)
    held = warehouse.connection.execute(
        "select count(*) from decisions.decisions where gate = 'frequency cap'"
    ).fetchall()
    assert held[0][0] > CONTACTS, "the caps had something to do"


def ends_of(warehouse: GateWarehouse, until: datetime) -> dict[str, int]:
    """What became of every message that was proposed by then, and of how many."""
    proposed = " union all ".join(
        f"select enrollment_id, '{workflow}' as workflow from workflows.{workflow}__{STEPS[workflow][0]} "
        f"where tick_end <= timestamp '{until}'"
        for workflow in WORKFLOWS
    )
    return dict(
        warehouse.connection.execute(
            f"""
            with proposed as ({proposed}),

            ended as (
                select
                    enrollment_id,
                    workflow,
                    max_by({{'outcome': outcome, 'gate': gate, 'held_until': held_until}}, tick_end) as last,
                    count(*) filter (outcome <> 'deferred') as ends,
                    bool_or(gate is not null and outcome = 'send') as is_sent_through_a_gate,
                    count(*) <> count(distinct tick_end) as is_asked_twice
                from decisions.decisions
                group by enrollment_id, workflow
            )

            select
                case
                    when last is null then 'never decided'
                    when ends > 1 then 'ended twice'
                    when is_asked_twice then 'decided twice in a tick'
                    when is_sent_through_a_gate then 'sent through a gate'
                    when last.outcome = 'deferred' and last.held_until < ? then 'forgotten'
                    else concat_ws(', ', last.outcome, last.gate)
                end as became,
                count(*)
            from proposed
            left join ended using (enrollment_id, workflow)
            group by all
            order by all
            """,
            [until],
        ).fetchall()
    )


def test_every_message_is_accounted_for(warehouse: GateWarehouse) -> None:
    ends = ends_of(warehouse, WINDOWS[-1].end)
    assert sum(ends.values()) == sum(CONTACTS * (DAYS // every) for *_, every in WORKFLOWS.values())
    assert ends.keys() <= ENDS
    assert {"send", "stopped, frequency cap", "stopped, expired", "deferred, frequency cap"} <= ends.keys()


def test_the_reference_decides_the_same_for_some(warehouse: GateWarehouse) -> None:
    some = sorted(range(1, CONTACTS + 1), key=lambda contact: stable_hash("some", contact))[:BY_THE_REFERENCE]
    for contact in some:
        decided = warehouse.decisions("contact_id = ? order by tick_end, action_id", contact)
        assert decided == by_the_reference(warehouse, contact)


def by_the_reference(warehouse: GateWarehouse, contact: int, windows: Sequence[Window] = WINDOWS) -> list[Decision]:
    proposals = []
    for workflow, (channels, topic, if_held, *_) in WORKFLOWS.items():
        step = STEPS[workflow][0]
        rows = warehouse.connection.execute(
            "select enrollment_id, contact_id, reached_at, tick_end, action.expires_at "
            f"from workflows.{workflow}__{step} where contact_id = ?",
            [contact],
        ).fetchall()
        proposals += [Proposal(workflow, step, *row[:4], channels, topic, if_held, row[4]) for row in rows]
    zone = ZONES[contact % len(ZONES)]
    eligibility = tuple(
        Eligibility(contact, channel.channel, topic, START, timezone=zone)
        for channel in CHANNELS
        for topic in ("offers", "service", "newsletter")
    )
    world = World(WINDOWS, CHANNELS, CAPS, eligibility, tuple(proposals))
    decided: list[Decision] = []
    for window in windows:
        due = replace(world, proposals=tuple(one for one in proposals if one.tick_end == window.end))
        failed = frozenset(
            one.action_id
            for one in decided
            if one.outcome == "send" and one.action_id % 40 == 0 and one.tick_end < window.end
        )
        decided += sorted(decide(due, window, decided, failed), key=lambda one: one.action_id)
    return decided


FEW, FIRST_DAYS = 200, WINDOWS[:16]


def mutated(compiled: dict[str, str], model: str, right: str, wrong: str) -> GateWarehouse:
    assert right in compiled[model], "the mutant's place in the SQL has changed: mend the test"
    return days(compiled | {model: compiled[model].replace(right, wrong)}, FEW, FIRST_DAYS)


@pytest.mark.parametrize(
    ("model", "right", "wrong"),
    [
        ("cap_walk", "walk.sends >= walk.max_sends", "walk.sends > walk.max_sends"),
        ("cap_usage", "to_hours(caps.period_hours)", "to_hours(caps.period_hours // 2)"),
        ("cap_usage", "topic_kind <> 'transactional'", "topic_kind = 'transactional'"),
    ],
    ids=["one too many", "half as long", "what was sent is forgotten"],
)
def test_a_mutant_that_sends_too_much_is_caught(compiled: dict[str, str], model: str, right: str, wrong: str) -> None:
    assert any(over_a_cap(mutated(compiled, model, right, wrong)).values())


@pytest.mark.parametrize(
    ("model", "right", "wrong", "told"),
    [
        ("candidates", "select * from put_off_until_now", "select * from put_off_until_now where false", "forgotten"),
        ("decisions", "where not may_send", "where not may_send and if_held <> 'skip'", "never decided"),
    ],
    ids=["what was put off is lost", "what is skipped is not written down"],
)
def test_a_mutant_that_loses_messages_is_caught(
    compiled: dict[str, str], model: str, right: str, wrong: str, told: str
) -> None:
    ends = ends_of(mutated(compiled, model, right, wrong), FIRST_DAYS[-1].end)
    assert ends[told] > 0


def test_a_mutant_that_counts_a_whole_period_ago_is_caught(compiled: dict[str, str]) -> None:
    ago = "and sends.send_after > "
    mutant = mutated(compiled, "cap_usage", ago, ago.replace(">", ">="))
    assert any(
        mutant.decisions("contact_id = ? order by tick_end, action_id", contact)
        != by_the_reference(mutant, contact, FIRST_DAYS)
        for contact in range(1, FEW + 1)
    )
