"""What two versions of a workflow did over the same history, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from activations.holds.content import digest_of_templates
from dagster_project.history.past_version import Project
from dagster_project.home import Home
from dagster_project.landing.sources import quoted_text
from dagster_project.ticks.windows import Window

BEFORE, NOW = "before", "now"
# of each step and kind of change
_EXAMPLES = 2
_CHANGES = (
    "another time",
    "another template",
    "another text",
    "another variant",
    "another channel",
    "another action",
    "another number of them",
)


@dataclass(frozen=True)
class Version:
    """A version of the project, and a warehouse in which it has decided."""

    project: Project
    home: Home


@dataclass(frozen=True)
class Entered:
    """Contacts whom one version takes in."""

    treated: int
    held_out: int


@dataclass(frozen=True)
class StepDifference:
    """What becomes of a step's messages, in contacts."""

    step: str
    only_before: int
    only_now: int
    same: int
    changed: int
    """They get it in both versions, and not the same."""
    changes: Sequence[tuple[str, int]]
    """How it is not the same; one contact's may differ in several ways."""
    stopped: Sequence[tuple[str, int, int]]
    """By gate: actions before, and now."""


@dataclass(frozen=True)
class Example:
    """One contact's messages of a step in both versions; empty where there are none."""

    step: str
    contact_id: int
    before: str
    now: str


@dataclass(frozen=True)
class Difference:
    """Two versions of a workflow over the same history."""

    workflow: str
    ref: str
    window: Window
    before: Entered | None
    """None where the workflow was not there."""
    now: Entered | None
    steps: Sequence[StepDifference]
    examples: Sequence[Example]
    contacts: int
    """Who gets anything in either version."""
    affected: int
    """Who of them gets something else, or at another time."""


def compare(workflow: str, ref: str, window: Window, before: Version, now: Version) -> Difference:
    """Whose messages change; of a version that has no such workflow nothing is read."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create table entries (version varchar, assignment varchar, contacts bigint)")
        connection.execute(
            "create table messages (version varchar, step varchar, contact_id bigint, turn bigint, tick_end timestamp, "
            "reached_at timestamp, kind varchar, template varchar, variant varchar, channel varchar)"
        )
        connection.execute("create table stops (version varchar, step varchar, gate varchar, actions bigint)")
        for name, version in ((BEFORE, before), (NOW, now)):
            if version.project.steps(workflow) is not None:
                connection.execute(f"attach {quoted_text(version.home.warehouse)} as trial (read_only)")
                _take(connection, name, workflow)
                connection.execute("detach trial")
        _set_side_by_side(connection, _reworded(connection, before.project, now.project))
        return _told(connection, workflow, ref, window, before.project, now.project)


def _take(connection: duckdb.DuckDBPyConnection, version: str, workflow: str) -> None:
    connection.execute(
        "insert into entries select ?, assignment, count(distinct contact_id) from trial.decisions.arrivals "
        "where workflow = ? and step = 'entered' group by assignment",
        [version, workflow],
    )
    # who gets several of a step gets them one after the other, whatever enrollment each is of
    connection.execute(
        "insert into messages select ?, step, contact_id, "
        "row_number() over (partition by step, contact_id order by reached_at, action_id), "
        "tick_end, reached_at, kind, template, variant, channel "
        "from trial.decisions.decisions where workflow = ? and outcome = 'send'",
        [version, workflow],
    )
    connection.execute(
        "insert into stops select ?, step, gate, count(*) from trial.decisions.decisions "
        "where workflow = ? and outcome = 'stopped' group by all",
        [version, workflow],
    )


def _set_side_by_side(connection: duckdb.DuckDBPyConnection, reworded: Sequence[str]) -> None:
    """`contacts`: each step and contact that got something, and how it differs."""
    connection.execute(
        """
        create table contacts as
        with paired as (
            select
                coalesce(before.step, now.step) as step,
                coalesce(before.contact_id, now.contact_id) as contact_id,
                before.turn is not null as was,
                now.turn is not null as is_now,
                was and is_now as twice,
                twice
                and (before.reached_at, before.tick_end) is distinct from (now.reached_at, now.tick_end) as retimed,
                twice and before.template is distinct from now.template as redrawn,
                twice and not redrawn and coalesce(list_contains($reworded, now.template), false) as reworded,
                twice and before.variant is distinct from now.variant as revaried,
                twice and before.channel is distinct from now.channel as rerouted,
                twice and before.kind is distinct from now.kind as redone
            from (select * from messages where version = 'before') as before
            full join (select * from messages where version = 'now') as now
                on before.step = now.step and before.contact_id = now.contact_id and before.turn = now.turn
        )

        select
            step,
            contact_id,
            bool_or(was) as was,
            bool_or(is_now) as is_now,
            bool_or(retimed) as "another time",
            bool_or(redrawn) as "another template",
            bool_or(reworded) as "another text",
            bool_or(revaried) as "another variant",
            bool_or(rerouted) as "another channel",
            bool_or(redone) as "another action",
            bool_or(was) and bool_or(is_now) and not bool_and(twice) as "another number of them",
            not bool_and(twice) or bool_or(retimed or redrawn or reworded or revaried or rerouted or redone) as differs
        from paired
        group by step, contact_id
        """,
        {"reworded": reworded},
    )


def _told(
    connection: duckdb.DuckDBPyConnection, workflow: str, ref: str, window: Window, past: Project, here: Project
) -> Difference:
    ((contacts, affected),) = connection.execute(
        "select count(distinct contact_id), count(distinct contact_id) filter (differs) from contacts"
    ).fetchall()
    before, now = past.steps(workflow), here.steps(workflow)
    return Difference(
        workflow,
        ref,
        window,
        None if before is None else _entered(connection, BEFORE),
        None if now is None else _entered(connection, NOW),
        [_step(connection, step) for step in _in_order(before or [], now or []) if _is_told(connection, step)],
        list(_examples(connection)),
        contacts,
        affected,
    )


def _reworded(connection: duckdb.DuckDBPyConnection, past: Project, here: Project) -> list[str]:
    """Templates that do not say what they said."""
    used = [
        template
        for (template,) in connection.execute(
            "select distinct template from messages where template is not null"
        ).fetchall()
    ]
    before, now = digest_of_templates(past.templates, used), digest_of_templates(here.templates, used)
    return [template for template in used if before[template] != now[template]]


def _entered(connection: duckdb.DuckDBPyConnection, version: str) -> Entered:
    assigned = dict(
        connection.execute("select assignment, contacts from entries where version = ?", [version]).fetchall()
    )
    return Entered(assigned.get("treated", 0), assigned.get("holdout", 0))


def _in_order(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The steps of both; one that is gone stands behind the step that it followed."""
    steps = list(now)
    for place, step in enumerate(before):
        if step not in steps:
            earlier = [one for one in before[:place] if one in steps]
            steps.insert(steps.index(earlier[-1]) + 1 if earlier else 0, step)
    return steps


def _is_told(connection: duckdb.DuckDBPyConnection, step: str) -> bool:
    """Whether a step did anything, or was kept from it, in either version."""
    asked = "select 1 from messages where step = $1 union all select 1 from stops where step = $1 limit 1"
    return bool(connection.execute(asked, [step]).fetchall())


def _step(connection: duckdb.DuckDBPyConnection, step: str) -> StepDifference:
    counted = ", ".join(f'count(*) filter ("{change}")' for change in _CHANGES)
    ((only_before, only_now, same, changed, *changes),) = connection.execute(
        "select count(*) filter (not is_now), count(*) filter (not was), count(*) filter (not differs), "
        f"count(*) filter (was and is_now and differs), {counted} from contacts where step = ?",
        [step],
    ).fetchall()
    stopped = connection.execute(
        "select gate, coalesce(sum(actions) filter (version = 'before'), 0)::bigint, "
        "coalesce(sum(actions) filter (version = 'now'), 0)::bigint from stops where step = ? "
        "group by gate order by gate",
        [step],
    ).fetchall()
    named = [(change, number) for change, number in zip(_CHANGES, changes, strict=True) if number]
    return StepDifference(step, only_before, only_now, same, changed, named, stopped)


def _examples(connection: duckdb.DuckDBPyConnection) -> Iterator[Example]:
    chosen = connection.execute(
        "select step, contact_id from contacts where differs "
        "qualify row_number() over (partition by step, was, is_now order by contact_id) <= ? order by all",
        [_EXAMPLES],
    ).fetchall()
    for step, contact in chosen:
        told = {
            version: "; ".join(
                _message(*message)
                for message in connection.execute(
                    "select tick_end, kind, template, variant, channel from messages "
                    "where version = ? and step = ? and contact_id = ? order by turn",
                    [version, step, contact],
                ).fetchall()
            )
            for version in (BEFORE, NOW)
        }
        yield Example(step, contact, told[BEFORE], told[NOW])


def _message(at: datetime, kind: str, template: str | None, variant: str | None, channel: str | None) -> str:
    what = template or kind
    return f"{what}{f' ({variant})' if variant else ''} by {channel}, {at:%Y-%m-%d %H:%M}"
