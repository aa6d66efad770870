"""Two versions of a workflow over the same history: whose messages change."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from activations.errors import HourbellError
from dagster_project.history.difference import BEFORE, NOW, Difference, Version, compare
from dagster_project.history.past_version import Project, project_at_ref
from dagster_project.history.trial import copied, copied_again, try_out
from dagster_project.home import REPOSITORY, Home
from dagster_project.registry import registered_workflows
from dagster_project.ticks.transform import project_at

Progress = Callable[[str, int, int], object]


def diff(
    home: Home,
    ref: str,
    workflow: str,
    over: timedelta,
    size: timedelta,
    progress: Progress = lambda version, done, total: None,
    checkout: Path = REPOSITORY,
) -> Difference:
    """Run the workflow as it was at a ref of the checkout, and as it is here, over the last so long; see `try_out`.
    Nothing of it touches the warehouse.

    Raises HourbellError where there is no such ref, no such workflow in either version, or no history.
    """
    here = Project(REPOSITORY)
    with project_at_ref(checkout, ref) as past:
        if past.steps(workflow) is None and here.steps(workflow) is None:
            raise HourbellError(
                f"There is no workflow {workflow!r}, neither at {ref} nor here. "
                f"The registry has {', '.join(registered_workflows())}."
            )
        with copied(home) as copy, copied_again(copy) as other:
            before, now = Version(past, other), Version(here, copy)
            windows = []
            for name, version in ((BEFORE, before), (NOW, now)):
                if version.project.steps(workflow) is not None:
                    with project_at(version.project.dbt):
                        windows.append(try_out(version.home, workflow, over, size, partial(progress, name)))
            return compare(workflow, ref, windows[0], before, now)
