"""Workflows that do not wait for the hour: which events they wait for, and whether one of those has come."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from activations.collector.latest import latest_events
from dagster_project.home import Home
from dagster_project.registry import urgent_workflows
from dagster_project.ticks.tick_run import due_window
from dagster_project.ticks.transform import manifest
from dagster_project.ticks.windows import Window

SECOND = timedelta(seconds=1)
_QUOTED = re.compile(r"'([^'\n]+)'|\"([^\"\n]+)\"")


@dataclass(frozen=True)
class Watch:
    """How far it is known what came in."""

    read: dict[str, int] = field(default_factory=dict)
    """Of the collector's files, by name."""
    newest: datetime | None = None
    """When the newest event came in for which somebody in a hurry waits."""
    asked: datetime | None = None
    """That of the last one for which a tick was asked, or needed none."""

    @classmethod
    def from_text(cls, text: str | None) -> "Watch":
        found: dict[str, Any] = json.loads(text) if text else {}
        moments = {name: datetime.fromisoformat(found[name]) for name in ("newest", "asked") if found.get(name)}
        return cls(found.get("read", {}), **moments)

    def answered(self) -> "Watch":
        """What came in has its tick, or needs none."""
        return replace(self, asked=self.newest)

    def __str__(self) -> str:
        moments = {"newest": self.newest, "asked": self.asked}
        return json.dumps({"read": self.read, **{name: at.isoformat() for name, at in moments.items() if at}})


def urgent_events(workflows: Iterable[str] | None = None) -> frozenset[str]:
    """Whatever the models of these workflows, by default of the urgent ones, and of what triggers them name in quotes.

    The events that they wait for are among it. What else is among it is the name of no event.
    """
    urgent = set(urgent_workflows() if workflows is None else workflows)
    nodes, macros = manifest().nodes, manifest().macros
    waiting = [id for id, node in nodes.items() if node.resource_type == "model" and node.fqn[2] in urgent]
    sources: dict[str, str] = {}
    while waiting:
        unique_id = waiting.pop()
        if unique_id in sources:
            continue
        if unique_id in macros:
            sources[unique_id] = macros[unique_id].macro_sql
            waiting += [id for id in macros[unique_id].depends_on.macros if _is_of_a_workflow(macros[id].path)]
        elif unique_id in nodes and nodes[unique_id].fqn[1] == "workflows":
            sources[unique_id] = nodes[unique_id].raw_code
            waiting += nodes[unique_id].depends_on.nodes
            waiting += [id for id in nodes[unique_id].depends_on.macros if _is_of_a_workflow(macros[id].path)]
    return frozenset(name for text in sources.values() for name in _quoted(text))


def _is_of_a_workflow(path: str) -> bool:
    return path.startswith(("macros/triggers/", "macros/workflow/"))


def _quoted(text: str) -> Iterator[str]:
    for single, double in _QUOTED.findall(text):
        yield single or double


def look(home: Home, watch: Watch, events: Collection[str]) -> Watch:
    """See what has come in since, of the events that somebody in a hurry waits for."""
    heard = latest_events(home.collected, watch.read)
    moments = [at for name, at in heard.latest.items() if name in events]
    newest = max([*moments, *([watch.newest] if watch.newest else [])], default=None)
    return Watch(dict(heard.read), newest, watch.asked)


def urgent_window(home: Home, watch: Watch, now: datetime) -> Window | None:
    """The window of a tick that decides what waits, up to the second that has begun; first of all an interrupted one.

    None where nothing waits, or it has been decided. What comes in when the tick of its second has landed already is
    known from the next one on.
    """
    if watch.newest is None or watch.newest == watch.asked:
        return None
    window = due_window(home, now + SECOND, SECOND)
    return window if window is not None and watch.newest > window.start - SECOND else None
