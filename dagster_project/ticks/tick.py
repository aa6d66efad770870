"""One tick: what has landed becomes known, the workflows move on, decisions are made and leave by the outbox."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
from dbt_common.events.base_types import EventMsg

from activations.errors import HourbellError
from dagster_project.gate_out.held import learn_decisions
from dagster_project.gate_out.leave import leave
from dagster_project.home import Home
from dagster_project.landing.collected import land_collected
from dagster_project.landing.ingest import Ingested, land_all
from dagster_project.publish import FILE, publish
from dagster_project.publish_ahead import copying_ahead
from dagster_project.standings import note_standings
from dagster_project.ticks.interrupted import begin, finish, interrupted
from dagster_project.ticks.quick_tick import run_compiled
from dagster_project.ticks.tick_costs import costing
from dagster_project.ticks.transform import ModelRun, manifest, run_models, scope_of
from dagster_project.ticks.windows import CONTACTS, DECISIONS, MARTS, Window, history_before, last_completed
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

OUTCOME_SCOPES = (DECISIONS, MARTS)

Watcher = Callable[[EventMsg], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tick:
    """What a tick did."""

    window: Window
    landed: Sequence[Ingested] = ()
    models: Sequence[ModelRun] = ()
    actions: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def broken(self) -> list[str]:
        """Workflows that failed in this tick; they catch up in the next."""
        return sorted({model.scope for model in self.models if not model.succeeded})

    @property
    def failed(self) -> list[ModelRun]:
        """The models that broke; what was left out because of them is not among them."""
        return [model for model in self.models if not model.succeeded and model.status != "skipped"]


def land(home: Home, window: Window) -> list[Ingested]:
    """Take in the files that have landed. A window that is run again takes in nothing: it was decided without them."""
    with open_warehouse(home) as connection:
        last_end = last_completed(connection)
        if last_end is not None and window.end <= last_end:
            return []
        land_collected(home)
        with costing(home, window, "landing") as spent:
            landed = land_all(connection, home.landing, known_from=last_end, tick_start=window.start)
            spent.rows = sum(table.rows for table in landed)
        return landed


def behind(connection: duckdb.DuckDBPyConnection, window: Window) -> dict[str, datetime]:
    """Workflows that broke in earlier ticks, and up to where each of them was completed."""
    rows = connection.execute(
        "select scope, max(tick_end) filter (succeeded) from engine.windows "
        "group by scope having max(tick_end) filter (succeeded) < ?",
        [window.start],
    ).fetchall()
    return {scope: completed for scope, completed in rows if scope in catching_up_scopes()}


def catching_up_scopes() -> set[str]:
    """The scopes that may fall behind by themselves: the workflows, and what triggers them."""
    return {
        scope_of(node.fqn)
        for node in manifest().nodes.values()
        if node.resource_type == "model" and node.fqn[1] == "workflows" and len(node.fqn) > 3
    }


def models_of(scopes: Collection[str]) -> list[str]:
    """The names of the models that run together in some scopes."""
    nodes = (node for node in manifest().nodes.values() if node.resource_type == "model")
    return sorted(node.name for node in nodes if scope_of(node.fqn) in scopes)


def decide(home: Home, window: Window, callbacks: Sequence[Watcher] = ()) -> list[ModelRun]:
    """Run the models of a tick; returns how each of them fared. What was decided has to leave then (`send_off`)."""
    with costing(home, window, "deciding") as spent:
        runs = _decide(home, window, callbacks)
        spent.bytes = home.warehouse.stat().st_size
    return runs


def _decide(home: Home, window: Window, callbacks: Sequence[Watcher]) -> list[ModelRun]:
    with open_warehouse(home) as connection:
        history = history_before(connection, window)
        late = {} if last_completed(connection) is None else behind(connection, window)
        begin(connection, window)

    if history is not None:
        log.info("Learning from history, %s", history)
        _must_succeed(_run(home, {CONTACTS}, history, callbacks), "history")

    # where nothing is behind and nothing breaks, one run does it all: starting dbt costs as much as ten models
    scopes = {CONTACTS, "workflows", *catching_up_scopes()} - late.keys() if late else None
    runs = _run(home, scopes, window, callbacks)
    _must_succeed([model for model in runs if model.scope == CONTACTS], "what is known of contacts")
    _must_succeed([model for model in runs if model.scope == "workflows"], "which workflows are live")
    for scope, completed in sorted(late.items(), key=lambda item: (item[0] != "triggers", item[0])):
        log.info("%s catches up from %s", scope, completed)
        runs += _run(home, {scope}, Window(completed, window.end), callbacks)

    decided = [model for model in runs if model.scope in OUTCOME_SCOPES]
    moved = [model for model in runs if model.scope not in OUTCOME_SCOPES]
    if late or not all(model.succeeded for model in moved):
        # a workflow broke: the others' messages are decided without it
        decided = _run(home, set(OUTCOME_SCOPES), window, callbacks)
    _must_succeed([model for model in decided if model.scope == DECISIONS], "the decisions")
    with open_warehouse(home) as connection:
        begin(connection, window, is_decided=True)
    return moved + decided


def _run(home: Home, scopes: Collection[str] | None, window: Window, callbacks: Sequence[Watcher]) -> list[ModelRun]:
    """Run the models of some scopes, by default of all."""
    runs = run_compiled(home, scopes, window)
    if runs is not None:
        return runs
    select = [] if scopes is None else models_of(scopes)
    return run_models(home, select, window, callbacks=callbacks)


def send_off(home: Home, window: Window) -> dict[str, int]:
    """Write the outbox of a tick that was decided, but for what is held; returns its actions by channel."""
    with costing(home, window, "leaving") as spent, open_warehouse(home) as connection:
        actions = leave(connection, home, window)
        note_standings(connection, home, window)
        spent.rows = sum(actions.values())
    return actions


def publish_marts(home: Home, window: Window, begun: Sequence[str] | None = None) -> None:
    """Publish the marts, of which some may be copied already; where they cannot be, what was decided is to be delivered
    all the same."""
    with costing(home, window, "publishing") as spent, open_warehouse(home) as connection:
        try:
            learn_decisions(connection, home)
            publish(connection, home.published, begun=begun)
            spent.bytes = (home.published / FILE).stat().st_size
        except HourbellError as error:
            log.error("%s", error)


def bring_to_its_end(home: Home, window: Window) -> dict[str, int]:
    """Let leave what a tick decided, publish its marts, and note that all of it is done."""
    with open_warehouse(home) as connection:
        try:
            with copying_ahead(home) as ahead:
                actions = send_off(home, window)
            begun = ahead.begun
        except HourbellError as error:
            # the copy may have taken the room: what was decided goes first
            log.warning("Once more, and nothing beside it: %s", error)
            begun, actions = None, send_off(home, window)
        publish_marts(home, window, begun)
        finish(connection)
    return actions


def resume(home: Home) -> Tick | None:
    """Bring a tick that was interrupted to its end; None where none was. The caller holds the lock."""
    started = time.monotonic()
    prepare_warehouse(home)
    with open_warehouse(home) as connection:
        open_tick = interrupted(connection)
    if open_tick is None:
        return None
    log.info("Going on with the tick %s, which was interrupted", open_tick.window)
    if open_tick.is_decided:
        actions = bring_to_its_end(home, open_tick.window)
        return Tick(open_tick.window, actions=actions, seconds=time.monotonic() - started)
    return run_tick(home, open_tick.window)


def run_tick(home: Home, window: Window, callbacks: Sequence[Watcher] = ()) -> Tick:
    """Land, decide, write the outbox, publish the marts. The caller holds the lock."""
    started = time.monotonic()
    prepare_warehouse(home)
    # each part opens the warehouse for itself, which costs little while it is open anyway
    with open_warehouse(home):
        landed = land(home, window)
        models = decide(home, window, callbacks)
        actions = bring_to_its_end(home, window)
    return Tick(window, landed, models, actions, time.monotonic() - started)


def _must_succeed(runs: Sequence[ModelRun], what: str) -> None:
    failed = [model for model in runs if not model.succeeded and model.status != "skipped"]
    if failed:
        raise HourbellError(
            f"The tick stopped before it decided anything, because {what} could not be worked out: "
            f"{failed[0].name}: {failed[0].message}. Nothing is lost: mend that, then run the tick again."
        )
