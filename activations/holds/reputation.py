"""The breaker of reputation: whether a mailbox provider, or a channel, has had too much of our messages."""

from dataclasses import dataclass
from typing import Literal

ALL = "all"
"""In place of a domain: everybody on a channel."""

Level = Literal["good", "warning", "stopped"]
_ORDER: tuple[Level, ...] = ("good", "warning", "stopped")


@dataclass(frozen=True)
class Limits:
    """From which share on it warns and stops, and from how many recipients on it says anything; meaning and source are
    in dbt/README.md."""

    least_recipients: int = 200
    complaints_warn: float = 0.0008
    complaints_stop: float = 0.003
    bounces_warn: float = 0.04
    bounces_stop: float = 0.08
    over_days: int = 7


@dataclass(frozen=True)
class Reputation:
    """What came back of the messages to a domain on a channel; each message counts once."""

    channel: str
    domain: str
    recipients: int
    tried: int
    accepted: int
    complaints: int
    bounces: int
    """Those that the server would not take, and those that came back."""

    def level(self, limits: Limits) -> Level:
        return max((level for level, _ in self._judged(limits)), key=_ORDER.index, default="good")

    def told(self, limits: Limits) -> str:
        """Why it is not good, in words; empty where it is."""
        worst = self.level(limits)
        where = self.channel if self.domain == ALL else f"{self.channel} to {self.domain}"
        told = [reason for level, reason in self._judged(limits) if level == worst != "good"]
        return f"{where}: {'; '.join(told)}" if told else ""

    def _judged(self, limits: Limits) -> list[tuple[Level, str]]:
        if self.recipients < limits.least_recipients:
            return []
        days = limits.over_days
        return [
            _judge("complaints", self.complaints, self.accepted, limits.complaints_warn, limits.complaints_stop, days),
            _judge("bounces", self.bounces, self.tried, limits.bounces_warn, limits.bounces_stop, days),
        ]


def _judge(what: str, number: int, of: int, warn: float, stop: float, days: int) -> tuple[Level, str]:
    # shares are compared as products: a rounded quotient may fall on the wrong side
    level: Level = "good"
    if number and round(number - warn * of, 9) >= 0:
        level = "warning"
    if number and round(number - stop * of, 9) >= 0:
        level = "stopped"
    share = number / of if of else 0.0
    limit = stop if level == "stopped" else warn
    verb = "stopped" if level == "stopped" else "warned of"
    return level, (f"{number:,} {what} of {of:,} messages in {days} days ({share:.2%}; {verb} from {limit:.2%} on)")
