"""What the page for choosing shows of how somebody stands: of the channel by which its link came, and for some days."""

import logging
import threading
from collections.abc import Mapping
from datetime import date

from activations.collector.collector import Collector
from activations.collector.objections import FOLDER, Objections
from activations.errors import HourbellError
from activations.links import Known
from activations.surfaces.standings import find

YES, NO = "yes", "no"

log = logging.getLogger(__name__)


class StandingShown:
    """How contacts stood as of the last tick, and what they said to the collector since."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._said: Objections | None = None
        self._day = date.min
        self._turn = threading.Lock()

    def of(self, known: Known) -> Mapping[str, str]:
        """Yes or no by the name of a choice; nothing where the link is old, or nothing is known or can be read."""
        surfaces, key, now = self._collector.surfaces, self._collector.profile.link_key, self._collector.now()
        if surfaces is None:
            return {}
        try:
            shown = surfaces.ask(lambda noted: find(noted, key, known, now))
        except HourbellError as error:
            # what somebody chooses is kept all the same, and they are told so
            log.error("The page on which people choose does not show how they stand: %s", error)
            return {}
        if shown is None:
            return {}
        whom = [(name, value) for name in ("user_id", "email", "phone") if (value := getattr(known, name))]
        found = {}
        with self._turn:
            said = self._said_lately()
            for choice in self._collector.choices:
                if choice.channel == known.channel:
                    stated = said.stated(whom, choice.channel, choice.topic, shown.as_of)
                    allows = stated == "granted" if stated else choice.name in shown.allowed
                    found[choice.name] = YES if allows else NO
        return found

    def _said_lately(self) -> Objections:
        """Read anew each day: what was said long ago has landed, and would only fill memory."""
        assert self._collector.data is not None
        today = self._collector.now().date()
        if self._said is None or today != self._day:
            self._said, self._day = Objections(self._collector.data / FOLDER), today
        return self._said
