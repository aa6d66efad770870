"""Where the surfaces keep what they show: apart for rehearsals, so that nobody sees one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.journal.place import open_sqlite, sqlite_url
from activations.settings.database_url import database_url
from activations.settings.profile import Profile
from activations.surfaces.tables import METADATA

_FILE = "surfaces.sqlite"
_ON_SERVER = "on_server.txt"
_LONGEST_CONNECT_SECONDS = 10


def surfaces_folder(profile: Profile, data: Path) -> Path:
    """The folder in the data directory; that of the sandbox, unless the profile is live."""
    return data / ("surfaces" if profile.is_live else "sandbox")


def open_surfaces(profile: Profile, data: Path) -> sa.Engine:
    """The database with its tables: a file, or the server of HOURBELL_SURFACES_URL where the profile is live.

    Raises HourbellError where it cannot be used.
    """
    with explained(data):
        engine = _engine(profile, data)
        METADATA.create_all(engine)
        if _is_on_server(profile):
            _leave_note(profile, data)
    return engine


def needs_server(profile: Profile, data: Path) -> None:
    """Raises HourbellError where surfaces were kept on a server, and this profile is not told of it."""
    note = _note(profile, data)
    if profile.is_live and not profile.surfaces_url and note.exists():
        raise HourbellError(
            "The app's inbox and short links of the live profile are kept on a server, and HOURBELL_SURFACES_URL is "
            f"not set: nobody could be erased there. Set it as it is where messages are delivered; or remove {note}, "
            "where that server is no more."
        )


@contextmanager
def existing_surfaces(profile: Profile, data: Path) -> Iterator[sa.Engine | None]:
    """The database as it stands, for those who only look; None where there is none yet.

    Raises HourbellError where it cannot be used.
    """
    if not _is_on_server(profile) and not _file(profile, data).exists():
        yield None
        return
    with explained(data):
        engine = _engine(profile, data)
    try:
        with explained(data):
            is_there = all(map(sa.inspect(engine).has_table, METADATA.tables))
        yield engine if is_there else None
    finally:
        engine.dispose()


def _engine(profile: Profile, data: Path) -> sa.Engine:
    if _is_on_server(profile):
        assert profile.surfaces_url is not None
        url = database_url(profile.surfaces_url, "HOURBELL_SURFACES_URL")
        if url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
            url = url.update_query_dict({"connect_timeout": str(_LONGEST_CONNECT_SECONDS)})
        # a server that was begun anew knows nothing of connections of before
        return sa.create_engine(url, pool_pre_ping=True)
    path = _file(profile, data)
    path.parent.mkdir(parents=True, exist_ok=True)
    # nothing else remembers what was put there
    engine = open_sqlite(sa.make_url(sqlite_url(path)), synchronous="full")
    sa.event.listen(engine, "connect", _leave_nothing)
    return engine


def _is_on_server(profile: Profile) -> bool:
    return profile.is_live and bool(profile.surfaces_url)


def _note(profile: Profile, data: Path) -> Path:
    return surfaces_folder(profile, data) / _ON_SERVER


def _leave_note(profile: Profile, data: Path) -> None:
    """For whoever must find all surfaces, and has not been told of the server."""
    note = _note(profile, data)
    if not note.exists():
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("The surfaces are kept on the server of HOURBELL_SURFACES_URL.\n")


def _file(profile: Profile, data: Path) -> Path:
    return surfaces_folder(profile, data) / _FILE


@contextmanager
def explained(data: Path) -> Iterator[None]:
    """Raises HourbellError where the database fails; what the driver says may hold the password of the url."""
    try:
        yield
    except (OSError, sa.exc.SQLAlchemyError, ImportError) as error:
        raise HourbellError(
            "The surfaces' database cannot be used "
            f"({type(error).__name__}). Look at HOURBELL_SURFACES_URL, or give yourself rights to {data}."
        ) from error


def _leave_nothing(connection: Any, _record: object) -> None:
    """What is taken out is not left in free pages."""
    connection.execute("pragma secure_delete = on")
