"""What every route of the collector is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from activations.collector.choices import Choice
from activations.collector.store import Store
from activations.collector.write_keys import WriteKeys
from activations.settings.profile import Profile


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
