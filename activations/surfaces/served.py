"""The surfaces' database for who serves other things too, and goes on with them while it cannot be used."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from activations.errors import HourbellError
from activations.settings.profile import Profile
from activations.surfaces.place import explained, open_surfaces

_TRIED_AGAIN_AFTER = timedelta(seconds=5)
_LATER = "This cannot be looked up now. Ask again a little later."

T = TypeVar("T")
log = logging.getLogger(__name__)


class ServedSurfaces:
    """Opened when it is first asked, and tried again a little later where that failed."""

    def __init__(self, profile: Profile, data: Path, now: Callable[[], datetime]) -> None:
        self._profile = profile
        self._data = data
        self._now = now
        self._turn = threading.Lock()
        self._opened: sa.Engine | None = None
        self._failed_at: datetime | None = None

    def ask(self, question: Callable[[sa.Engine], T]) -> T:
        """What a question gives; raises HourbellError where it cannot be asked now, and says why in the log alone."""
        engine = self._engine()
        try:
            with explained(self._data):
                return question(engine)
        except HourbellError as error:
            raise _told(error) from error

    def look(self) -> None:
        """Have it said at once where it cannot be used."""
        with suppress(HourbellError):
            self._engine()

    def close(self) -> None:
        if self._opened is not None:
            self._opened.dispose()

    def _engine(self) -> sa.Engine:
        with self._turn:
            if self._opened is None:
                # who had to wait for their turn need not wait for the same once more
                if self._failed_at is not None and self._now() < self._failed_at + _TRIED_AGAIN_AFTER:
                    raise HourbellError(_LATER)
                try:
                    self._opened = open_surfaces(self._profile, self._data)
                except HourbellError as error:
                    self._failed_at = self._now()
                    raise _told(error) from error
            return self._opened


def _told(error: HourbellError) -> HourbellError:
    """Who asks from outside is not told how we keep things."""
    log.error("%s All that needs no surfaces is served meanwhile.", error)
    return HourbellError(_LATER)
