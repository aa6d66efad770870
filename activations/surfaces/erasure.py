"""Erasing people from what our own surfaces keep: the app's inbox, short links, the website's decisions, files for
partners.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.settings.profile import Profile
from activations.surfaces import inbox, short_links, standings
from activations.surfaces.decisions import forget, names_of
from activations.surfaces.drop_files import MANIFEST, SIGNATURE
from activations.surfaces.place import needs_server, open_surfaces, surfaces_folder
from activations.surfaces.tables import DROP_FILES, DROP_ROWS, METADATA


@dataclass
class ErasedSurfaces:
    """What was touched."""

    messages: int = 0
    decisions: int = 0
    links: int = 0
    partners_files: list[str] = field(default_factory=list)
    """Which partners have: they are to be told, for nothing of ours can take it back."""


def needs_all_surfaces(profiles: Iterable[Profile], data: Path) -> None:
    """Raises HourbellError where there are surfaces of which the profiles do not tell."""
    for profile in profiles:
        needs_server(profile, data)


def erase_in_surfaces(
    profiles: Iterable[Profile],
    data: Path,
    ids: Collection[int],
    identifiers: Sequence[tuple[str, str]],
    *,
    now: datetime,
) -> ErasedSurfaces:
    """Take people out of the surfaces of profiles, by their ids (contacts' and actions') and identifiers, and what is
    over out of all of them.

    Raises HourbellError where a file with them is on its way: a delivery has to find out about it first.
    """
    erased = ErasedSurfaces()
    user_ids = [value for kind, value in identifiers if kind == "user_id"]
    anonymous_ids = [value for kind, value in identifiers if kind == "anonymous_id"]
    for profile in profiles:
        needs_server(profile, data)
        folder = surfaces_folder(profile, data)
        if not folder.is_dir() and not profile.surfaces_url:
            continue
        names = [name for contact_id in ids for name, _ in names_of(contact_id, None, anonymous_ids)]
        erased.decisions += forget(folder, {*names, *(f"user:{user_id}" for user_id in user_ids)})
        with _database(profile, data) as engine:
            erased.messages += inbox.forget(engine, ids, user_ids)
            if profile.link_key:
                standings.forget(engine, profile.link_key, ids)
            else:
                # without the key nobody can be found among them
                standings.forget_all(engine)
            erased.links += short_links.forget(engine, ids, [value for _, value in identifiers])
            _remove_what_is_over(engine, now)
            files = _dropped(engine, ids)
        if profile.is_live:
            erased.partners_files += files
            continue
        for file in files:
            for path in (folder / "drops").glob(f"*/{file}*"):
                if path.name in (file, f"{file}{MANIFEST}", f"{file}{SIGNATURE}"):
                    path.unlink()
    return erased


def _remove_what_is_over(engine: sa.Engine, now: datetime) -> None:
    """Else it would stay until somebody puts something beside it."""
    with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            if "removed_after" in table.c:
                connection.execute(sa.delete(table).where(table.c.removed_after <= now))


def _dropped(engine: sa.Engine, ids: Collection[int]) -> list[str]:
    """The files in which somebody is; those that were not begun to be signed are forgotten, to be composed anew."""
    theirs = sa.select(DROP_ROWS.c.name).where(DROP_ROWS.c.action_id.in_(ids)).distinct()
    with engine.begin() as connection:
        files = connection.execute(sa.select(DROP_FILES).where(DROP_FILES.c.name.in_(theirs))).all()
        for file in files:
            if file.dropped_at is None and file.signing_at is not None:
                raise HourbellError(f"{file.name} is on its way to a partner. Deliver first, then erase again.")
        begun = [file.name for file in files if file.dropped_at is None]
        connection.execute(sa.delete(DROP_ROWS).where(DROP_ROWS.c.name.in_(begun)))
        connection.execute(sa.delete(DROP_FILES).where(DROP_FILES.c.name.in_(begun)))
    return [file.name for file in files if file.name not in begun]


@contextmanager
def _database(profile: Profile, data: Path) -> Iterator[sa.Engine]:
    engine = open_surfaces(profile, data)
    try:
        yield engine
        if engine.dialect.name == "sqlite":
            # what was taken out is in no log either
            with closing(engine.raw_connection()) as connection:
                connection.cursor().execute("pragma wal_checkpoint(truncate)")
    finally:
        engine.dispose()
