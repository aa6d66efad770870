"""Where the surfaces keep what they show: apart for rehearsals, so that nobody sees one."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.journal.place import open_sqlite, sqlite_url
from activations.settings.profile import Profile
from activations.surfaces.tables import METADATA

_FILE = "surfaces.sqlite"


def surfaces_folder(profile: Profile, data: Path) -> Path:
    """The folder in the data directory; that of the sandbox, unless the profile is live."""
    return data / ("surfaces" if profile.is_live else "sandbox")


def open_surfaces(profile: Profile, data: Path) -> sa.Engine:
    """The database with its tables: a file, or the server of HOURBELL_SURFACES_URL where the profile is live.

    Raises HourbellError where it cannot be used.
    """
    try:
        if profile.is_live and profile.surfaces_url:
            engine = sa.create_engine(profile.surfaces_url)
        else:
            folder = surfaces_folder(profile, data)
            folder.mkdir(parents=True, exist_ok=True)
            # nothing else remembers what was put there
            engine = open_sqlite(sa.make_url(sqlite_url(folder / _FILE)), synchronous="full")
            sa.event.listen(engine, "connect", _leave_nothing)
        METADATA.create_all(engine)
    except (OSError, sa.exc.SQLAlchemyError, ImportError) as error:
        # what the driver says may hold the password of the url
        raise HourbellError(
            "The surfaces' database cannot be used "
            f"({type(error).__name__}). Look at HOURBELL_SURFACES_URL, or give yourself rights to {data}."
        ) from error
    return engine


def _leave_nothing(connection: Any, _record: object) -> None:
    """What is taken out is not left in free pages."""
    connection.execute("pragma secure_delete = on")
