"""The kill switch: what is paused is claimed by nobody until it is resumed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Scope = Literal["all", "channel", "workflow"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing of this leaves. `name` is the channel's or workflow's, and empty for all."""

    scope: Scope
    name: str
    reason: str
    paused_at: datetime

    def covers(self, workflow: str, channel: str) -> bool:
        return self.name == {"all": "", "workflow": workflow, "channel": channel}[self.scope]

    def __str__(self) -> str:
        return f"{self.scope} {self.name}".strip() + (f": {self.reason}" if self.reason else "")


def pause_of(pauses: Iterable[Pause], workflow: str, channel: str) -> Pause | None:
    """The pause that covers an action, if one does."""
    return next((pause for pause in pauses if pause.covers(workflow, channel)), None)
