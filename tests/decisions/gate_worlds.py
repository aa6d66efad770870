"""Small worlds by the dozen: hypothesis strategies for everything that the gate looks at."""

from datetime import datetime, timedelta
from itertools import product

from gate_world import (
    PRIORITIES,
    STEPS,
    TOPICS,
    UNKNOWN_TOPIC,
    Cap,
    Channel,
    Decision,
    Eligibility,
    Exit,
    Merge,
    Proposal,
    Statement,
    Window,
    World,
    stable_hash,
)
from hypothesis import strategies as st

HOUR = timedelta(hours=1)
CHANNELS = ("email", "sms", "push")
# about changes of the clocks, and away from them
STARTS = (datetime(2026, 3, 28, 20), datetime(2026, 6, 10, 5), datetime(2026, 10, 24, 19), datetime(2026, 11, 1, 2))
ZONES = ("UTC", "Europe/London", "Asia/Kolkata", "America/New_York", "Mars/Olympus", None)
# the small hours are left out, which some days have twice
CLOCKS = [f"{hour:02}:{minute:02}" for hour in range(5, 24) for minute in (0, 0, 15, 30)]
SHARES = {contact: stable_hash("global holdout", contact) % 1_000_000 for contact in range(1, 1_000)}
HELD_OUT, *PEOPLE = sorted(SHARES, key=lambda contact: SHARES[contact])
PEOPLE = PEOPLE[-4:]
ADDRESSES = ("info@shop.example", "ann@shop.example")
RETIRED = "spring_sale"
PLACES = [(workflow, step) for workflow, steps in STEPS.items() for step in steps]

TROUBLES = ("refused", "unreachable", "erased", "suppressed", "moved")

rarely = st.integers(0, 7).map(lambda n: n == 0)
sometimes = st.integers(0, 2).map(lambda n: n == 0)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    start = draw(st.sampled_from(STARTS))
    windows = []
    for hours in draw(st.sampled_from(((1, 1), (1, 1, 1), (6, 1), (1, 24), (24, 1)))):
        windows.append(Window(start, start + hours * HOUR))
        start = windows[-1].end
    people = [*PEOPLE[: draw(st.integers(1, 4))], HELD_OUT]
    proposals = draw(some_proposals(windows, people))
    earlier = draw(some_earlier(windows, people))
    enrollments = [one.enrollment_id for one in (*proposals, *earlier)]
    return World(
        windows=tuple(windows),
        channels=tuple(draw(a_channel(name)) for name in CHANNELS),
        caps=draw(some_caps()),
        eligibility=draw(some_eligibility(windows, people)),
        proposals=proposals,
        exits=tuple(
            Exit(one.workflow, one.enrollment_id, draw(a_moment(windows))) for one in proposals if draw(sometimes)
        ),
        merges=draw(some_merges(windows, people)),
        statements=draw(some_statements(windows)),
        earlier=earlier,
        broken=frozenset(
            (window.end, draw(st.sampled_from(sorted(PRIORITIES)))) for window in windows if draw(sometimes)
        ),
        not_accepted=frozenset(draw(st.lists(st.sampled_from(enrollments), max_size=5))),
    )


def a_moment(windows: list[Window]) -> st.SearchStrategy[datetime]:
    """On the quarter of an hour, and often on the very edge of a window."""
    quarters = int((windows[-1].end - windows[0].start) / (HOUR / 4))
    edges = [windows[0].start, *(window.end for window in windows)]
    return st.one_of(
        st.sampled_from(edges),
        st.integers(-4, quarters + 4).map(lambda n: windows[0].start + n * HOUR / 4),
    )


@st.composite
def a_channel(draw: st.DrawFn, name: str) -> Channel:
    quiet_from, quiet_to = draw(st.sampled_from(CLOCKS)), draw(st.sampled_from(CLOCKS))
    return Channel(
        name,
        None if draw(sometimes) else quiet_from,
        quiet_from if draw(rarely) else quiet_to,
        draw(st.sampled_from((None, None, None, 3600, 3600, 0, 1, 3, 7))),
    )


@st.composite
def some_caps(draw: st.DrawFn) -> tuple[Cap, ...]:
    return tuple(
        Cap(
            rule=f"rule {chr(99 - place)}",
            max_sends=draw(st.sampled_from((1, 1, 2, 2, 3, 4, None, 0))),
            period_hours=draw(st.sampled_from((1, 2, 6, 24, 168))),
            channel=draw(st.sampled_from(("all", "all", None, *CHANNELS))),
            topic=draw(st.sampled_from(("all", "all", None, "offers", "newsletter"))),
        )
        for place in range(draw(st.integers(0, 3)))
    )


@st.composite
def some_eligibility(draw: st.DrawFn, windows: list[Window], people: list[int]) -> tuple[Eligibility, ...]:
    """Everybody may be written to by everything about everything, but for a few changes."""
    zones = {contact: draw(st.sampled_from(ZONES)) for contact in people}
    topics = (*TOPICS, UNKNOWN_TOPIC)
    long_ago = windows[0].start - 24 * HOUR
    rows = {
        (contact, channel, topic, long_ago): Eligibility(contact, channel, topic, long_ago, timezone=zones[contact])
        for contact, channel, topic in product(people, CHANNELS, topics)
    }
    for contact, channel, known_at in product(people, CHANNELS, (long_ago, *(window.end for window in windows))):
        if not draw(sometimes):
            continue
        troubles = draw(st.sets(st.sampled_from(TROUBLES), max_size=3))
        hit = draw(st.sampled_from((topics, topics, topics[:2])))
        suppressed_until = draw(a_moment(windows)) if "suppressed" in troubles else None
        for topic in hit:
            rows[contact, channel, topic, known_at] = Eligibility(
                contact,
                channel,
                topic,
                known_at,
                is_consented="refused" not in troubles,
                is_reachable="unreachable" not in troubles,
                is_erased="erased" in troubles,
                suppressed_until=suppressed_until,
                timezone="Asia/Tokyo" if "moved" in troubles else zones[contact],
                address=draw(st.sampled_from((None, *ADDRESSES))),
                stated_at=None if draw(sometimes) else draw(a_moment(windows)),
            )
    if draw(rarely):
        # somebody of whom nothing is known on one channel
        gone = (draw(st.sampled_from(people)), draw(st.sampled_from(CHANNELS)))
        rows = {key: row for key, row in rows.items() if key[:2] != gone}
    return tuple(rows.values())


@st.composite
def some_statements(draw: st.DrawFn, windows: list[Window]) -> tuple[Statement, ...]:
    """What strangers said of addresses that somebody here has too."""
    statements = []
    for _ in range(draw(st.integers(0, 4))):
        occurred_at = draw(a_moment(windows))
        statements.append(
            Statement(
                email=draw(st.sampled_from(ADDRESSES)),
                channel=draw(st.sampled_from(("all", *CHANNELS))),
                topic=draw(st.sampled_from(("all", *TOPICS))),
                status=draw(st.sampled_from(("withdrawn", "withdrawn", "granted"))),
                occurred_at=occurred_at,
                effective_at=max(occurred_at, draw(a_moment(windows))),
            )
        )
    return tuple(statements)


def some_channels() -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from((("email",), ("sms", "email"), ("email", "sms"), ("push", "sms", "email"), ("fax", "sms")))


@st.composite
def some_proposals(draw: st.DrawFn, windows: list[Window], people: list[int]) -> tuple[Proposal, ...]:
    proposals: dict[tuple[int, str], Proposal] = {}
    for number in range(draw(st.integers(8, 40))):
        window = draw(st.sampled_from(windows))
        workflow, step = draw(st.sampled_from(PLACES))
        minutes = int(window.length / timedelta(minutes=1))
        reached_at = window.start + timedelta(minutes=draw(st.integers(0, minutes - 1)))
        proposals[number, ""] = Proposal(
            workflow=workflow,
            step=step,
            enrollment_id=1000 + number,
            contact_id=draw(st.sampled_from(people)),
            reached_at=reached_at,
            tick_end=window.end,
            channels=draw(some_channels()),
            topic=draw(st.sampled_from(("offers", "offers", "newsletter", "service", UNKNOWN_TOPIC))),
            if_held=draw(st.sampled_from(("skip", "defer", "defer", "next channel"))),
            expires_at=reached_at + draw(st.sampled_from((1, 6, 24, 24, 72, 2400))) * HOUR,
            kind=draw(st.sampled_from(("set_property", "join_audience"))) if draw(rarely) else "send",
        )
        if draw(rarely) and window != windows[-1]:
            # the workflow ran once more, over a wider window
            again = vars(proposals[number, ""]) | {"tick_end": windows[-1].end}
            proposals[number, "again"] = Proposal(**again)
    return tuple(proposals.values())


@st.composite
def some_merges(draw: st.DrawFn, windows: list[Window], people: list[int]) -> tuple[Merge, ...]:
    """The second contact into the first, the third into the second; each row names who survives."""
    if len(people) < 3 or draw(st.booleans()):
        return ()
    first, second, third = people[:3]
    one, other = draw(a_moment(windows)), draw(a_moment(windows))
    merges = [Merge(second, first, one)]
    if other < one:
        merges += [Merge(third, second, other), Merge(third, first, one)]
    else:
        merges += [Merge(third, first, other)]
    return tuple(merges)


@st.composite
def some_earlier(draw: st.DrawFn, windows: list[Window], people: list[int]) -> tuple[Decision, ...]:
    start = windows[0].start
    decisions = []
    for number in range(draw(st.integers(4, 16))):
        is_deferred = not draw(sometimes)
        workflow, step = (RETIRED, "hello") if draw(rarely) else draw(st.sampled_from(PLACES))
        ago = draw(st.sampled_from((0, 1, 2, 5, 6, 23, 24, 47, 167, 168)))
        tick_end = start - ago * HOUR
        send_after = tick_end + draw(st.sampled_from((0, 0, 17, 59, 60, 300))) * timedelta(minutes=1)
        held_until = max(tick_end, draw(a_moment(windows)))
        channels, topic = draw(some_channels()), draw(st.sampled_from(("offers", "newsletter", "service")))
        decisions.append(
            Decision(
                action_id=stable_hash(100 + number, workflow, step),
                tick_end=tick_end,
                workflow=workflow,
                step=step,
                enrollment_id=100 + number,
                contact_id=draw(st.sampled_from(people)),
                kind="send",
                topic=topic,
                topic_kind=TOPICS[topic],
                channels=channels,
                if_held="defer",
                priority=PRIORITIES.get(workflow, 5),
                reached_at=tick_end - HOUR,
                due_at=tick_end - HOUR,
                expires_at=held_until + draw(st.sampled_from((0.5, 2, 400, 400))) * HOUR,
                times_deferred=0,
                outcome="deferred" if is_deferred else "send",
                channel=None if is_deferred else channels[0],
                gate="frequency cap" if is_deferred else None,
                held_until=held_until if is_deferred else None,
                send_after=None if is_deferred else send_after,
            )
        )
    return tuple(decisions)
