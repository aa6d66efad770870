"""How long to wait before something is tried again."""

import asyncio
import hashlib
import time
from dataclasses import dataclass, field

_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Patience:
    """How often an action that the provider puts off is tried in one delivery, and the first pause in seconds.

    Each further pause is twice as long, give or take half. Who asks for a longer pause than `longest` is tried in the
    next delivery.
    """

    attempts: int = 4
    first_pause: float = 1.0
    longest: float = _LONGEST_PAUSE

    def pause(self, action_id: int, attempts: int, retry_after: float | None = None) -> float:
        """Seconds to wait after so many attempts; at least what the provider asked for."""
        pause = min(self.first_pause * 2.0 ** (attempts - 1), self.longest)
        return max(retry_after or 0.0, pause * (0.5 + spread(f"{action_id}/{attempts}")))


@dataclass
class Pace:
    """No more than so many calls a second, evenly."""

    per_second: float
    _free_at: float = field(default=0.0, init=False)

    async def wait(self) -> None:
        """Until the next call may be made."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now)
        pause = self._free_at - now
        self._free_at += 1.0 / self.per_second
        if pause > 0:
            await asyncio.sleep(pause)


def spread(key: str) -> float:
    """A number from 0 up to 1 that depends on nothing but the key, so that many who wait do not come back at once."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) / 2**64
