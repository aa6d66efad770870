"""Steps that ask for those who had finished, and whom of these they cannot reach."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from activations.errors import HourbellError
from dagster_project.lint.finding import Finding, period_of
from dagster_project.lint.reading import Call, Reference, Step, Workflow, read_project
from dagster_project.ticks.windows import last_completed, parse_time

# no local time or weekday is further away
_LOCAL = timedelta(days=8)
_NEEDED = ("workflows.step_changes", "decisions.arrivals", "decisions.exits")


def out_of_reach(connection: duckdb.DuckDBPyConnection, project: Path, templates: Path) -> Iterator[Finding]:
    """People whom `finished_since` names and does not reach, as matters stand after the last tick; nothing where none
    has run.
    """
    last_tick, known = last_completed(connection), _tables(connection)
    if last_tick is None or not known.issuperset(_NEEDED):
        return
    for workflow, step in read_project(project, templates).steps:
        for call in step.called("arrivals"):
            since, previous = call.arguments.get("finished_since"), call.arguments.get("previous")
            if since is None or not isinstance(previous, Reference):
                continue
            try:
                asked_since = parse_time(str(since))
            except HourbellError:
                mend = "write finished_since as '2026-03-01'"
                yield Finding(step.path, call.line, f"{since} is no day", mend)
                continue
            name = previous.name.removeprefix(f"{workflow.name}__")
            yield from _of_step(connection, workflow, step, call, name, asked_since, last_tick)


def _of_step(
    connection: duckdb.DuckDBPyConnection,
    workflow: Workflow,
    step: Step,
    call: Call,
    previous: str,
    since: datetime,
    last_tick: datetime,
) -> Iterator[Finding]:
    ((first_tick,),) = connection.execute(
        "select min(known_since) from workflows.step_changes where workflow = ? and step = ?",
        [workflow.name, step.name],
    ).fetchall()
    longest = (workflow.settings or {}).get("longest_path")
    if longest is None:
        return
    ((reaches_to,),) = connection.execute(
        f"select cast(? as timestamp) - cast('{longest}' as interval)", [first_tick or last_tick]
    ).fetchall()
    if first_tick is None:
        people = _finished(connection, workflow.name, previous, since, reaches_to)
        if since < reaches_to and people:
            problem = (
                f"{people:,} who came to {previous} since {since:%Y-%m-%d} are out of reach of finished_since: "
                f"nobody is looked for before {reaches_to:%Y-%m-%d %H:%M}"
            )
            mend = f"raise longest_path of {workflow.name} until {step.name} has had its first tick, or ask for less"
            yield Finding(step.path, call.line, problem, mend)
        return
    # who still waits may be one of them
    if (
        "until" in call.arguments
        or last_tick < first_tick + (period_of(call.arguments.get("wait")) or timedelta()) + _LOCAL
    ):
        return
    ((came,),) = connection.execute(
        "select count(*) from decisions.arrivals as came inner join decisions.arrivals as before using (enrollment_id) "
        "where came.workflow = $workflow and came.step = $step and before.step = $previous "
        "and before.reached_at < $first_tick",
        {"workflow": workflow.name, "step": step.name, "previous": previous, "first_tick": first_tick},
    ).fetchall()
    if not came and _finished(connection, workflow.name, previous, max(since, reaches_to), first_tick):
        problem = (
            f"finished_since reaches nobody any more: {step.name} has been there since {first_tick:%Y-%m-%d %H:%M}, "
            "and it counts in the first tick of a step alone"
        )
        mend = "give the step another name, so that it is new; or leave finished_since out"
        yield Finding(step.path, call.line, problem, mend, is_error=False)


def _finished(connection: duckdb.DuckDBPyConnection, workflow: str, step: str, since: datetime, until: datetime) -> int:
    """How many came to a step in that time, and have not left."""
    ((people,),) = connection.execute(
        "select count(*) from decisions.arrivals where workflow = ? and step = ? and assignment = 'treated' "
        "and reached_at >= ? and reached_at < ? and enrollment_id not in (select enrollment_id from decisions.exits)",
        [workflow, step, since, until],
    ).fetchall()
    return int(people)


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    return {name for (name,) in rows}
