"""Which action is in which file, so that none is ever in two.

A file is composed once, and noted with its actions before anything of it is put anywhere. Without its signature it is
not there for the partner; so until the signature is begun it can be composed anew, and from then on only put again as
it was.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.surfaces.drop_files import MANIFEST, SIGNATURE, DropFile
from activations.surfaces.drop_places import NotDroppedError, Place, UnclearDropError
from activations.surfaces.tables import DROP_FILES, DROP_ROWS

KEPT_FOR = timedelta(days=30)
_ASKED_AT_ONCE = 5_000


@dataclass(frozen=True)
class DropLedger:
    """The files of all drops."""

    engine: sa.Engine
    places: Mapping[str, Place]
    now: Callable[[], datetime]

    async def drop(self, file: DropFile, action_ids: Collection[int]) -> None:
        """Put a file in its place. Raises NotDroppedError where it certainly is not there, UnclearDropError where it
        may be, and HourbellError where the drop has no place."""
        self._stage(file, action_ids)
        place = self._place(file.drop)
        try:
            try:
                await place.put(file.name, file.content)
                await place.put(f"{file.name}{MANIFEST}", file.manifest)
            except UnclearDropError as error:
                # nobody takes what is not signed
                raise NotDroppedError(str(error), is_later=error.is_later) from error
            self._note(file.name, signing_at=self.now())
            await place.put(f"{file.name}{SIGNATURE}", file.signature)
        except NotDroppedError:
            self._unstage(file.name)
            raise
        self._dropped(file.name)

    async def find(self, action_ids: Collection[int]) -> dict[int, str]:
        """The files in which actions are. One that may be in its place is put there once more, as it was; one that
        certainly is not is forgotten, to be composed anew. Raises HourbellError where that cannot be done now."""
        names = _names(self.engine, action_ids)
        for row in _unfinished(self.engine, names.values()):
            if row.signing_at is None:
                self._unstage(row.name)
                names = {action_id: name for action_id, name in names.items() if name != row.name}
                continue
            place = self._place(row.drop_name)
            try:
                for ending, content in (("", row.content), (MANIFEST, row.manifest), (SIGNATURE, row.signature)):
                    await place.put(f"{row.name}{ending}", content)
            except UnclearDropError as error:
                raise HourbellError(f"Whether {row.name} is in its place cannot be found out: {error}") from error
            self._dropped(row.name)
        return names

    def sweep(self) -> None:
        """Forget what was dropped so long ago that nobody asks for it any more."""
        old = sa.select(DROP_FILES.c.name).where(DROP_FILES.c.dropped_at <= self.now() - KEPT_FOR)
        with self.engine.begin() as connection:
            connection.execute(sa.delete(DROP_ROWS).where(DROP_ROWS.c.name.in_(old)))
            connection.execute(sa.delete(DROP_FILES).where(DROP_FILES.c.dropped_at <= self.now() - KEPT_FOR))

    async def close(self) -> None:
        for place in self.places.values():
            await place.close()
        self.engine.dispose()

    def _place(self, drop: str) -> Place:
        if drop not in self.places:
            raise HourbellError(f"drops.yml names no drop {drop!r}, which a file waits for. Put it back.")
        return self.places[drop]

    def _stage(self, file: DropFile, action_ids: Collection[int]) -> None:
        parts = {"content": file.content, "manifest": file.manifest, "signature": file.signature}
        rows = [{"action_id": action_id, "name": file.name} for action_id in action_ids]
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(DROP_FILES).values(name=file.name, drop_name=file.drop, staged_at=self.now(), **parts)
            )
            connection.execute(sa.insert(DROP_ROWS), rows)

    def _unstage(self, name: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.delete(DROP_ROWS).where(DROP_ROWS.c.name == name))
            connection.execute(sa.delete(DROP_FILES).where(DROP_FILES.c.name == name))

    def _dropped(self, name: str) -> None:
        # the rows are the partner's now, and nothing of them stays here
        self._note(name, dropped_at=self.now(), content=None, manifest=None, signature=None)

    def _note(self, name: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.update(DROP_FILES).where(DROP_FILES.c.name == name).values(**values))


def begun_files(engine: sa.Engine, action_ids: Collection[int]) -> dict[int, str]:
    """The files in which actions are for good, in their place or to be put there once more. Nothing is put anywhere."""
    names = _names(engine, action_ids)
    forgotten = {row.name for row in _unfinished(engine, names.values()) if row.signing_at is None}
    return {action_id: name for action_id, name in names.items() if name not in forgotten}


def _names(engine: sa.Engine, action_ids: Collection[int]) -> dict[int, str]:
    asked = list(action_ids)
    found: dict[int, str] = {}
    with engine.connect() as connection:
        for start in range(0, len(asked), _ASKED_AT_ONCE):
            among = DROP_ROWS.c.action_id.in_(asked[start : start + _ASKED_AT_ONCE])
            found |= {row.action_id: row.name for row in connection.execute(sa.select(DROP_ROWS).where(among))}
    return found


def _unfinished(engine: sa.Engine, names: Iterable[str]) -> list[sa.Row]:
    query = sa.select(DROP_FILES).where(DROP_FILES.c.name.in_(set(names)), DROP_FILES.c.dropped_at.is_(None))
    with engine.connect() as connection:
        return list(connection.execute(query))
