"""The models of a tick without dbt: compiled before, and run as statements. Where anything is out of the ordinary, dbt
itself runs them, says what is wrong, and keeps what broke apart from the rest.
"""

import logging
from collections.abc import Collection

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.landing.ingest import most_landed
from dagster_project.ticks.compiled import END, START, Prepared, View, columns_of_tables, prepared
from dagster_project.ticks.statements import RunningTick, Statement, replay_tick
from dagster_project.ticks.transform import ModelRun, manifest
from dagster_project.ticks.windows import Window, remembers_windows
from dagster_project.warehouse import open_warehouse, spare_threads

log = logging.getLogger(__name__)


def run_compiled(home: Home, scopes: Collection[str] | None, window: Window) -> list[ModelRun] | None:
    """Run the models of some scopes, by default of all, in one transaction; None where dbt has to run them."""
    known = prepared()
    if known is None:
        return None
    wanted = [one for one in known.compiled.statements if scopes is None or one.scope in scopes]
    views = [one for one in known.compiled.views if scopes is None or one.scope in scopes]
    with open_warehouse(home) as connection:
        if not _is_ready(connection, known, {one.scope for one in wanted}, window):
            return None
        is_spared = spare_threads(connection, home, most_landed(connection, window.start))
        try:
            _ask_for(connection, known, views, window)
            tick = replay_tick(connection, wanted, window, is_spared=is_spared)
        except (HourbellError, duckdb.Error) as error:
            log.info("dbt runs the models of %s: %s", window, error)
            return None
    return _told(known, wanted, views, tick)


def _is_ready(connection: duckdb.DuckDBPyConnection, known: Prepared, scopes: Collection[str], window: Window) -> bool:
    """Whether the window follows the last one, and every table is there as the models have it."""
    done = {scope: row for scope, *row in _completed(connection, window)}
    fared = [row for scope, row in done.items() if scope in scopes]
    if any((last_end != window.start and not again) or broke for last_end, again, broke in fared):
        return False
    # what is gone though it was there is no fresh start
    found = columns_of_tables(connection)
    if any(one.table not in found and one.scope in done for one in known.compiled.statements):
        return False
    return known.fits(connection)


def _completed(connection: duckdb.DuckDBPyConnection, window: Window) -> list[tuple]:
    """Scopes, up to where each was completed, whether it has completed just this window before, and whether it broke in
    it."""
    if not remembers_windows(connection):
        return []
    return connection.execute(
        "select scope, max(tick_end) filter (succeeded), "
        "bool_or(succeeded and tick_start = $1) and bool_or(succeeded and tick_end = $2), "
        "bool_or(not succeeded and tick_end > $1 and tick_end <= $2) from engine.windows group by scope",
        [window.start, window.end],
    ).fetchall()


def _ask_for(connection: duckdb.DuckDBPyConnection, known: Prepared, views: Collection[View], window: Window) -> None:
    """Views answer for this window from now on, whoever asks.

    Most ask for none. They are created once for each state of the project, which their comment names: to go through all
    of them takes as long as the models of a quiet hour.
    """
    named = "select schema_name || '.' || view_name from duckdb_views() where comment = ?"
    standing = {name for (name,) in connection.execute(named, [known.fingerprint]).fetchall()}
    for view in views:
        if view.name in standing:
            continue
        sql = view.sql.replace(START, f"timestamp '{window.start}'").replace(END, f"timestamp '{window.end}'")
        connection.execute(f"create or replace view {view.name} as ({sql})")
        if sql == view.sql:
            connection.execute(f"comment on view {view.name} is '{known.fingerprint}'")


def _told(
    known: Prepared, statements: Collection[Statement], views: Collection[View], tick: RunningTick
) -> list[ModelRun]:
    """How each model fared, in the order of the graph."""
    nodes = {node.name: node for node in manifest().nodes.values() if node.resource_type == "model"}
    fared = {one.model: (tick.seconds[one.model], f"{tick.written[one.table]} rows") for one in statements}
    fared |= {view.model: (0.0, "") for view in views}
    return [
        ModelRun(nodes[name].unique_id, name, tuple(nodes[name].fqn), "success", *fared[name])
        for name in known.compiled.order
        if name in fared
    ]
