"""What every route of the collector is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from activations.collector.store import Store
from activations.collector.write_keys import WriteKeys
from activations.profile import Profile


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
    data: Path | None = None
    """The data directory, where our own surfaces keep what they show; without one they are not served."""
