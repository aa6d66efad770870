"""People who wait at a step that is no longer there."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from dagster_project.lint.finding import Finding, line_of
from dagster_project.registry import PROJECT_FILE, steps_by_workflow


def stranded(connection: duckdb.DuckDBPyConnection, project_file: Path = PROJECT_FILE) -> Iterator[Finding]:
    """Removed steps whose people would go nowhere; nothing where no tick has run."""
    known = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'decisions' and table_name = 'arrivals'"
    ).fetchone()
    if known is None or not known[0]:
        return
    registered = [f"{workflow}.{step}" for workflow, steps in steps_by_workflow(project_file).items() for step in steps]
    rows = connection.execute(
        """
        with last_arrivals as (
            select enrollment_id, workflow, step, assignment
            from decisions.arrivals
            qualify row_number() over (partition by enrollment_id order by reached_at desc, tick_end desc) = 1
        )

        select workflow, step, count(*)
        from last_arrivals
        where
            assignment = 'treated'
            and workflow || '.' || step not in (select unnest(?))
            and enrollment_id not in (select enrollment_id from decisions.exits)
        group by workflow, step
        order by workflow, step
        """,
        [registered],
    ).fetchall()
    for workflow, step, people in rows:
        yield Finding(
            project_file,
            line_of(project_file, f"{workflow}:"),
            f"{people:,} people are at the step {step} of {workflow}, which is gone",
            f"put {step} back into the registry until they have left, or say where they go in a step that follows it",
        )
