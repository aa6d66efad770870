"""A workflow's journey as a graph: its steps, the ways between them, and where each is drawn."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dagster_project.lint.reading import Call, Reference, Step, Workflow
from dagster_project.reports.pages import spoken

WIDTH, HEIGHT = 196, 96
GAP, LAYER_GAP, MARGIN = 22, 70, 8
# a way past other steps needs this much room beside them
_PASSING = 36
_SWEEPS = 6


@dataclass(frozen=True)
class Node:
    """A step, and where it is drawn."""

    step: str
    label: str
    does: str
    x: float
    y: float
    is_end: bool


@dataclass(frozen=True)
class Edge:
    """A way from one step to the next."""

    from_step: str
    to_step: str
    branch: str | None
    wait: str
    path: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Journey:
    """The whole drawing."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    width: float
    height: float


@dataclass(frozen=True)
class _Way:
    from_step: str
    to_step: str
    branch: str | None
    wait: str


def draw(workflow: Workflow) -> Journey:
    """Lay out a workflow in layers from its entry down."""
    steps = [name for name in workflow.registered if name in workflow.steps]
    ways = [way for name in steps for way in _ways_to(workflow.steps[name], steps)]
    layers = _layers(steps, ways)
    chains = {way: _chain(way, layers) for way in ways}
    rows = _rows(steps, layers, chains)
    places = _places(rows, chains)
    left = min(x - _width(name) / 2 for name, x in places.items()) - MARGIN
    right = max(x + _width(name) / 2 for name, x in places.items()) + MARGIN
    points = {name: (x - left, MARGIN + layers_of(name, layers) * (HEIGHT + LAYER_GAP)) for name, x in places.items()}
    goes_on = {way.from_step for way in ways}
    nodes = [
        Node(name, spoken(name), _does(workflow.steps[name]), points[name][0], points[name][1], name not in goes_on)
        for name in steps
    ]
    parting = {step for step, number in Counter(way.from_step for way in ways).items() if number > 1}
    meeting = {step for step, number in Counter(way.to_step for way in ways).items() if number > 1}
    edges = [
        _edge(way, chain, points, near_end=(way.from_step in parting) - (way.to_step in meeting))
        for way, chain in chains.items()
    ]
    depth = max(layers.values(), default=0) + 1
    return Journey(nodes, edges, right - left, 2 * MARGIN + depth * HEIGHT + (depth - 1) * LAYER_GAP)


def _ways_to(step: Step, steps: Sequence[str]) -> list[_Way]:
    """By the calls of `arrivals`; a step that reads another by SQL of its own is led to all the same."""
    prefix = f"{step.workflow}__"
    found = []
    for call in step.arrives:
        previous = call.arguments.get("previous")
        if isinstance(previous, Reference) and previous.name.startswith(prefix):
            branch = call.arguments.get("branch")
            found.append(_Way(previous.name.removeprefix(prefix), step.name, branch, _wait(call)))
    told = {way.from_step for way in found}
    found += [_Way(name, step.name, None, "") for name in sorted(step.previous - told)]
    return [way for way in dict.fromkeys(found) if way.from_step in steps]


def _wait(call: Call) -> str:
    """What the author wrote about the wait, in few words."""
    stated = call.arguments
    if call.macro == "arrivals_after_event":
        return f"until it happens, at most {stated.get('timeout', 'some time')}"
    if "until" in stated:
        return f"until {spoken(str(stated['until'])).lower()}"
    parts = [f"wait {stated['wait']}"] if stated.get("wait") else []
    if stated.get("local_time"):
        parts.append(f"{stated['local_time']} local time")
    if stated.get("local_window"):
        parts.append("–".join(map(str, stated["local_window"])) + " local time")
    return ", ".join(parts) or "at once"


_ACTS = {
    "call_webhook": ("calls", "endpoint"),
    "notify": ("tells", "person"),
    "send": ("", "template"),
    "set_property": ("sets", "0"),
    "unset_property": ("unsets", "0"),
    "add_tag": ("tags", "0"),
    "remove_tag": ("untags", "0"),
    "join_list": ("joins list", "0"),
    "leave_list": ("leaves list", "0"),
    "join_audience": ("joins audience", "audience"),
    "leave_audience": ("leaves audience", "audience"),
    "update_crm": ("CRM:", "field"),
    "start_workflow": ("starts", "workflow"),
    "stop_workflow": ("stops", "workflow"),
    "route_lead": ("gives to an owner", ""),
    "set_crm_owner": ("tells the CRM the owner", ""),
    "join_crm_list": ("joins CRM list", "list"),
    "leave_crm_list": ("leaves CRM list", "list"),
    "create_crm_task": ("makes a task in the CRM", ""),
    "drop_row": ("row for", "template"),
    "suppress": ("leaves in peace", ""),
}
# so many letters have room in a line of a step
_ROOM = 29


def _does(step: Step) -> str:
    """What the step does to a contact, in few words."""
    for call in step.calls:
        if call.macro == "send":
            by = f" · {'/'.join(map(str, call.arguments.get('channels') or ['email']))}"
            return f"{_short(call.arguments.get('template', 'message'), _ROOM - len(by))}{by}"
        if call.macro in _ACTS:
            verb, argument = _ACTS[call.macro]
            return f"{verb} {_short(call.arguments.get(argument, ''), _ROOM - len(verb) - 1)}".strip()
    if step.called("branch"):
        return "parts ways"
    if step.called("split"):
        return "splits by chance"
    return "who comes in" if step.name == "entered" else ""


def _short(text: Any, room: int) -> str:
    plain = str(text).replace("_", " ")
    return plain if len(plain) <= room else f"{plain[: max(room, 6) - 1].rstrip()}…"


def _layers(steps: Sequence[str], ways: Sequence[_Way]) -> dict[str, int]:
    """Each step below all that lead to it."""
    layers = dict.fromkeys(steps, 0)
    # no longer than there are steps, were there ever a circle
    for _ in steps:
        for way in ways:
            layers[way.to_step] = max(layers[way.to_step], layers[way.from_step] + 1)
        if all(layers[way.to_step] > layers[way.from_step] for way in ways):
            break
    return layers


def _chain(way: _Way, layers: Mapping[str, int]) -> list[str]:
    """The step, a point in each layer that is passed, and the next step."""
    passed = range(layers[way.from_step] + 1, layers[way.to_step])
    return [way.from_step, *(f"{way.from_step}>{way.to_step}>{layer}" for layer in passed), way.to_step]


def layers_of(name: str, layers: Mapping[str, int]) -> int:
    return layers[name] if name in layers else int(name.rpartition(">")[2])


def _rows(steps: Sequence[str], layers: Mapping[str, int], chains: Mapping[_Way, Sequence[str]]) -> list[list[str]]:
    """What stands in each layer, from left to right, so that few ways cross."""
    names = list(dict.fromkeys([*steps, *(name for chain in chains.values() for name in chain)]))
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for name in names:
        rows[layers_of(name, layers)].append(name)
    pairs = [pair for chain in chains.values() for pair in pairwise(chain)]
    for turn in range(_SWEEPS):
        downwards = turn % 2 == 0
        for number in range(len(rows)) if downwards else reversed(range(len(rows))):
            places = {name: place for row in rows for place, name in enumerate(row)}
            beside: dict[str, list[int]] = {}
            for above, below in pairs:
                one, other = (below, above) if downwards else (above, below)
                beside.setdefault(one, []).append(places[other])
            means = {name: sum(found) / len(found) for name, found in beside.items()}
            rows[number].sort(key=lambda name: means.get(name, places[name]))
    return rows


def _places(rows: Sequence[Sequence[str]], chains: Mapping[_Way, Sequence[str]]) -> dict[str, float]:
    """The middle of each: below what leads to it, as far as its neighbours leave room."""
    places: dict[str, float] = {}
    for row in rows:
        offset = -sum(_width(name) + GAP for name in row) / 2
        for name in row:
            places[name] = offset + (_width(name) + GAP) / 2
            offset += _width(name) + GAP
    above, below = dict[str, list[str]](), dict[str, list[str]]()
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            below.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)
    for turn in range(_SWEEPS):
        downwards = turn % 2 == 0
        for row in rows if downwards else reversed(rows):
            _settle(row, above if downwards else below, places)
    return places


def _settle(row: Sequence[str], beside: Mapping[str, Sequence[str]], places: dict[str, float]) -> None:
    """Put a row where its neighbours wish it, with room between, as a whole no further left than right."""
    wished = [
        sum(places[other] for other in beside[name]) / len(beside[name]) if beside.get(name) else places[name]
        for name in row
    ]
    settled: list[float] = []
    for place, wish in enumerate(wished):
        settled.append(max(wish, settled[-1] + _apart(row[place - 1], row[place])) if settled else wish)
    shift = sum(wish - found for wish, found in zip(wished, settled, strict=True)) / max(len(row), 1)
    places.update({name: found + shift for name, found in zip(row, settled, strict=True)})


def _width(name: str) -> float:
    return _PASSING if ">" in name else WIDTH


def _apart(left: str, right: str) -> float:
    return (_width(left) + _width(right)) / 2 + GAP


# how far along a way, and how far down, its label is: where ways part near the end, where they meet near the start, so
# that labels of ways side by side have as much room as their steps
_LABEL_AT = {-1: (0.25, 0.364), 0: (0.5, 0.5), 1: (0.75, 0.636)}


def _edge(way: _Way, chain: Sequence[str], points: Mapping[str, tuple[float, float]], *, near_end: int) -> Edge:
    x, y = points[chain[0]][0], points[chain[0]][1] + HEIGHT
    path = [f"M{x:.1f} {y:.1f}"]
    label: tuple[float, float] | None = None
    for name in chain[1:]:
        to_x, to_y = points[name]
        middle = (y + to_y) / 2
        path.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        if label is None or ">" in name:
            along, down = _LABEL_AT[near_end if len(chain) == 2 else 0]
            label = (x + along * (to_x - x), y + down * (to_y - y))
        if ">" in name:
            # straight past the layer
            path.append(f"L{to_x:.1f} {to_y + HEIGHT:.1f}")
            to_y += HEIGHT
        x, y = to_x, to_y
    assert label is not None
    return Edge(way.from_step, way.to_step, way.branch, way.wait, " ".join(path), *label)
