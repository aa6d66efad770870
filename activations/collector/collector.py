"""What every route of the collector is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from activations.collector.choices import Choice
from activations.collector.store import Store
from activations.collector.write_keys import WriteKeys
from activations.settings.profile import Profile
from activations.surfaces.served import ServedSurfaces


@dataclass(frozen=True)
class Collector:
    """Who may send, where what comes in is kept, and by which clock."""

    write_keys: WriteKeys
    profile: Profile
    """Its link_key signs the links that come back to us."""
    templates: Path
    now: Callable[[], datetime]
    """The time, naive UTC."""
    store: Store
    workflows: frozenset[str] = frozenset()
    """Those that may be started by name; any where there are none."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By which providers' webhooks are believed, by name."""
    choices: Sequence[Choice] = ()
    """What people can choose to get."""
    data: Path | None = None
    """The data directory, where our own surfaces keep what they show; without one they are not served."""

    @cached_property
    def surfaces(self) -> ServedSurfaces | None:
        """Their database, which may fail without keeping anything from coming in."""
        return None if self.data is None else ServedSurfaces(self.profile, self.data, self.now)
