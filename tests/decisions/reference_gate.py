"""The gate as plain loops: slow, obvious, and written from the rules rather than from the SQL."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from gate_world import (
    GLOBAL_HOLDOUT,
    PRIORITIES,
    PROJECT,
    TOPICS,
    Cap,
    Channel,
    Decision,
    Eligibility,
    Window,
    World,
    stable_hash,
)

UTC = ZoneInfo("UTC")
LONGEST = timedelta(days=int(PROJECT["longest_deferral"].split()[0]))
STAYS_STOPPED = ("global holdout", "erased", "exited", "expired", "workflow broken")
MAY_BE_HELD = ("suppressed", "quiet hours", "frequency cap")


@dataclass(frozen=True)
class Stop:
    gate: str
    held_until: datetime | None = None
    otherwise: str | None = None


@dataclass(frozen=True)
class Sent:
    """A promotional message that counts against caps."""

    channel: str
    topic: str
    at: datetime


def decide(world: World, window: Window, before: Iterable[Decision], not_accepted: frozenset[int]) -> list[Decision]:
    """What becomes of everything that is due in the window.

    `before` are the decisions of earlier ticks, `not_accepted` the actions known to have failed by the end of this one.
    """
    before = list(before)
    candidates = due(world, window, before)
    # by priority, then due time, then hash
    candidates.sort(key=lambda one: (one.priority, one.due_at, one.action_id))
    received = {
        contact: already_received(world, window, contact, before, not_accepted)
        for contact in {candidate.contact_id for candidate in candidates}
    }
    decided = []
    for candidate in candidates:
        channel, stop = choose_channel(world, window, candidate, received[candidate.contact_id])
        if stop is not None and stop.gate == "global holdout":
            stop = replace(stop, otherwise=gate_otherwise(world, window, candidate))
        decided.append((candidate, channel, stop))
    return line_up(world, window, decided, before)


def due(world: World, window: Window, before: list[Decision]) -> list[Decision]:
    """New proposals that were not decided before, and what was put off until now; not yet decided."""
    found = []
    for proposal in world.proposals:
        broken = (window.end, proposal.workflow) in world.broken
        known = any(decision.action_id == proposal.action_id for decision in before)
        if proposal.tick_end == window.end and not broken and not known:
            found.append(
                Decision(
                    action_id=proposal.action_id,
                    tick_end=window.end,
                    workflow=proposal.workflow,
                    step=proposal.step,
                    enrollment_id=proposal.enrollment_id,
                    contact_id=survivor(world, proposal.contact_id, window.end),
                    kind=proposal.kind,
                    topic=proposal.topic,
                    topic_kind=TOPICS.get(proposal.topic, "promotional"),
                    channels=proposal.channels,
                    if_held=proposal.if_held,
                    priority=PRIORITIES.get(proposal.workflow, 1000),
                    reached_at=proposal.reached_at,
                    due_at=proposal.reached_at,
                    expires_at=proposal.expires_at,
                    times_deferred=0,
                    outcome="open",
                    channel=None,
                    gate=None,
                    held_until=None,
                    send_after=None,
                )
            )
    for decision in before:
        if decision.outcome == "deferred" and window.start <= decision.held_until < window.end:
            found.append(
                replace(
                    decision,
                    tick_end=window.end,
                    contact_id=survivor(world, decision.contact_id, window.end),
                    priority=PRIORITIES.get(decision.workflow, 1000),
                    topic_kind=TOPICS.get(decision.topic, "promotional"),
                    due_at=decision.held_until,
                    times_deferred=decision.times_deferred + 1,
                    outcome="open",
                    gate=None,
                    held_until=None,
                )
            )
    return found


def survivor(world: World, contact_id: int, before: datetime) -> int:
    """Whom a contact has been merged into before a moment."""
    merges = [merge for merge in world.merges if merge.contact_id == contact_id and merge.merged_at < before]
    return max(merges, key=lambda merge: merge.merged_at).into_contact_id if merges else contact_id


def already_received(
    world: World, window: Window, contact: int, before: list[Decision], not_accepted: frozenset[int]
) -> list[Sent]:
    """Every promotional message that this person got, or may yet get, under whatever id."""
    received = []
    for decision in before:
        is_theirs = survivor(world, decision.contact_id, window.end) == contact
        is_promotion = decision.outcome == "send" and decision.is_promotional
        if is_promotion and is_theirs and decision.action_id not in not_accepted:
            received.append(Sent(decision.channel, decision.topic, decision.send_after))
    return received


def choose_channel(world: World, window: Window, candidate: Decision, received: list[Sent]) -> tuple[str, Stop | None]:
    """The first channel that may send, or the one that ended it, and why. A send is noted in `received`."""
    channel, stop = "", None
    for channel in candidate.channels:
        stop = own_gates(world, window, candidate, channel)
        if stop is None and candidate.is_promotional:
            stop = caps(world, window, candidate, channel, received)
        if stop is None:
            if candidate.is_promotional:
                # when in the tick that follows is not known yet: it counts from the beginning
                received.append(Sent(channel, candidate.topic, window.end))
            return channel, None
        if stop.gate in STAYS_STOPPED:
            break
        if stop.gate in MAY_BE_HELD and candidate.if_held != "next channel":
            break
    return channel, stop


def gate_otherwise(world: World, window: Window, candidate: Decision) -> str:
    """What would have stopped somebody in the global holdout, had they not been; no cap, for they use up none."""
    stop = None
    for channel in candidate.channels:
        stop = own_gates(world, window, candidate, channel, is_let_through=True)
        if stop is None:
            return "none"
        if stop.gate in STAYS_STOPPED or (stop.gate in MAY_BE_HELD and candidate.if_held != "next channel"):
            break
    assert stop is not None
    return stop.gate


def own_gates(
    world: World, window: Window, candidate: Decision, name: str, *, is_let_through: bool = False
) -> Stop | None:
    """The gates that look at a candidate alone, in their fixed order."""
    now = window.end
    eligibility = standing(world, candidate.contact_id, name, candidate.topic, now)
    is_message = candidate.kind == "send"
    # an ad reaches people, too
    is_marketing = candidate.kind in ("send", "join_audience") and candidate.topic_kind != "transactional"
    if is_marketing and is_held_out(candidate.contact_id) and not is_let_through:
        return Stop("global holdout")
    if eligibility is not None and eligibility.is_erased and candidate.kind != "leave_audience":
        return Stop("erased")
    if (is_message or is_marketing) and eligibility is None:
        return Stop("unreachable" if candidate.topic_kind == "transactional" else "no consent")
    if (is_message or is_marketing) and not eligibility.is_consented:
        return Stop("no consent")
    if (is_message or is_marketing) and address_objects(world, eligibility, candidate, now):
        return Stop("no consent")
    if is_message and not eligibility.is_reachable:
        return Stop("unreachable")
    if candidate.workflow not in PRIORITIES:
        return Stop("exited")
    for left in world.exits:
        if left.enrollment_id == candidate.enrollment_id and left.exited_at < now:
            return Stop("exited")
    if candidate.expires_at <= now:
        return Stop("expired")
    if (now, candidate.workflow) in world.broken:
        return Stop("workflow broken", now)
    if candidate.is_promotional and eligibility is not None:
        if eligibility.suppressed_until is not None and eligibility.suppressed_until > now:
            return Stop("suppressed", eligibility.suppressed_until)
        until = quiet_until(now, eligibility.timezone, channel_named(world, name))
        if until is not None:
            return Stop("quiet hours", until)
    return None


def standing(world: World, contact: int, channel: str, topic: str, by: datetime) -> Eligibility | None:
    rows = [
        row
        for row in world.eligibility
        if (row.contact_id, row.channel, row.topic) == (contact, channel, topic) and row.tick_end <= by
    ]
    return max(rows, key=lambda row: row.tick_end, default=None)


def address_objects(world: World, eligibility: Eligibility, candidate: Decision, now: datetime) -> bool:
    """Whether the last thing that anybody said of the address is an objection, and the contact has not agreed since."""
    about = [
        said
        for said in world.statements
        if said.email == eligibility.address
        and said.effective_at < now
        and said.channel in ("all", eligibility.channel)
        and (said.topic == candidate.topic or (said.topic == "all" and candidate.topic_kind != "transactional"))
    ]
    if not about:
        return False
    last = max(about, key=lambda said: (said.occurred_at, said.status == "withdrawn"))
    return last.status == "withdrawn" and not (eligibility.stated_at and eligibility.stated_at > last.occurred_at)


def is_held_out(contact: int) -> bool:
    return stable_hash("global holdout", contact) % 1_000_000 / 1_000_000 < GLOBAL_HOLDOUT


def channel_named(world: World, name: str) -> Channel:
    return next((channel for channel in world.channels if channel.channel == name), Channel(name))


def counts(cap: Cap, sent: Sent) -> bool:
    return cap.channel in (None, "all", sent.channel) and cap.topic in (None, "all", sent.topic)


def caps(world: World, window: Window, candidate: Decision, channel: str, received: list[Sent]) -> Stop | None:
    this = Sent(channel, candidate.topic, window.end)
    full, free_at = False, []
    for cap in world.caps:
        if cap.max_sends is None or not counts(cap, this):
            continue
        period = timedelta(hours=cap.period_hours)
        times = [sent.at for sent in received if counts(cap, sent)]

        def held_at(moment: datetime, times: list[datetime] = times, period: timedelta = period) -> int:
            return sum(at > moment - period for at in times)

        if held_at(window.end) >= cap.max_sends:
            full = True
            later = [at + period for at in times if at + period > window.end]
            free_at.append(min((moment for moment in later if held_at(moment) < cap.max_sends), default=None))
    if not full:
        return None
    return Stop("frequency cap", None if None in free_at else max(free_at))


def line_up(
    world: World,
    window: Window,
    decided: list[tuple[Decision, str, Stop | None]],
    before: list[Decision],
) -> list[Decision]:
    """Spread what may be sent over the time after the tick, as each provider takes it; close the rest."""
    lines: dict[str, list[Decision]] = defaultdict(list)
    answers = []
    for candidate, channel, stop in decided:
        if stop is None:
            lines[channel].append(candidate)
        else:
            answers.append(close(window, candidate, stop))
    for name, line in lines.items():
        channel = channel_named(world, name)
        each = 3_600_000_000 / channel.rate_per_hour if channel.rate_per_hour else 0.0
        gap = timedelta(microseconds=math.ceil(each))
        # whoever takes any number at once has no line
        taken = [one for one in before if one.outcome == "send" and one.channel == name and channel.rate_per_hour]
        transactional = [one for one in line if not one.is_promotional]
        promotional = [one for one in line if one.is_promotional]

        # transactional messages wait only for each other
        first = window.end
        for one in taken:
            if not one.is_promotional:
                first = max(first, one.send_after + gap)
        turns = [
            (one, first + timedelta(microseconds=math.floor(place * each))) for place, one in enumerate(transactional)
        ]
        # promotional ones wait for everybody
        first = first + timedelta(microseconds=math.floor(len(transactional) * each))
        for one in taken:
            first = max(first, one.send_after + gap)
        turns += [
            (one, first + timedelta(microseconds=math.floor(place * each))) for place, one in enumerate(promotional)
        ]
        for candidate, turn in turns:
            stop = rate(world, window, candidate, channel, turn)
            if stop is None:
                answers.append(replace(candidate, outcome="send", channel=name, send_after=turn))
            else:
                answers.append(close(window, candidate, stop))
    return answers


def rate(world: World, window: Window, candidate: Decision, channel: Channel, turn: datetime) -> Stop | None:
    if channel.rate_per_hour == 0 or turn >= candidate.expires_at:
        return Stop("provider rate")
    if turn >= window.end + window.length:
        return Stop("provider rate", turn - window.length)
    if candidate.is_promotional:
        eligibility = standing(world, candidate.contact_id, channel.channel, candidate.topic, window.end)
        begins = quiet_begins(window.end, eligibility.timezone, channel)
        if begins is not None and turn >= begins:
            return Stop("provider rate", quiet_until(begins, eligibility.timezone, channel))
    return None


def close(window: Window, candidate: Decision, stop: Stop) -> Decision:
    puts_off = candidate.if_held == "defer" or stop.gate in ("workflow broken", "provider rate")
    in_time = stop.held_until is not None and stop.held_until < min(candidate.expires_at, window.end + LONGEST)
    return replace(
        candidate,
        outcome="deferred" if puts_off and in_time else "stopped",
        channel=None,
        gate=stop.gate,
        held_until=stop.held_until,
        send_after=None,
        gate_otherwise=stop.otherwise,
    )


@cache
def zone_of(timezone: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(timezone or PROJECT["account_timezone"])
    except KeyError:
        return ZoneInfo(PROJECT["account_timezone"])


def clock(moment: datetime, timezone: str | None) -> time:
    return moment.replace(tzinfo=UTC).astimezone(zone_of(timezone)).time()


def is_quiet(moment: datetime, timezone: str | None, channel: Channel) -> bool:
    if channel.quiet_from is None or channel.quiet_to is None:
        return False
    begins, ends = (time(*map(int, each.split(":"))) for each in (channel.quiet_from, channel.quiet_to))
    now = clock(moment, timezone)
    return begins <= now < ends if begins <= ends else now >= begins or now < ends


@lru_cache(maxsize=100_000)
def quiet_until(moment: datetime, timezone: str | None, channel: Channel) -> datetime | None:
    """Minute by minute until it is not quiet any more; null where it is not quiet."""
    if not is_quiet(moment, timezone, channel):
        return None
    until = moment.replace(second=0, microsecond=0)
    while is_quiet(until, timezone, channel):
        until += timedelta(minutes=1)
    return until


@lru_cache(maxsize=100_000)
def quiet_begins(moment: datetime, timezone: str | None, channel: Channel) -> datetime | None:
    """Minute by minute until it gets quiet; null where it never does. A moment within quiet hours is not asked for."""
    for minutes in range(2 * 24 * 60):
        if is_quiet(moment + timedelta(minutes=minutes), timezone, channel):
            return moment + timedelta(minutes=minutes)
    return None
