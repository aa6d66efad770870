"""Great Expectations, brought in when there is something to judge: a tick without news does not pay the seconds."""

import gc
import sys
from functools import cache
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import TYPE_CHECKING

from data.contract import Table

if TYPE_CHECKING:
    from dagster_project.landing.suites import Result

# it takes as long as a third of all the rest, and only expectations of how values are distributed make use of it
_SELDOM_USED = "scipy.stats"


def evaluate(table: Table, view: str, relation: str) -> "list[Result]":
    """Judge rows against a table's expectations, as `suites.evaluate` does."""
    _import()
    from dagster_project.landing import suites

    return suites.evaluate(table, view, relation)


@cache
def _import() -> None:
    _import_when_used(_SELDOM_USED)
    # thousands of classes come, and none goes: to look for garbage meanwhile takes a quarter of the time
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        from dagster_project.landing import suites  # noqa: F401
    finally:
        if is_enabled:
            gc.enable()
    # they live as long as the process
    gc.freeze()


def _import_when_used(name: str) -> None:
    """Let a module of a package come in when something of it is first asked for, by whoever imports it from there."""
    if name in sys.modules or (spec := find_spec(name)) is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    package, _, part = name.rpartition(".")
    setattr(sys.modules[package], part, module)
