"""The checks, one function each; a new one is a function in CHECKS."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

from activations.ad_platforms.settings import FILE as AUDIENCES
from activations.ad_platforms.settings import read_audiences
from activations.crms.settings import FILE as CRMS
from activations.crms.settings import read_crms
from activations.settings.endpoints import FILE as ENDPOINTS
from activations.settings.endpoints import read_endpoints
from activations.settings.people import EMAIL, read_people
from activations.settings.people import FILE as PEOPLE
from activations.templating.files import template_names
from dagster_project.lint.finding import Finding
from dagster_project.lint.messages import broken_templates
from dagster_project.lint.reading import Call, Project, Reference, Step, Workflow, read_project
from dagster_project.lint.sql import steps_that_are_no_question

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
# every workflow has one beside its steps
EXITED = "exited"


def lint(project: Path, templates: Path) -> list[Finding]:
    """Everything that is wrong with the workflows of a dbt project, errors and mere remarks, in the order of files."""
    read = read_project(project, templates)
    return sorted({finding for check in CHECKS for finding in check(read)})


def _unregistered(project: Project) -> Iterator[Finding]:
    for workflow in project.workflows:
        if workflow.settings is None:
            mend = f"add it under vars.workflows in {project.registry.name}"
            first = next(iter(workflow.steps.values()))
            yield Finding(first.path, 1, f"the workflow {workflow.name} is not registered", mend)
            continue
        expected = (*workflow.registered, EXITED)
        for name in workflow.steps.keys() - set(expected):
            mend = f"add it to the steps of {workflow.name} in {project.registry.name}"
            yield Finding(workflow.steps[name].path, 1, f"nobody registers the step {name}", mend)
        for name in set(expected) - workflow.steps.keys():
            mend = f"write it in {workflow.folder.name}/, or take {name} off the steps"
            line = _line(project.registry, f"{workflow.name}:")
            yield Finding(project.registry, line, f"{workflow.name} has no {workflow.name}__{name}.sql", mend)


def _unreachable(project: Project) -> Iterator[Finding]:
    for workflow in project.workflows:
        reached, waiting = set(), ["entered"]
        while waiting:
            place = waiting.pop()
            reached.add(place)
            waiting += [name for name, step in workflow.steps.items() if place in step.previous and name not in reached]
        for name in workflow.steps.keys() - reached - {EXITED}:
            mend = "let it follow a step that leads back to the entry: arrivals(ref(…))"
            yield Finding(workflow.steps[name].path, 1, f"nobody can reach {name}", mend)


def _branches_without_an_else(project: Project) -> Iterator[Finding]:
    for _, step in project.steps:
        for call in step.called("branch"):
            if "otherwise" not in call.arguments:
                mend = "say otherwise='…': where everybody else goes"
                yield Finding(step.path, call.line, "a branch without an else", mend)


def _ways_that_nobody_goes(project: Project) -> Iterator[Finding]:
    for workflow, step in project.steps:
        for call in step.arrives:
            way, previous = call.arguments.get("branch"), call.arguments.get("previous")
            if way is None or not isinstance(previous, Reference):
                continue
            known = _ways(workflow.steps.get(previous.name.removeprefix(f"{workflow.name}__")))
            if known is not None and way not in known:
                mend = f"its ways are {', '.join(sorted(known))}" if known else "it has no branches: leave branch= out"
                yield Finding(step.path, call.line, f"nobody leaves {previous.name} by {way}", mend)


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


def _exits_asked(project: Project) -> Iterator[Finding]:
    for workflow, step in project.steps:
        for call in step.arrives:
            if "exits" not in call.arguments:
                mend = f"add exits=ref('{workflow.name}__{EXITED}')"
                yield Finding(step.path, call.line, "who has left the workflow arrives all the same", mend)


def _times_not_carried(project: Project) -> Iterator[Finding]:
    for workflow, step in project.steps:
        # what is carried is written out in the entry, or in a step on the way; what an entry has by a star is not known
        written = {name: _columns(other) for name, other in workflow.steps.items() if name != EXITED}
        if "*" in written.get("entered", "*"):
            continue
        for call in step.arrives:
            for column in _times_needed(call):
                if not any(re.search(rf"\b{column}\b", columns) for columns in written.values()):
                    mend = f"carry {column} along from {workflow.name}__entered.sql"
                    yield Finding(step.path, call.line, f"no step before {step.name} has the column {column}", mend)


def _times_needed(call: Call) -> Iterator[str]:
    """The columns of the step before by which an arrival is timed."""
    if isinstance(call.arguments.get("until"), str):
        yield call.arguments["until"]
    if call.arguments.get("local_time") or call.arguments.get("local_window"):
        yield "timezone"
    if call.arguments.get("local_time") == "best hour":
        yield "best_hour"


def _columns(step: Step) -> str:
    """A step's SQL without its comments, the ways into it and what it is timed by."""
    lines = (line.split("--")[0] for line in step.path.read_text().splitlines())
    sql = "\n".join(line for line in lines if "entries(" not in line and "entered_again(" not in line)
    return re.sub(r"count\(\*\)|until='\w+'", "", sql)


def _waits_that_never_end(project: Project) -> Iterator[Finding]:
    for workflow, step in project.steps:
        longest = _period((workflow.settings or {}).get("longest_path"))
        way = _slowest_way(workflow, step.name)
        if longest is None or way <= longest:
            continue
        # only where it first gets too long, and not at each step behind
        if max((_slowest_way(workflow, before) for before in step.previous), default=timedelta()) <= longest:
            line = step.arrives[0].line if step.arrives else 1
            took = f"it takes {_told(way)}, and nobody stays longer than {_told(longest)}"
            mend = f"wait less, or raise longest_path of {workflow.name} in dbt_project.yml"
            yield Finding(step.path, line, f"the wait for {step.name} never ends: {took}", mend)


def _slowest_way(workflow: Workflow, name: str, passed: frozenset[str] = frozenset()) -> timedelta:
    """How long it takes at least to reach a step by its slowest way, as far as the waits are written out."""
    step = workflow.steps.get(name)
    if step is None or name in passed:
        return timedelta()
    own = max((_wait(call) for call in step.arrives), default=timedelta())
    before = (_slowest_way(workflow, previous, passed | {name}) for previous in step.previous)
    return own + max(before, default=timedelta())


def _wait(call: Call) -> timedelta:
    if "until" in call.arguments:
        return timedelta()
    written = call.arguments.get("timeout" if call.macro == "arrivals_after_event" else "wait")
    return _period(written) or timedelta()


def _waits_left_behind(project: Project) -> Iterator[Finding]:
    for workflow in project.workflows:
        entered, exited = workflow.steps.get("entered"), workflow.steps.get(EXITED)
        longest = _period((workflow.settings or {}).get("longest_path"))
        if entered is None or exited is None or longest is None or exited.called("entered_again"):
            continue
        for call in entered.called("entries"):
            again = str(call.arguments.get("reentry", "once"))
            period = timedelta() if again == "always" else _period(again.removeprefix("after "))
            if period is not None and period < longest:
                mend = (
                    f"add select * from {{{{ entered_again(ref('{workflow.name}__entered')) }}}} to {exited.path.name}"
                )
                yield Finding(entered.path, call.line, "who enters again goes on waiting where they were before", mend)


def _unknown_contents(project: Project) -> Iterator[Finding]:
    templates = set(template_names(project.templates))
    known = {
        "template": (templates, f"a folder in {project.templates.name}/"),
        "topic": ({row["topic"] for row in _seed(project, "topics")}, "a row of seeds/topics.csv"),
        "channels": ({row["channel"] for row in _seed(project, "channels")}, "a row of seeds/channels.csv"),
    }
    uses = [("send", argument) for argument in known] + [
        ("call_webhook", "endpoint"),
        ("drop_row", "template"),
        ("notify", "person"),
        ("update_crm", "crm"),
        ("set_crm_owner", "crm"),
        ("join_crm_list", "crm"),
        ("leave_crm_list", "crm"),
        ("create_crm_task", "crm"),
        ("join_audience", "audience"),
        ("leave_audience", "audience"),
    ]
    known["endpoint"] = (set(read_endpoints(project.templates)), f"it to {project.templates.name}/{ENDPOINTS}")
    known["crm"] = (set(read_crms(project.templates)), f"it to {project.templates.name}/{CRMS}")
    known["audience"] = (set(read_audiences(project.templates)), f"it to {project.templates.name}/{AUDIENCES}")
    known["person"] = (set(read_people(project.templates)), f"them to {project.templates.name}/{PEOPLE}")
    for _, step in project.steps:
        for macro, argument in uses:
            for call in step.called(macro):
                names, where = known[argument]
                for name in set(_as_list(call.arguments.get(argument))) - names:
                    mend = f"add {where}, or take one of {', '.join(sorted(names))}"
                    yield Finding(step.path, call.line, f"there is no {argument.removesuffix('s')} {name}", mend)


def _unread_notices(project: Project) -> Iterator[Finding]:
    people = read_people(project.templates)
    for _, step in project.steps:
        for call in step.called("notify"):
            person, channel = people.get(str(call.arguments.get("person"))), call.arguments.get("channel", EMAIL)
            if person is not None and channel not in person.reads:
                problem = f"{call.arguments['person']} does not read {channel}"
                mend = f"say in {project.templates.name}/{PEOPLE} where, or take {' or '.join(person.reads)}"
                yield Finding(step.path, call.line, problem, mend)


def _unheard_starts_and_stops(project: Project) -> Iterator[Finding]:
    known = {workflow.name: workflow for workflow in project.workflows}
    for _, step in project.steps:
        for macro, listener, place in (
            ("start_workflow", "workflow_started", "entered"),
            ("stop_workflow", "stopped", EXITED),
        ):
            for call in step.called(macro):
                name = call.arguments.get("workflow")
                if name is None:
                    continue
                if name not in known:
                    mend = f"take one of {', '.join(sorted(known))}"
                    yield Finding(step.path, call.line, f"there is no workflow {name}", mend)
                    continue
                there = known[name].steps.get(place)
                if there is None or not there.called(listener):
                    mend = f"call {listener}() in {name}__{place}.sql"
                    yield Finding(step.path, call.line, f"{name} does not hear {macro}", mend)


def _fighting(project: Project) -> Iterator[Finding]:
    live = [workflow for workflow in project.workflows if (workflow.settings or {}).get("status") == "live"]
    for one, other in combinations(live, 2):
        fight = f"{one.name} and {other.name} fight over the same people"
        if (one.settings or {}).get("priority") == (other.settings or {}).get("priority"):
            line = _line(project.registry, f"{other.name}:")
            mend = "give one of them another priority: under a cap the lower number goes first"
            yield Finding(project.registry, line, f"{fight}: they have the same priority", mend, is_error=False)
        if _trigger(one) is not None and _trigger(one) == _trigger(other):
            path = other.steps["entered"].path
            mend = "let one start where the other ends (step_reached), or split the people between them"
            yield Finding(path, 1, f"{fight}: the same lets people into both", mend, is_error=False)


def _trigger(workflow: Workflow) -> str | None:
    """What lets people in, as it is written, without its comments and the way into the workflow."""
    entered = workflow.steps.get("entered")
    if entered is None:
        return None
    lines = [line.split("--")[0].strip() for line in entered.path.read_text().splitlines()]
    return " ".join(line for line in lines if line and "entries(" not in line and "as entry_key" not in line)


def _closed_caps(project: Project) -> Iterator[Finding]:
    for number, row in enumerate(_seed(project, "frequency_caps"), start=2):
        if row["max_sends"] == "0":
            path = project.seeds / "frequency_caps.csv"
            problem = f"the cap '{row['rule']}' lets nothing through"
            yield Finding(path, number, problem, "leave max_sends empty for no cap", is_error=False)


CHECKS: tuple[Callable[[Project], Iterator[Finding]], ...] = (
    _unregistered,
    _unreachable,
    _branches_without_an_else,
    _ways_that_nobody_goes,
    _exits_asked,
    _times_not_carried,
    _waits_that_never_end,
    _waits_left_behind,
    _unknown_contents,
    _unread_notices,
    _unheard_starts_and_stops,
    _fighting,
    _closed_caps,
    steps_that_are_no_question,
    broken_templates,
)


def _seed(project: Project, name: str) -> list[dict[str, str]]:
    with (project.seeds / f"{name}.csv").open() as rows:
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
