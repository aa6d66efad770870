"""A sandbox that runs, and a place to deliver from."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import database
import pytest
import sqlalchemy as sa
from rehearsal import Place

from activations.sandbox.server import Sandbox


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def sandbox(place: Place) -> Iterator[Sandbox]:
    with Sandbox(place.received) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_port() -> Iterator[int]:
    """A server for all tests of a run."""
    with database.server() as port:
        yield port


@pytest.fixture
def server_url(postgresql_port: int) -> str:
    """The URL of a schema of its own; a database of its own would take 0.2 s more."""
    url = f"postgresql+psycopg://postgres@127.0.0.1:{postgresql_port}/postgres"
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create schema {name}")
    engine.dispose()
    return f"{url}?options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place to deliver from, with its journal in a file and on a server."""
    url = request.getfixturevalue("server_url") if request.param == "postgresql" else None
    return Place(tmp_path, url)
