"""hourbell status"""

from datetime import datetime

import duckdb
from rich.markup import escape

from activations.holds.settle import GATE
from dagster_project.command.holds import tell_holds
from dagster_project.command.show import console, table
from dagster_project.gate_out.reputation import reputations
from dagster_project.home import Home
from dagster_project.registry import reputation_limits
from dagster_project.ticks.windows import last_completed
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse


def status() -> None:
    """Where things stand: the last tick, who is where, what was set aside, what is open.

    Example: hourbell status
    """
    home = Home.from_environment()
    prepare_warehouse(home)
    console.print(f"Data directory: {home.root}")
    tell_holds(home)
    with open_warehouse(home) as connection:
        last_end = last_completed(connection)
        if last_end is None:
            console.print("No tick yet. Load something with [bold]hourbell load[/], then [bold]hourbell tick[/].")
            return
        console.print(f"Decided up to {last_end:%Y-%m-%d %H:%M} UTC")
        _tell_reputation(connection, last_end)
        table(
            "Scopes",
            ["scope", "up to", "last run"],
            connection.execute(
                "select scope, max(tick_end) filter (succeeded), "
                "case when max_by(succeeded, tick_end) then 'fine' else 'broke' end from engine.windows "
                "group by scope order by scope"
            ).fetchall(),
        )
        table(
            "Where everybody is",
            ["workflow", "step", "status", "contacts"],
            connection.execute(
                "select workflow, step, status, count(*) from marts.workflow_positions group by all order by all"
            ).fetchall(),
        )
        table(
            "Decisions of the last tick",
            ["workflow", "outcome", "gate", "actions"],
            connection.execute(
                "select workflow, outcome, gate, count(*) from decisions.decisions where tick_end = ? "
                "group by all order by all",
                [last_end],
            ).fetchall(),
        )
        table(
            "Set aside by the quality gate",
            ["table", "reason", "rows"],
            connection.execute(
                "select table_name, reason, count(*) from raw.quarantine group by all order by all"
            ).fetchall(),
        )


def _tell_reputation(connection: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """A line for each domain and channel that has too many complaints or bounces; nothing where all is good."""
    limits = reputation_limits()
    for one in reputations(connection, at, limits, GATE):
        level = one.level(limits)
        if level != "good":
            colour = "bold red" if level == "stopped" else "yellow"
            console.print(f"[{colour}]Reputation, {level}:[/] {escape(one.told(limits))}", soft_wrap=True)
