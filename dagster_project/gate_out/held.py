"""What the gate out held, as a table that the marts read: each hold from when it was made to what became of it."""

from collections.abc import Sequence

import duckdb

from activations.delivery.delivery import TEMPLATES
from activations.holds.hold import About, Hold, hold_at
from dagster_project.home import Home
from dagster_project.outbox import outbox_folder
from dagster_project.ticks.windows import Window

# of these nothing becomes anything else
_OVER = ("settled", "dropped")


def create_holds(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists engine")
    connection.execute(
        "create table if not exists engine.holds (tick_start timestamp not null, tick_end timestamp not null, "
        "workflow varchar not null, reasons varchar not null, actions bigint not null, first_expires_at timestamp, "
        "standing varchar not null, choice varchar, decided_by varchar, decided_at timestamp, note varchar)"
    )


def note_holds(connection: duckdb.DuckDBPyConnection, window: Window, held: Sequence[About]) -> None:
    """Remember what a tick holds, in place of what it held when it was run before."""
    create_holds(connection)
    connection.execute(
        "delete from engine.holds where tick_end > $start and tick_end <= $end",
        {"start": window.start, "end": window.end},
    )
    for about in held:
        connection.execute(
            "insert into engine.holds values (?, ?, ?, ?, ?, ?, 'held', null, null, null, null)",
            [
                about.tick_start,
                about.tick_end,
                about.workflow,
                "; ".join(about.reasons),
                about.actions,
                about.first_expires_at,
            ],
        )


def learn_decisions(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Look up what became of the holds that are not over yet."""
    create_holds(connection)
    unsettled = connection.execute(
        "select tick_end, workflow from engine.holds where standing not in (?, ?) order by all", list(_OVER)
    ).fetchall()
    for tick_end, workflow in unsettled:
        hold = hold_at(outbox_folder(home.outbox, tick_end), workflow, TEMPLATES)
        if hold is not None:
            _note(connection, hold)


def _note(connection: duckdb.DuckDBPyConnection, hold: Hold) -> None:
    decision = hold.decision
    told = [decision.choice, decision.by, decision.at, decision.note] if decision is not None else [None] * 4
    connection.execute(
        "update engine.holds set standing = ?, choice = ?, decided_by = ?, decided_at = ?, note = ? "
        "where tick_end = ? and workflow = ?",
        [hold.standing, *told, hold.about.tick_end, hold.about.workflow],
    )
