"""What is wrong with experiments: those that nobody draws or counts, those counted elsewhere than they are drawn, and
variants that make no difference."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster_project.lint.finding import Finding
from dagster_project.lint.reading import Call, Project, Reference, Step, Workflow


def faulty_experiments(project: Project) -> Iterator[Finding]:
    """Experiments whose step, registry and templates do not go together."""
    for workflow, step in project.steps:
        for call in step.called("experiment"):
            yield from _drawn(project, workflow, step, call)
    for name, settings in project.experiments.items():
        place = _place(settings)
        if not any(name in _names(step) for workflow, step in project.steps if (workflow.name, step.name) == place):
            mend = f"call experiment('{name}') in {'__'.join(place)}.sql, or take it out of the registry"
            line = _line(project.registry.read_text(), f"{name}:")
            yield Finding(project.registry, line, f"nobody draws the experiment {name} at {' '.join(place)}", mend)


def _drawn(project: Project, workflow: Workflow, step: Step, call: Call) -> Iterator[Finding]:
    name = call.arguments.get("name")
    if name is None:
        return
    if name not in project.experiments:
        mend = f"add it under vars.experiments in {project.registry.name}"
        yield Finding(step.path, call.line, f"the experiment {name} is not registered", mend)
        return
    counted = _place(project.experiments[name])
    if (workflow.name, step.name) != counted:
        problem = f"{workflow.name} {step.name} draws {name}, which is counted at {' '.join(counted)} only"
        mend = f"add an experiment of its own under vars.experiments in {project.registry.name}, and draw that"
        yield Finding(step.path, call.line, problem, mend)
    variants = list(project.experiments[name].get("variants") or {})
    text = step.path.read_text()
    if re.search(r"variant\s*=\s*experiment\(", text):
        for template in {sent.arguments["template"] for sent in step.called("send") if "template" in sent.arguments}:
            if not _tells_apart(project, str(template), variants):
                problem = f"the template {template} says the same under all variants of {name}"
                mend = f"ask for them in it: {{% if message.variant == '{variants[0]}' %}}" if variants else "name some"
                yield Finding(step.path, call.line, problem, mend)
    if "as branch" in text.lower():
        for follower in workflow.steps.values():
            for arrival in follower.arrives:
                way, previous = arrival.arguments.get("branch"), arrival.arguments.get("previous")
                follows = isinstance(previous, Reference) and previous.name == f"{workflow.name}__{step.name}"
                if follows and way is not None and way not in variants:
                    mend = f"its variants are {', '.join(variants)}"
                    yield Finding(follower.path, arrival.line, f"nobody is drawn for {way} by {name}", mend)


def _place(settings: Mapping[str, Any]) -> tuple[str, str]:
    """The workflow and the step at which an experiment is counted."""
    return str(settings.get("workflow")), str(settings.get("step"))


def _names(step: Step) -> set[str]:
    return {str(call.arguments["name"]) for call in step.called("experiment") if "name" in call.arguments}


def _tells_apart(project: Project, template: str, variants: Sequence[str]) -> bool:
    """Whether a template names all variants but one, which is the rest."""
    files = (path for path in (project.templates / template).glob("*") if path.is_file())
    written = "\n".join(path.read_text() for path in files)
    named = [variant for variant in variants if f"'{variant}'" in written or f'"{variant}"' in written]
    return "message.variant" in written and len(named) >= len(variants) - 1


def _line(text: str, beginning: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.strip().startswith(beginning)), 1)
