"""Marts are copied while what a tick decided leaves: both take their time, and neither asks the other for anything."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.publish import begin_copy, give_up, settled_marts
from dagster_project.warehouse import open_warehouse

log = logging.getLogger(__name__)


@dataclass
class Ahead:
    """What has been copied of the marts."""

    begun: Sequence[str] | None = None
    """None where there is no copy to go on with."""


@contextmanager
def copying_ahead(home: Home) -> Iterator[Ahead]:
    """Copy meanwhile the marts that are settled, for `publish` to go on with; the caller has the warehouse open, and
    keeps it open until then.

    Where that fails, `publish` begins anew and says so. Where what is done meanwhile fails, the copy gives way.
    """
    ahead = Ahead()
    with open_warehouse(home) as connection:
        copying = Thread(target=_copy, args=(connection, home, ahead), name="copying marts ahead")
        copying.start()
        try:
            yield ahead
        except BaseException:
            connection.interrupt()
            copying.join()
            if ahead.begun is not None:
                _give_way(connection, home)
            raise
        copying.join()


def _copy(connection: duckdb.DuckDBPyConnection, home: Home, ahead: Ahead) -> None:
    try:
        ahead.begun = begin_copy(connection, home.published, settled_marts())
    except HourbellError as error:
        log.info("%s", error)


def _give_way(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    try:
        give_up(connection, home.published)
    except HourbellError as error:
        log.warning("%s", error)
