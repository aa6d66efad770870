"""Why a contact did not come to a step: as the steps say whom they wait for, and how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from activations.delivery.delivery import TEMPLATES
from dagster_project.lint.finding import period_of
from dagster_project.lint.reading import Call, Reference, read_project
from dagster_project.registry import steps_by_workflow, workflow_statuses
from dagster_project.ticks import transform


@dataclass(frozen=True)
class NotReached:
    """A step that a contact did not come to."""

    workflow: str
    step: str
    why: str


@dataclass(frozen=True)
class Passed:
    """A step that an enrollment came to."""

    workflow: str
    enrollment: int
    assignment: str
    step: str
    branch: str | None
    reached_at: datetime


def not_reached(
    passed: Sequence[Passed], exits: Mapping[int, tuple[datetime, str]], now: datetime | None
) -> list[NotReached]:
    """Every step of every workflow that a contact did not come to. `exits` says when and why an enrollment was left,
    `now` is up to when ticks have decided; what was passed is in the order of time.
    """
    statuses = workflow_statuses()
    ways_in = _ways_in()
    missed = []
    for workflow, steps in steps_by_workflow().items():
        theirs = [one for one in passed if one.workflow == workflow]
        if not theirs:
            status = statuses[workflow]
            live = "has not qualified since it went live, or not again as its rule of re-entry asks"
            why = live if status == "live" else f"takes nobody in: it is {status}"
            missed.append(NotReached(workflow, "entered", why))
            continue
        # of several enrollments the one that was entered last tells how matters stand: an earlier one may go on longer
        last = max(theirs, key=lambda one: (one.step == "entered", one.reached_at))
        reached = {one.step: one for one in theirs if one.enrollment == last.enrollment}
        for step in steps:
            if step in reached:
                continue
            if last.assignment == "holdout":
                why = "held out, so that the workflow's effect can be measured"
            elif last.enrollment in exits:
                why = f"had left: {exits[last.enrollment][1]}"
            else:
                why = _why(ways_in.get((workflow, step), ()), reached, now)
            missed.append(NotReached(workflow, step, why))
    return missed


def _why(calls: Sequence[tuple[str, Call]], reached: Mapping[str, Passed], now: datetime | None) -> str:
    """In words, of somebody who is in the workflow or came to the end of their way."""
    before = [(reached[previous], call) for previous, call in calls if previous in reached]
    if not before:
        # of what is no arrival nothing can be read
        named = " or ".join(dict.fromkeys(previous for previous, _ in calls))
        return f"comes after {named}, which was not reached" if named else "not yet, or another way was taken"
    for passed, call in before:
        way = call.arguments.get("branch")
        if way is None or way == passed.branch:
            return _waiting(passed, call, now)
    passed, _ = before[0]
    return f"went another way: left {passed.step} by {passed.branch}"


def _waiting(passed: Passed, call: Call, now: datetime | None) -> str:
    since = f"{passed.step}, which was reached on {passed.reached_at:%Y-%m-%d %H:%M}"
    if call.macro == "arrivals_after_event":
        timeout = period_of(call.arguments.get("timeout"))
        deadline = f", by {passed.reached_at + timeout:%Y-%m-%d %H:%M} at the latest" if timeout else ""
        return f"not yet: waits for what is to happen after {since}{deadline}"
    timed = [name for name in ("until", "local_time", "local_window", "weekdays") if call.arguments.get(name)]
    due = passed.reached_at + (period_of(call.arguments.get("wait")) or timedelta())
    if timed:
        return f"not yet: waits for its time after {since}"
    if now is None or due >= now:
        return f"not yet: is due on {due:%Y-%m-%d %H:%M}, after {since}"
    return f"it did not let them in when they came from {since}"


def _ways_in() -> dict[tuple[str, str], list[tuple[str, Call]]]:
    """By workflow and step: the steps that it follows, and how."""
    found: dict[tuple[str, str], list[tuple[str, Call]]] = {}
    for workflow, step in read_project(transform.DBT, TEMPLATES).steps:
        for call in step.arrives:
            previous = call.arguments.get("previous")
            if isinstance(previous, Reference):
                name = previous.name.removeprefix(f"{workflow.name}__")
                found.setdefault((workflow.name, step.name), []).append((name, call))
    return found
