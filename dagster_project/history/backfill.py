"""Who qualified for a workflow while it was not live: found in a copy of the warehouse, and let in only when asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from activations.errors import HourbellError
from dagster_project.history.replay import replay
from dagster_project.history.trial import Progress, copied, copied_again, watched
from dagster_project.home import Home
from dagster_project.registry import registered_workflows, workflow_statuses
from dagster_project.ticks.compiled import compile_tick, create_missing_tables
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import HOUR, MARTS, Window, last_completed, split
from dagster_project.warehouse import open_warehouse

# what lets people in, beside the workflow's own models
_TRIGGERS = "triggers"


@dataclass(frozen=True)
class Qualified:
    """Somebody who qualified while the workflow was not live; `carried` is a JSON object."""

    contact_id: int
    entry_key: str | None
    occurred_at: datetime
    carried: str
    qualified_at: datetime


@dataclass(frozen=True)
class StepReached:
    """What would become of them at a step."""

    step: str
    sent: int
    waiting: int
    """Put off by the gate."""
    stopped: Sequence[tuple[str, int]]
    """By gate."""


@dataclass(frozen=True)
class Backfill:
    """Who would enter, and what would come of it at once."""

    workflow: str
    since: datetime
    enters_at: datetime
    """Start of the next tick."""
    qualified: Sequence[Qualified]
    entered_already: int
    """Contacts who do not enter because they have, or were let in, for the same reason."""
    left_already: int
    """Contacts who do not enter because they would have left by now: they bought, say."""
    treated: int
    held_out: int
    """Contacts who would enter."""
    steps: Sequence[StepReached]
    """Those that they would reach within so long."""
    ahead: timedelta


def plan_backfill(
    home: Home,
    workflow: str,
    since: datetime,
    ahead: timedelta,
    progress: Progress = lambda done, total: None,
) -> Backfill:
    """Find who qualified since a time, while the workflow was not live, and run the next ticks with them, in copies of
    the warehouse. Nobody is let in by it.

    Raises HourbellError where there is no such workflow, it takes nobody in, or there is no history since then.
    """
    _check(workflow)
    with copied(home) as copy, copied_again(copy) as rehearsal:
        statements = compile_tick(copy)
        with open_warehouse(copy) as connection:
            at = last_completed(connection)
            assert at is not None
            if since >= at:
                raise HourbellError(
                    f"Nothing is known after {at:%Y-%m-%d %H:%M}, the last tick. Give an earlier --since."
                )
            qualified, entered_already, left_already = _find(connection, workflow, statements, Window(since, at))
        treated, held_out, steps = 0, 0, []
        if qualified:
            statements = [one for one in compile_tick(rehearsal) if one.scope != MARTS]
            with open_warehouse(rehearsal) as connection:
                _write(connection, workflow, at, qualified)
            ticks = list(split(Window(at, at + ahead), HOUR))
            replay(rehearsal, watched(ticks, progress), statements=statements, with_outbox=False)
            with open_warehouse(rehearsal) as connection:
                treated, held_out = _entered(connection, workflow, at)
                steps = list(_steps(connection))
    return Backfill(workflow, since, at, qualified, entered_already, left_already, treated, held_out, steps, ahead)


def let_in(home: Home, planned: Backfill) -> None:
    """Let them enter at the next tick; raises HourbellError where a tick has run since it was planned."""
    with tick_lock(home):
        create_missing_tables(home)
        with open_warehouse(home) as connection:
            if last_completed(connection) != planned.enters_at:
                raise HourbellError("A tick has run meanwhile, so others may qualify. Look at the backfill again.")
            _write(connection, planned.workflow, planned.enters_at, planned.qualified)


def _check(workflow: str) -> None:
    known = registered_workflows()
    if workflow not in known:
        raise HourbellError(f"There is no workflow {workflow!r}. The registry has {', '.join(known)}.")
    status = workflow_statuses()[workflow]
    if status != "live":
        raise HourbellError(
            f"{workflow} takes nobody in: it is {status}. Set its status to live in dbt/dbt_project.yml, then backfill."
        )


def _find(
    connection: duckdb.DuckDBPyConnection, workflow: str, statements: Sequence[Statement], window: Window
) -> tuple[list[Qualified], int, int]:
    """Run what lets people in, and what lets them go, over the window at once, as if the workflow had been live all the
    time. The same history gives the same entries whatever the size of the ticks.
    """
    entered, exited = f"workflows.{workflow}__entered", f"workflows.{workflow}__exited"
    _note_what_was(connection, workflow, entered)
    _be_live(connection, workflow, window)
    _run(connection, [one for one in statements if one.scope == _TRIGGERS or one.table in (entered, exited)], window)
    has_exits = any(one.table == exited for one in statements)
    has_left = f"entered.enrollment_id in (select enrollment_id from {exited})" if has_exits else "false"
    _note_found(connection, entered, has_left, window)
    rows = connection.execute(
        "select contact_id, entry_key, occurred_at, carried, qualified_at from found "
        "where not entered_already and not left_already order by all"
    ).fetchall()
    ((entered_already, left_already),) = connection.execute(
        "select count(distinct contact_id) filter (entered_already), "
        "count(distinct contact_id) filter (not entered_already) from found where contact_id not in "
        "(select contact_id from found where not entered_already and not left_already)"
    ).fetchall()
    return [Qualified(*row) for row in rows], entered_already, left_already


def _note_what_was(connection: duckdb.DuckDBPyConnection, workflow: str, entered: str) -> None:
    """When the workflow was live, as `periods`, and who has come in or was let in, as `known`."""
    connection.execute(
        "create temp table periods as select * from ("
        "select is_live, changed_at as live_since, "
        "lead(changed_at, 1, timestamp '9999-12-31') over (order by changed_at) as live_until "
        "from workflows.workflow_status_changes where workflow = ?) where is_live",
        [workflow],
    )
    connection.execute(
        f"create temp table known as select contact_id, entry_key from {entered} "
        "union all select contact_id, entry_key from engine.backfilled where workflow = ?",
        [workflow],
    )


def _be_live(connection: duckdb.DuckDBPyConnection, workflow: str, window: Window) -> None:
    """Let the workflow have been live from the start of the window on, and nobody have been let in."""
    connection.execute("delete from workflows.workflow_status_changes where workflow = ?", [workflow])
    connection.execute(
        "insert into workflows.workflow_status_changes by name select ? as workflow, true as is_live, ? as changed_at",
        [workflow, window.start],
    )
    connection.execute("delete from engine.backfilled")


def _run(connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], window: Window) -> None:
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    for statement in statements:
        for sql in statement.sql:
            connection.execute(sql)


_MADE_BY_ENTRIES = (
    '{"enrollment_id": null, "contact_id": null, "entry_key": null, "reached_at": null, "occurred_at": null, '
    '"assignment": null, "holdout_share": null, "definition_version": null, "tick_end": null}'
)


def _note_found(connection: duckdb.DuckDBPyConnection, entered: str, has_left: str, window: Window) -> None:
    """Who came in within the window while the workflow was not live, as `found`; `has_left` is said of `entered`."""
    connection.execute(
        f"""
        create temp table found as
        with latest_merges as (
            select contact_id, into_contact_id
            from contacts.contact_merges
            qualify row_number() over (partition by contact_id order by merged_at desc) = 1
        ),

        known_people as (
            select distinct coalesce(merges.into_contact_id, known.contact_id) as contact_id, known.entry_key
            from known
            left join latest_merges as merges on known.contact_id = merges.contact_id
        )

        select
            coalesce(merges.into_contact_id, entered.contact_id) as contact_id,
            entered.entry_key,
            entered.occurred_at,
            cast(json_merge_patch(to_json(entered), '{_MADE_BY_ENTRIES}') as varchar) as carried,
            entered.reached_at as qualified_at,
            known_people.contact_id is not null as entered_already,
            {has_left} as left_already
        from {entered} as entered
        left join latest_merges as merges on entered.contact_id = merges.contact_id
        left join known_people
            on
                coalesce(merges.into_contact_id, entered.contact_id) = known_people.contact_id
                and entered.entry_key is not distinct from known_people.entry_key
        where
            entered.reached_at >= ?
            and entered.reached_at < ?
            and not exists (
                select 1
                from periods
                where
                    entered.reached_at >= periods.live_since
                    and entered.reached_at < periods.live_until
                    and entered.occurred_at >= periods.live_since
            )
        """,
        [window.start, window.end],
    )


def _write(connection: duckdb.DuckDBPyConnection, workflow: str, at: datetime, qualified: Sequence[Qualified]) -> None:
    connection.execute("begin")
    connection.executemany(
        "insert into engine.backfilled "
        "(workflow, contact_id, entry_key, reached_at, occurred_at, carried, qualified_at) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [
            [workflow, one.contact_id, one.entry_key, at, one.occurred_at, one.carried, one.qualified_at]
            for one in qualified
        ],
    )
    connection.execute("commit")


def _entered(connection: duckdb.DuckDBPyConnection, workflow: str, at: datetime) -> tuple[int, int]:
    """Contacts who came in by a backfill, treated and held out; notes their enrollments as `let_in`."""
    connection.execute(
        "create temp table let_in as select distinct entered.enrollment_id, entered.contact_id, entered.assignment "
        f"from workflows.{workflow}__entered as entered inner join engine.backfilled as backfilled "
        "on entered.contact_id = backfilled.contact_id and entered.reached_at = backfilled.reached_at "
        "and entered.entry_key is not distinct from backfilled.entry_key "
        "where backfilled.workflow = ? and backfilled.reached_at = ?",
        [workflow, at],
    )
    ((treated, held_out),) = connection.execute(
        "select count(distinct contact_id) filter (assignment = 'treated'), "
        "count(distinct contact_id) filter (assignment = 'holdout') from let_in"
    ).fetchall()
    return treated, held_out


def _steps(connection: duckdb.DuckDBPyConnection) -> Iterator[StepReached]:
    """What is decided of the actions of `let_in`, in contacts; what was put off may have been decided again."""
    connection.execute(
        "create temp table latest as select step, contact_id, reached_at, outcome, gate from decisions.decisions "
        "where enrollment_id in (select enrollment_id from let_in) "
        "qualify row_number() over (partition by action_id order by tick_end desc) = 1"
    )
    rows = connection.execute(
        "select step, outcome, gate, count(distinct contact_id), min(min(reached_at)) over (partition by step) "
        "from latest group by step, outcome, gate order by 5, 1, 2, 3"
    ).fetchall()
    for step in dict.fromkeys(row[0] for row in rows):
        own = [row[1:4] for row in rows if row[0] == step]
        yield StepReached(
            step,
            sum(number for outcome, _, number in own if outcome == "send"),
            sum(number for outcome, _, number in own if outcome == "deferred"),
            [(gate, number) for outcome, gate, number in own if outcome == "stopped"],
        )
