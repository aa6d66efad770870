"""dbt, run in process with its manifest kept, so that a tick pays for its models and for little else."""

import fcntl
import gc
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg

from activations.errors import HourbellError
from dagster_project.home import REPOSITORY, Home
from dagster_project.registry import unfiled_models_of_attribution
from dagster_project.ticks.windows import Window

DBT = REPOSITORY / "dbt"
_elsewhere: ContextVar[Path | None] = ContextVar("project", default=None)
log = logging.getLogger(__name__)


def scope_of(fqn: Sequence[str]) -> str:
    """What a model must run together with, window after window; as the macro of the same name says it."""
    if fqn[1] == "workflows" and len(fqn) > 3:
        return fqn[2]
    return "contacts" if fqn[1] in ("staging", "contacts", "segments", "eligibility") else fqn[1]


@dataclass(frozen=True)
class ModelRun:
    """How one model fared."""

    unique_id: str
    name: str
    fqn: tuple[str, ...]
    status: str
    seconds: float
    message: str

    @property
    def succeeded(self) -> bool:
        return self.status in ("success", "pass", "warn", "no-op")

    @property
    def scope(self) -> str:
        return scope_of(self.fqn)


def _arguments(home: Home, command: Sequence[str], window: Window | None) -> list[str]:
    arguments = [*command, "--project-dir", str(project()), "--profiles-dir", str(project())]
    # what went wrong is in the results; a log file costs time in each tick, and raises a storm where the disk is full
    arguments += ["--log-path", str(home.logs), "--log-level", "none", "--log-level-file", "none", "--no-use-colors"]
    if window is not None:
        arguments += ["--event-time-start", f"{window.start:%Y-%m-%d %H:%M:%S}"]
        arguments += ["--event-time-end", f"{window.end:%Y-%m-%d %H:%M:%S}"]
    return arguments


@contextmanager
def _environment(home: Home) -> Iterator[None]:
    before = os.environ.get("HOURBELL_WAREHOUSE")
    os.environ["HOURBELL_WAREHOUSE"] = str(home.warehouse)
    try:
        yield
    finally:
        # dbt-duckdb keeps the file open for the life of the process, and with it the only write lock
        DuckDBConnectionManager.close_all_connections()
        if before is None:
            del os.environ["HOURBELL_WAREHOUSE"]
        else:
            os.environ["HOURBELL_WAREHOUSE"] = before


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Wait for every other process that is at the same."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def project_at(folder: Path) -> Iterator[None]:
    """Let dbt run the project of another folder meanwhile."""
    token = _elsewhere.set(folder)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def project() -> Path:
    """The folder of the project that dbt runs."""
    return _elsewhere.get() or DBT


@cache
def _parse(target: Path) -> Manifest:
    # parsing needs a profile, but no warehouse: whose it is does not matter
    home = Home(target)
    home.logs.mkdir(parents=True, exist_ok=True)
    # two that parse at once would read what the other is writing
    with one_at_a_time(target / "parsing.lock"), _environment(home):
        outcome = dbtRunner().invoke(_arguments(home, ["parse", "--target-path", str(target)], None))
    if not outcome.success or not isinstance(outcome.result, Manifest):
        unfiled = unfiled_models_of_attribution(target.parent)
        mend = (
            f" attribution_models names {', '.join(unfiled)}: write {unfiled[0]}.sql, or take it out."
            if unfiled
            else ""
        )
        raise HourbellError(f"The dbt project does not parse: {outcome.exception}{mend}")
    # it lives as long as the process, and going through it in search of garbage takes a tenth of each tick
    gc.freeze()
    return outcome.result


def manifest() -> Manifest:
    """The dbt project as parsed; once for each process."""
    return _parse(project() / "target")


def tables_read(node: Any) -> frozenset[str]:
    """The tables behind a model, also those behind the views that it reads."""
    known = manifest()
    found, to_see, seen = set(), [*node.depends_on.nodes], set()
    while to_see:
        unique_id = to_see.pop()
        if unique_id in seen:
            continue
        seen.add(unique_id)
        if unique_id in known.sources:
            source = known.sources[unique_id]
            found.add(f"{source.schema}.{source.identifier}")
        elif known.nodes[unique_id].config.materialized == "view":
            to_see += known.nodes[unique_id].depends_on.nodes
        else:
            found.add(f"{known.nodes[unique_id].schema}.{known.nodes[unique_id].alias}")
    return frozenset(found)


def manifest_json() -> dict[str, Any]:
    """The same as its file has it, for tools that read that; the file itself may just be written by another process."""
    stated: dict[str, Any] = manifest().writable_manifest().to_dict(omit_none=False)
    return stated


def run_dbt(
    home: Home,
    command: Sequence[str],
    window: Window | None = None,
    callbacks: Sequence[Callable[[EventMsg], None]] = (),
) -> Any:
    """Run a dbt command and return its result; raises HourbellError where dbt itself could not run it.

    A model that fails does not raise: its result says so.
    """
    runner = dbtRunner(manifest=manifest(), callbacks=list(callbacks))
    # nobody reads the artifacts, and writing the manifest takes longer than a tick's models
    arguments = [*command, "--no-write-json", "--target-path", str(home.logs / "dbt")]
    with _environment(home):
        outcome = runner.invoke(_arguments(home, arguments, window))
    if outcome.exception is not None:
        raise HourbellError(f"dbt {command[0]} could not run: {outcome.exception}") from outcome.exception
    return outcome.result


def write_docs_of_models(home: Home, folder: Path) -> Path:
    """Let dbt write its documentation as a single page into a folder, and return that page."""
    folder.mkdir(parents=True)
    manifest().writable_manifest().write(str(folder / "manifest.json"))
    command = ["docs", "generate", "--static", "--no-compile", "--target-path", str(folder)]
    with _environment(home):
        outcome = dbtRunner(manifest=manifest()).invoke(_arguments(home, command, None))
    if not outcome.success:
        raise HourbellError(f"dbt cannot write its documentation: {outcome.exception}") from outcome.exception
    return folder / "static_index.html"


def run_models(
    home: Home,
    select: Sequence[str],
    window: Window | None,
    *,
    exclude: Sequence[str] = (),
    empty: bool = False,
    callbacks: Sequence[Callable[[EventMsg], None]] = (),
) -> list[ModelRun]:
    """Run models over a window, all of them where none is selected, and say how each fared."""
    command = ["run", "--select", *select] if select else ["run"]
    command += ["--exclude", *exclude] if exclude else []
    command += ["--empty"] if empty else []
    result = run_dbt(home, command, window, callbacks)
    runs = [
        ModelRun(
            unique_id=model.node.unique_id,
            name=model.node.name,
            fqn=tuple(model.node.fqn),
            status=str(model.status),
            seconds=model.execution_time,
            message=model.message or "",
        )
        for model in result.results
        if model.node.resource_type == "model"
    ]
    hooks = [hook for hook in result.results if hook.node.resource_type == "operation" and hook.status == "error"]
    if hooks:
        raise HourbellError(f"{hooks[0].message}")
    for failed in (model for model in runs if not model.succeeded):
        log.warning("%s: %s %s", failed.name, failed.status, failed.message)
    return runs
