"""The checks, one function each; a new one is a function in CHECKS."""

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from dagster_project.lint.finding import Finding
from dagster_project.lint.reading import Reference, Step, Workflow, read_workflows

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
# every workflow has one beside its steps
EXITED = "exited"


def lint(project: Path, templates: Path) -> list[Finding]:
    """Everything that is wrong with the workflows of a dbt project, errors and mere remarks, in the order of files."""
    workflows = read_workflows(project)
    found = {finding for check in CHECKS for workflow in workflows for finding in check(workflow, project)}
    found |= {finding for workflow in workflows for finding in _unknown_contents(workflow, project, templates)}
    found |= set(_fighting(workflows, project)) | set(_closed_caps(project))
    return sorted(found)


def _unregistered(workflow: Workflow, project: Path) -> Iterator[Finding]:
    registry = project / "dbt_project.yml"
    if workflow.settings is None:
        first = next(iter(workflow.steps.values()))
        yield Finding(
            first.path,
            1,
            f"the workflow {workflow.name} is not registered",
            f"add it under vars.workflows in {registry.name}",
        )
        return
    for name, step in workflow.steps.items():
        if name not in (*workflow.registered, EXITED):
            yield Finding(
                step.path,
                1,
                f"nobody registers the step {name}",
                f"add it to the steps of {workflow.name} in {registry.name}",
            )
    for name in (*workflow.registered, EXITED):
        if name not in workflow.steps:
            model = f"{workflow.name}__{name}.sql"
            yield Finding(
                registry,
                _line(registry, f"{workflow.name}:"),
                f"{workflow.name} has no {model}",
                f"write it in {workflow.folder.name}/, or take {name} off the steps",
            )


def _unreachable(workflow: Workflow, project: Path) -> Iterator[Finding]:
    reached, waiting = set(), ["entered"]
    while waiting:
        place = waiting.pop()
        reached.add(place)
        waiting += [name for name, step in workflow.steps.items() if place in step.previous and name not in reached]
    for name, step in workflow.steps.items():
        if name not in (*reached, EXITED):
            yield Finding(
                step.path,
                1,
                f"nobody can reach {name}",
                "let it follow a step that leads back to the entry: arrivals(ref(…))",
            )


def _branches(workflow: Workflow, project: Path) -> Iterator[Finding]:
    for step in workflow.steps.values():
        for call in step.called("branch"):
            if "otherwise" not in call.arguments:
                yield Finding(
                    step.path, call.line, "a branch without an else", "say otherwise='…': where everybody else goes"
                )
        for call in step.arrives:
            way, previous = call.arguments.get("branch"), call.arguments.get("previous")
            if way is None or not isinstance(previous, Reference):
                continue
            known = _ways(workflow.steps.get(previous.name.removeprefix(f"{workflow.name}__")))
            if known is not None and way not in known:
                yield Finding(
                    step.path,
                    call.line,
                    f"nobody leaves {previous.name} by {way}",
                    f"its ways are {', '.join(sorted(known))}" if known else "it has no branches: leave branch= out",
                )


def _ways(step: Step | None) -> set[str] | None:
    """The ways out of a step; None where they are not written out."""
    if step is None:
        return None
    ways: set[str] = set()
    for call in step.called("branch"):
        if not isinstance(call.arguments.get("ways"), dict) or "otherwise" not in call.arguments:
            return None
        ways |= {*call.arguments["ways"], call.arguments["otherwise"]}
    if not ways and "as branch" in step.path.read_text().lower():
        return None
    return ways


def _exits_asked(workflow: Workflow, project: Path) -> Iterator[Finding]:
    for step in workflow.steps.values():
        for call in step.arrives:
            if "exits" not in call.arguments:
                yield Finding(
                    step.path,
                    call.line,
                    "who has left the workflow arrives all the same",
                    f"add exits=ref('{workflow.name}__{EXITED}')",
                )


def _waits_that_end(workflow: Workflow, project: Path) -> Iterator[Finding]:
    longest = _period((workflow.settings or {}).get("longest_path"))
    if longest is None:
        return
    for name, step in workflow.steps.items():
        way = _slowest_way(workflow, name, ())
        if way is None or way <= longest:
            continue
        before = max(
            (_slowest_way(workflow, previous, ()) or timedelta() for previous in step.previous), default=timedelta()
        )
        if before <= longest:
            yield Finding(
                step.path,
                step.arrives[0].line if step.arrives else 1,
                f"the wait for {name} never ends: it takes {_told(way)}, and nobody stays longer than {_told(longest)}",
                f"wait less, or raise longest_path of {workflow.name} in dbt_project.yml",
            )


def _slowest_way(workflow: Workflow, name: str, passed: Sequence[str]) -> timedelta | None:
    """How long it takes at least to reach a step by its slowest way, as far as the waits are written out."""
    step = workflow.steps.get(name)
    if step is None or name in passed:
        return None
    waits = [
        _period(call.arguments.get("timeout" if call.macro == "arrivals_after_event" else "wait"))
        for call in step.arrives
    ]
    own = max((wait for wait in waits if wait is not None), default=timedelta())
    before = [_slowest_way(workflow, previous, (*passed, name)) for previous in step.previous]
    return own + max((way for way in before if way is not None), default=timedelta())


def _unknown_contents(workflow: Workflow, project: Path, templates: Path) -> Iterator[Finding]:
    known = {
        "template": ({path.name for path in templates.iterdir() if path.is_dir()}, f"a folder in {templates.name}/"),
        "topic": ({row["topic"] for row in _seed(project, "topics")}, "a row of seeds/topics.csv"),
        "channels": ({row["channel"] for row in _seed(project, "channels")}, "a row of seeds/channels.csv"),
    }
    for step in workflow.steps.values():
        for call in step.called("send"):
            for argument, (names, where) in known.items():
                for name in _as_list(call.arguments.get(argument)):
                    if name not in names:
                        yield Finding(
                            step.path,
                            call.line,
                            f"there is no {argument.removesuffix('s')} {name}",
                            f"add {where}, or take one of {', '.join(sorted(names))}",
                        )


def _fighting(workflows: Sequence[Workflow], project: Path) -> Iterator[Finding]:
    registry = project / "dbt_project.yml"
    live = [workflow for workflow in workflows if (workflow.settings or {}).get("status") == "live"]
    for place, workflow in enumerate(live):
        for other in live[place + 1 :]:
            both = f"{workflow.name} and {other.name}"
            if (workflow.settings or {}).get("priority") == (other.settings or {}).get("priority"):
                yield Finding(
                    registry,
                    _line(registry, f"{other.name}:"),
                    f"{both} fight over the same people: they have the same priority",
                    "give one of them another priority: under a cap the lower number goes first",
                    is_error=False,
                )
            if _trigger(workflow) and _trigger(workflow) == _trigger(other):
                yield Finding(
                    other.steps["entered"].path,
                    1,
                    f"{both} fight over the same people: the same lets people into both",
                    "let one start where the other ends (step_reached), or split the people between them",
                    is_error=False,
                )


def _trigger(workflow: Workflow) -> str | None:
    """What lets people in, as it is written, without its comments and the way into the workflow."""
    entered = workflow.steps.get("entered")
    if entered is None:
        return None
    lines = [line.split("--")[0].strip() for line in entered.path.read_text().splitlines()]
    return " ".join(line for line in lines if line and "entries(" not in line and "as entry_key" not in line)


def _closed_caps(project: Path) -> Iterator[Finding]:
    path = project / "seeds" / "frequency_caps.csv"
    for number, row in enumerate(_seed(project, "frequency_caps"), start=2):
        if row["max_sends"] == "0":
            yield Finding(
                path,
                number,
                f"the cap '{row['rule']}' lets nothing through",
                "leave max_sends empty for no cap",
                is_error=False,
            )


CHECKS: tuple[Callable[[Workflow, Path], Iterator[Finding]], ...] = (
    _unregistered,
    _unreachable,
    _branches,
    _exits_asked,
    _waits_that_end,
)


def _seed(project: Path, name: str) -> list[dict[str, str]]:
    with (project / "seeds" / f"{name}.csv").open() as rows:
        return list(csv.DictReader(rows))


def _as_list(value: Any) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _period(text: Any) -> timedelta | None:
    """'2 days' as a timedelta; None for what is no such period."""
    number, _, unit = str(text or "").partition(" ")
    seconds = _UNITS.get(unit.removesuffix("s"))
    return timedelta(seconds=float(number) * seconds) if seconds and number.lstrip("-").isdigit() else None


def _told(period: timedelta) -> str:
    hours = period / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"


def _line(path: Path, text: str) -> int:
    """The first line of a file that begins so, spaces aside."""
    lines = path.read_text().splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.strip().startswith(text)), 1)
