"""The account of a delivery: every action in the outbox stands in it once."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["accepted", "rejected", "failed", "expired", "unknown", "already_settled", "waiting", "held", "paused"]
PARTS: tuple[Part, ...] = (
    "accepted", "rejected", "failed", "expired", "unknown", "already_settled", "waiting", "held", "paused"
)  # fmt: skip
FINAL: tuple[Part, ...] = ("accepted", "rejected", "failed", "expired", "unknown")
"""What this delivery has settled for good."""
_REASONS_KEPT = 1_000
_REASONS_SHOWN = 20

Progress = Callable[[int, int], object]
"""Told how many actions are dealt with, and how many there are."""


@dataclass(frozen=True)
class DeliveryAccount:
    """What became of every action in the outbox; the parts add up to `actions`."""

    actions: int = 0
    accepted: int = 0
    rejected: int = 0
    """Will never be taken: a refused address, a field that is missing."""
    failed: int = 0
    """Was put off in every attempt."""
    expired: int = 0
    """Came too late to be sent."""
    unknown: int = 0
    """May or may not have arrived; never sent anew."""
    already_settled: int = 0
    """By an earlier delivery, or by another one meanwhile."""
    waiting: int = 0
    """To be sent later than now, or left for the next delivery by one that was stopped."""
    held: int = 0
    """Another delivery that is alive is at them."""
    paused: int = 0
    """Covered by a pause; they wait until it is lifted."""
    outcomes_written: int = 0
    seconds: float = 0.0
    by_channel: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Parts and `actions` by channel."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why actions were not accepted in this delivery, as `status: reason`; the most frequent."""

    @property
    def adds_up(self) -> bool:
        return self.actions == sum(getattr(self, part) for part in PARTS)


class Tally:
    """Counts while a delivery goes on."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._counts: dict[str, Counter[str]] = {}
        self._reasons: Counter[str] = Counter()
        self._earlier = 0

    def expect(self, channel: str, actions: int) -> None:
        """There are so many more actions."""
        self._of(channel)["actions"] += actions

    def finished_earlier(self, channel: str, actions: int) -> None:
        """There are so many more actions, in a file that need not be read any more."""
        self._of(channel).update({"actions": actions, "already_settled": actions})
        self._earlier += actions

    def count(self, channel: str, part: Part, number: int = 1, reason: str | None = None) -> None:
        self._of(channel)[part] += number
        if reason is not None and (len(self._reasons) < _REASONS_KEPT or f"{part}: {reason}" in self._reasons):
            self._reasons[f"{part}: {reason}"] += number

    def leave_the_rest(self, channel: str) -> None:
        """What is not counted yet waits for the next delivery."""
        counts = self._of(channel)
        counts["waiting"] += counts["actions"] - sum(counts[part] for part in PARTS)
        if counts["already_settled"] < 0:
            # settled elsewhere, and not met once more
            counts["waiting"] += counts["already_settled"]
            counts["already_settled"] = 0

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Parts and `actions` by channel, as they are now."""
        return {channel: dict(counts) for channel, counts in self._counts.items()}

    @property
    def reasons(self) -> Mapping[str, int]:
        """Why, as `part: reason`."""
        return dict(self._reasons)

    def take(self, counts: Mapping[str, Mapping[str, int]], reasons: Mapping[str, int]) -> None:
        """Add what another has counted."""
        for channel, parts in counts.items():
            self._of(channel).update(parts)
        self._reasons.update(reasons)

    def take_settled(self, counts: Mapping[str, Mapping[str, int]], reasons: Mapping[str, int]) -> None:
        """Add what another has settled, and was met here once more as settled already."""
        for channel, parts in counts.items():
            for part in FINAL:
                self._of(channel)[part] += parts.get(part, 0)
                self._of(channel)["already_settled"] -= parts.get(part, 0)
        self._reasons.update({why: number for why, number in reasons.items() if why.partition(":")[0] in FINAL})

    def another(self) -> "Tally":
        """An empty one that tells the same how far it is."""
        return Tally(self._progress)

    def show(self, elsewhere: int = 0) -> None:
        """Tell how far it is; `elsewhere` are those that others have dealt with meanwhile."""
        if self._progress is not None:
            done = elsewhere + sum(counts[part] for counts in self._counts.values() for part in PARTS)
            expected = sum(counts["actions"] for counts in self._counts.values())
            self._progress(done - self._earlier, expected - self._earlier)

    def account(self, *, outcomes_written: int, seconds: float) -> DeliveryAccount:
        total: Counter[str] = sum(self._counts.values(), Counter())
        return DeliveryAccount(
            **{part: total[part] for part in ("actions", *PARTS)},
            outcomes_written=outcomes_written,
            seconds=seconds,
            by_channel={channel: dict(+counts) for channel, counts in sorted(self._counts.items())},
            reasons=dict(self._reasons.most_common(_REASONS_SHOWN)),
        )

    def _of(self, channel: str) -> Counter[str]:
        return self._counts.setdefault(channel, Counter())
