"""The workflow macros as SQL, over tables that a test fills: models of the project, compiled with other contents."""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest

from dagster_project.home import Home
from dagster_project.ticks import transform
from dagster_project.ticks.windows import Window


def compiled(
    home: Home, contents: dict[str, str], also: Iterable[str] = (), variables: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """What dbt makes of models whose SQL is replaced; nothing is run. They may ref() what the real ones do.

    Whatever else they ref() is named by `also`; none of these refers to itself. `variables` stand for the project's.
    """
    changed = copy.deepcopy(transform.manifest())
    # dbt mixes up the lookups of a copy
    changed.rebuild_source_lookup()
    changed.rebuild_ref_lookup()
    for name, sql in contents.items():
        node = changed.nodes[f"model.hourbell.{name}"]
        node.raw_code = sql
        node.depends_on.nodes += [
            unique_id for unique_id in changed.nodes if unique_id.split(".", 2)[2] in set(also) - {name}
        ]
    given = ["--vars", json.dumps(variables)] if variables else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transform, "manifest", lambda: changed)
        results = transform.run_dbt(home, ["compile", "--select", *contents, *given]).results
    return {result.node.name: result.node.compiled_code for result in results if result.node.name in contents}


@contextmanager
def small_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in memory, by the name that compiled statements know."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("attach ':memory:' as hourbell")
        connection.execute("use hourbell")
        connection.execute("create schema engine")
        connection.execute(
            "create table engine.backfilled (workflow varchar, contact_id bigint, entry_key varchar, "
            "reached_at timestamp, occurred_at timestamp, carried varchar, qualified_at timestamp)"
        )
        yield connection


def set_window(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
