"""Approvals: which workflows a person has released before, and as what. Files beside the outbox, one a workflow."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from activations.durable import write_whole
from activations.errors import HourbellError

_FOLDER = "approved"


@dataclass(frozen=True)
class Approval:
    """A workflow may send by itself. `by` and `at` are those of the last release."""

    workflow: str
    by: str
    at: datetime
    definitions: tuple[str, ...] = ()
    """Versions of its SQL that were released."""
    templates: Mapping[str, tuple[str, ...]] | None = None
    """Fingerprints of its templates that were released; None where it may send whatever it becomes."""

    def lacks(self, definitions: Iterable[str], templates: Mapping[str, str]) -> list[str]:
        """What of this content it does not cover, in words."""
        known = self.templates
        if known is None:
            return []
        new = ["its SQL"] if set(definitions) - set(self.definitions) else []
        return new + [f"the template {name}" for name, digest in templates.items() if digest not in known.get(name, ())]


def approval_of(outbox: Path, workflow: str) -> Approval | None:
    """The approval of a workflow, if it has one; raises HourbellError where it cannot be read."""
    path = _path(outbox, workflow)
    try:
        stated = json.loads(path.read_bytes())
        templates = stated["templates"]
        return Approval(
            workflow,
            stated["by"],
            datetime.fromisoformat(stated["at"]),
            tuple(stated["definitions"]),
            None if templates is None else {name: tuple(known) for name, known in templates.items()},
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HourbellError(f"The approval {path} cannot be read: {error}. Remove it, and release anew.") from error


def approve(outbox: Path, workflow: str, *, by: str, at: datetime) -> None:
    """Let a workflow send by itself from now on, whatever it becomes; for rehearsals, whose messages reach nobody."""
    _write(outbox, Approval(workflow, by, at))


def approve_content(
    outbox: Path, workflow: str, *, by: str, at: datetime, definitions: Iterable[str], templates: Mapping[str, str]
) -> None:
    """Let a workflow send this content by itself from now on, beside what was approved before."""
    before = approval_of(outbox, workflow)
    known = (before.templates if before else {}) or {}
    if before is not None and before.templates is None:
        return
    merged = {
        name: tuple(sorted({*known.get(name, ()), *([templates[name]] if name in templates else [])}))
        for name in sorted({*known, *templates})
    }
    versions = tuple(sorted({*definitions, *(before.definitions if before else ())}))
    _write(outbox, Approval(workflow, by, at, versions, merged))


def _write(outbox: Path, approval: Approval) -> None:
    path = _path(outbox, approval.workflow)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(approval), default=datetime.isoformat, indent=2).encode())
    except OSError as error:
        raise HourbellError(
            f"Cannot write {path}: {error.strerror}. Make room or give rights, then try again."
        ) from error


def _path(outbox: Path, workflow: str) -> Path:
    return outbox / _FOLDER / f"{workflow}.json"
