"""One contact, explained: what is known, what was done and why, and why the rest was not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from activations.errors import HourbellError
from dagster_project.not_reached import NotReached, Passed, not_reached
from dagster_project.ticks.windows import last_completed

ROLES = {"treated": "", "holdout": ", held out: followed, and gets nothing"}


@dataclass(frozen=True)
class Happening:
    """Something that a workflow did with a contact, or did not do, and why."""

    at: datetime
    workflow: str
    what: str
    why: str


@dataclass(frozen=True)
class Explanation:
    """What `explain` found of a contact."""

    contact_id: int
    known_as: Sequence[int]
    """The contact's own id, and those of the contacts that were merged into it."""
    profile: Sequence[tuple[str, Any]]
    segments: Sequence[str]
    eligibility: Sequence[tuple[str, str, str]]
    """Channel, topic, and how matters stand."""
    happened: Sequence[Happening]
    not_reached: Sequence[NotReached]


def find_contact(connection: duckdb.DuckDBPyConnection, asked: str) -> int:
    """The contact of an id or an identifier (address, telephone number, user id, device), merges followed.

    Raises HourbellError where there is none, or more than one.
    """
    found = {
        contact
        for (contact,) in connection.execute(
            """
            select map.contact_id
            from contacts.identifiers as identifiers
            inner join contacts.identity_map as map on identifiers.identifier_id = map.identifier_id
            where identifiers.identifier_value in (?, lower(trim(?)))
            qualify row_number() over (partition by map.identifier_id order by map.valid_from desc) = 1
            """,
            [asked, asked],
        ).fetchall()
    }
    if not found and asked.lstrip("-").isdigit():
        found = {
            contact
            for (contact,) in connection.execute(
                "select distinct contact_id from contacts.contact_profile_versions where contact_id = ?", [int(asked)]
            ).fetchall()
        }
    survivors = {_survivor(connection, contact) for contact in found}
    if not survivors:
        raise HourbellError(
            f"Nobody is known as {asked}. Give a contact's id, an address, a telephone number (+49…) or a user id, "
            "as of the last tick."
        )
    if len(survivors) > 1:
        ids = ", ".join(str(contact) for contact in sorted(survivors))
        raise HourbellError(f"{asked} belongs to {len(survivors)} contacts. Ask for one of them: {ids}.")
    return survivors.pop()


def _survivor(connection: duckdb.DuckDBPyConnection, contact: int) -> int:
    row = connection.execute(
        "select into_contact_id from contacts.contact_merges where contact_id = ? order by merged_at desc limit 1",
        [contact],
    ).fetchone()
    return contact if row is None else int(row[0])


def explain(connection: duckdb.DuckDBPyConnection, contact: int) -> Explanation:
    """Everything that the warehouse knows of a contact, in the order of time (UTC)."""
    known_as = [
        contact,
        *(
            absorbed
            for (absorbed,) in connection.execute(
                "select distinct contact_id from contacts.contact_merges where into_contact_id = ? order by all",
                [contact],
            ).fetchall()
        ),
    ]
    arrivals = _arrivals(connection, known_as)
    exits = _exits(connection, [enrollment for enrollment, *_ in arrivals])
    happened = [*_moves(arrivals), *_exit_moves(arrivals, exits), *_decisions(connection, known_as)]
    return Explanation(
        contact,
        known_as,
        _profile(connection, contact),
        [
            segment
            for (segment,) in connection.execute(
                "select segment from segments.segment_members where contact_id = ? and left_at is null order by all",
                [contact],
            ).fetchall()
        ],
        eligibility_of(connection, contact),
        sorted(happened, key=lambda one: one.at),
        not_reached(
            [
                Passed(workflow, enrollment, assignment, step, branch, reached_at)
                for enrollment, workflow, step, branch, assignment, reached_at in arrivals
            ],
            exits,
            last_completed(connection),
        ),
    )


Arrival = tuple[int, str, str, str | None, str, datetime]


def _arrivals(connection: duckdb.DuckDBPyConnection, known_as: Sequence[int]) -> list[Arrival]:
    """Enrollment, workflow, step, branch, assignment and time of each."""
    return connection.execute(
        "select enrollment_id, workflow, step, branch, assignment, reached_at from decisions.arrivals "
        "where contact_id in (select unnest(?)) order by reached_at",
        [list(known_as)],
    ).fetchall()


def _exits(connection: duckdb.DuckDBPyConnection, enrollments: Sequence[int]) -> dict[int, tuple[datetime, str]]:
    """When and why each enrollment was left for the first time."""
    rows = connection.execute(
        "select enrollment_id, min(exited_at), arg_min(reason, exited_at) from decisions.exits "
        "where enrollment_id in (select unnest(?)) group by enrollment_id",
        [list(enrollments)],
    ).fetchall()
    return {enrollment: (exited_at, reason) for enrollment, exited_at, reason in rows}


def _moves(arrivals: Sequence[Arrival]) -> list[Happening]:
    moves = []
    for _, workflow, step, branch, assignment, reached_at in arrivals:
        what = f"enters{ROLES[assignment]}" if step == "entered" else f"reaches {step}"
        moves.append(Happening(reached_at, workflow, what, f"and goes the way of {branch}" if branch else ""))
    return moves


def _exit_moves(arrivals: Sequence[Arrival], exits: dict[int, tuple[datetime, str]]) -> list[Happening]:
    workflows = {enrollment: workflow for enrollment, workflow, *_ in arrivals}
    return [
        Happening(exited_at, workflows[enrollment], "leaves", reason)
        for enrollment, (exited_at, reason) in exits.items()
    ]


def _decisions(connection: duckdb.DuckDBPyConnection, known_as: Sequence[int]) -> list[Happening]:
    """What was decided of the contact's actions, and what became of those that went out."""
    rows = connection.execute(
        """
        with outcomes as (
            select
                action_id,
                string_agg(concat(status, ' (' || reason || ')'), ', then ' order by effective_at, status) as outcome
            from staging.stg_outcomes
            group by action_id
        )

        select
            decisions.tick_end,
            decisions.workflow,
            decisions.step,
            coalesce(decisions.template, decisions.kind) as action,
            decisions.outcome,
            decisions.channel,
            decisions.gate,
            decisions.reason,
            decisions.held_until,
            outcomes.outcome as delivered
        from decisions.decisions
        left join outcomes on decisions.action_id = outcomes.action_id
        where decisions.contact_id in (select unnest(?))
        """,
        [list(known_as)],
    ).fetchall()
    happened = []
    for tick_end, workflow, step, action, outcome, channel, gate, reason, held_until, delivered in rows:
        if outcome == "send":
            what, why = f"{action} goes out by {channel}", delivered or "not delivered yet"
        elif outcome == "deferred":
            what, why = f"{action} waits until {held_until:%Y-%m-%d %H:%M}", f"{gate}: {reason}"
        else:
            what, why = f"{action} is not sent", f"{gate}: {reason}"
        happened.append(Happening(tick_end, workflow, f"{step}: {what}", why))
    return happened


def _profile(connection: duckdb.DuckDBPyConnection, contact: int) -> list[tuple[str, Any]]:
    found = connection.execute("select * from contacts.contact_profiles where contact_id = ?", [contact])
    columns = [column[0] for column in found.description]
    row = found.fetchone()
    return [] if row is None else [(name, value) for name, value in zip(columns, row, strict=True) if value is not None]


def eligibility_of(connection: duckdb.DuckDBPyConnection, contact: int) -> list[tuple[str, str, str]]:
    """By channel and topic, whether a contact may be written to, and if not, why."""
    rows = connection.execute(
        "select channel, topic, is_reachable, unreachable_reason, is_consented, "
        "case when suppressed_until > (select max(tick_end) from engine.windows where succeeded) "
        "then suppressed_until end, "
        "suppression_reason from eligibility.eligibility inner join configuration.channels using (channel) "
        "where contact_id = ? and address_type <> 'contact' order by channel, topic",
        [contact],
    ).fetchall()
    standing = []
    for channel, topic, is_reachable, unreachable_reason, is_consented, suppressed_until, suppression_reason in rows:
        if not is_reachable:
            how = f"cannot be reached: {unreachable_reason}"
        elif not is_consented:
            how = "has not agreed"
        elif suppressed_until is not None:
            how = f"{suppression_reason}, until {suppressed_until:%Y-%m-%d %H:%M}"
        else:
            how = "may be written to"
        standing.append((channel, topic, how))
    return standing
