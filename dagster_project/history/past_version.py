"""The project as it was at a commit, taken out of git into a folder of its own."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from dagster_project.home import REPOSITORY
from dagster_project.registry import steps_by_workflow

_DBT, _TEMPLATES = "dbt", str(TEMPLATES.relative_to(REPOSITORY))


@dataclass(frozen=True)
class Project:
    """The part of a checkout that says who gets what."""

    root: Path

    @property
    def dbt(self) -> Path:
        return self.root / _DBT

    @property
    def templates(self) -> Path:
        return self.root / _TEMPLATES

    def steps(self, workflow: str) -> list[str] | None:
        """Of a workflow, in their order; None where there is no such workflow."""
        return steps_by_workflow(self.dbt / "dbt_project.yml").get(workflow)


@contextmanager
def project_at_ref(checkout: Path, ref: str) -> Iterator[Project]:
    """The project at a branch, tag or commit; gone afterwards, and the checkout is left as it is.

    Raises HourbellError where there is no git, no checkout, no such ref, or no project at it.
    """
    _git(checkout, ["rev-parse", "--git-dir"], f"{checkout} is no git checkout, so nothing is known of {ref!r}")
    commit = (
        _git(
            checkout,
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"],
            f"git knows no {ref!r} in {checkout}. Name a branch, a tag or a commit; `git fetch` brings what is missing",
        )
        .decode()
        .strip()
    )
    packed = _git(
        checkout, ["archive", "--format=tar", commit, _DBT, _TEMPLATES], f"{ref!r} has no {_DBT}/ and {_TEMPLATES}/"
    )
    with tempfile.TemporaryDirectory(prefix="hourbell-version-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Project(Path(folder))


def _git(checkout: Path, command: list[str], otherwise: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(checkout), *command], capture_output=True, check=False)
    except OSError as error:
        raise HourbellError(f"git cannot be run: {error.strerror}. Install it: it keeps the versions.") from error
    if done.returncode:
        raise HourbellError(f"{otherwise}.")
    return done.stdout
