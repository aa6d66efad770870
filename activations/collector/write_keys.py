"""Who may send events: write keys, each of a source."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from activations.errors import HourbellError

WRITE_KEY = "HOURBELL_WRITE_KEY"
APPS = "HOURBELL_SNOWPLOW_APPS"
DEFAULT_SOURCE = "collector"
SHORTEST = 12


@dataclass(frozen=True)
class WriteKeys:
    """The key of each source, by its name."""

    by_source: Mapping[str, str] = field(repr=False)
    apps: frozenset[str] = frozenset()
    """Applications whose Snowplow trackers are taken at their word: those send no key."""

    def source_of(self, key: str) -> str | None:
        """Whose key it is; None where it is nobody's. All are compared, and each in constant time."""
        given = key.encode()
        found = [source for source, known in self.by_source.items() if hmac.compare_digest(known.encode(), given)]
        return found[0] if found else None


def write_keys(environment: Mapping[str, str]) -> WriteKeys:
    """The keys that the environment sets, in general and by source; raises HourbellError naming the variable."""
    found: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        if name != WRITE_KEY and not name.startswith(f"{WRITE_KEY}_"):
            continue
        source = name.removeprefix(WRITE_KEY).removeprefix("_").lower() or DEFAULT_SOURCE
        key = value.strip()
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or ":" in key:
            raise HourbellError(
                f"{name} is no key. Give it {SHORTEST} or more letters and digits, as from: openssl rand -hex 16."
            )
        if key in found.values():
            raise HourbellError(f"{name} is the key of another source too, so that nobody could tell them apart.")
        found[source] = key
    return WriteKeys(found, frozenset(app.strip() for app in environment.get(APPS, "").split(",") if app.strip()))
