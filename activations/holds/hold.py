"""Holds: what a workflow was about to send in a tick, kept beside the outbox until a person decides.

A held action stands in `held/<workflow>/` of its tick's folder, where delivery does not look for actions. A decision
lies beside it, and counts only as long as the content is the one that it was made about.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from activations.delivery.outbox import OutboxFile, outbox_file
from activations.durable import write_whole
from activations.errors import HourbellError
from activations.holds.content import Content, digest_of_rows, digest_of_templates

HELD = "held"
_ABOUT, _DECISION, _SETTLED = "hold.json", "decision.json", "settled"

Choice = Literal["release", "drop"]
Standing = Literal["held", "released", "dropped", "settled"]


@dataclass(frozen=True)
class About:
    """What is held and why, as the gate out wrote it down. Times are naive UTC."""

    workflow: str
    tick_start: datetime
    tick_end: datetime
    reasons: tuple[str, ...]
    actions: int
    steps: Mapping[str, int]
    channels: Mapping[str, int]
    templates: Mapping[str, int]
    definitions: tuple[str, ...]
    first_expires_at: datetime | None


@dataclass(frozen=True)
class Decision:
    """What a person decided about a hold, and about which content."""

    choice: Choice
    by: str
    at: datetime
    note: str
    content: Content

    def __str__(self) -> str:
        verb = {"release": "released", "drop": "dropped"}[self.choice]
        return f"{verb} by {self.by} on {self.at:%Y-%m-%d %H:%M} UTC" + (f": {self.note}" if self.note else "")


@dataclass(frozen=True)
class Hold:
    """A hold as it stands: what was decided about it, and whether that still is about the same."""

    folder: Path
    about: About
    decision: Decision | None
    templates: Path

    @cached_property
    def content(self) -> Content:
        """As it is now: files and templates are read."""
        return Content(
            digest_of_rows(self._paths),
            digest_of_templates(self.templates, self.about.templates),
            self.about.definitions,
        )

    @cached_property
    def standing(self) -> Standing:
        """A release covers exactly the content that was shown; a drop, the actions, however they would be worded."""
        if (self.folder / _SETTLED).exists():
            return "settled"
        if self.decision is None:
            return "held"
        if self.decision.choice == "release":
            return "released" if self.decision.content.digest == self.content.digest else "held"
        return "dropped" if self.decision.content.rows_digest == self.content.rows_digest else "held"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is held, what changed after a decision first."""
        if self.decision is None or self.standing != "held":
            return self.about.reasons
        return (f"{self._changes()} since it was {self.decision}", *self.about.reasons)

    @property
    def files(self) -> list[OutboxFile]:
        return [outbox_file(path, name=f"{self.folder.parent.parent.name}/{self._name(path)}") for path in self._paths]

    @property
    def _paths(self) -> list[Path]:
        return [self.folder / f"{channel}.parquet" for channel in sorted(self.about.channels)]

    def _name(self, path: Path) -> str:
        return f"{HELD}/{self.folder.name}/{path.name}"

    def _changes(self) -> str:
        assert self.decision is not None
        then, now = self.decision.content, self.content
        changed = [f"the template {name}" for name in _different(then.templates, now.templates)]
        changed += [f"what goes out by {channel}" for channel in _different(then.rows, now.rows)]
        changed += ["the workflow's SQL"] if then.definitions != now.definitions else []
        return f"changed ({', '.join(changed)})"

    def decide(self, choice: Choice, *, by: str, at: datetime, note: str = "") -> "Hold":
        """Write down what a person decided about the content that this object has read; raises HourbellError."""
        decision = Decision(choice, by, at, note, self.content)
        _write(self.folder / _DECISION, asdict(decision))
        return Hold(self.folder, self.about, decision, self.templates)

    def settle(self) -> None:
        """Note that every action of it has come to its end, so that it need not be looked at any more."""
        (self.folder / _SETTLED).touch()

    def __str__(self) -> str:
        return f"{self.about.workflow}, tick {self.about.tick_end:%Y-%m-%dT%H:%M}"


def holds_of(outbox: Path, templates: Path, workflow: str = "*") -> list[Hold]:
    """Every hold that was ever made and still lies in the outbox, the oldest first, decided or not."""
    return [_read(path.parent, templates) for path in sorted(outbox.glob(f"tick=*/{HELD}/{workflow}/{_ABOUT}"))]


def hold_at(tick_folder: Path, workflow: str, templates: Path) -> Hold | None:
    """What a tick held of a workflow, decided or not; None where it held nothing."""
    folder = tick_folder / HELD / workflow
    return _read(folder, templates) if (folder / _ABOUT).exists() else None


def standing_holds(outbox: Path, templates: Path) -> list[Hold]:
    """Those that wait for a decision."""
    return [hold for hold in holds_of(outbox, templates) if hold.standing == "held"]


def write_hold(tick_folder: Path, about: About, write_files: Callable[[Path], object]) -> None:
    """Hold back a workflow's actions of a tick; what is there already for the same stays, with its decision.

    `write_files` puts a file for each channel into the folder that it is given. Where this is interrupted, nothing of
    it is deliverable: a decision that may lie there is about other content.
    """
    folder = tick_folder / HELD / about.workflow
    new = tick_folder / HELD / f".{about.workflow}"
    try:
        new.mkdir(parents=True, exist_ok=True)
        for path in new.iterdir():
            path.unlink()
        write_files(new)
        folder.mkdir(exist_ok=True)
        fresh = digest_of_rows(new.glob("*.parquet"))
        if fresh != digest_of_rows(folder.glob("*.parquet")):
            (folder / _SETTLED).unlink(missing_ok=True)
            for path in new.glob("*.parquet"):
                path.replace(folder / path.name)
            for path in folder.glob("*.parquet"):
                if path.stem not in fresh:
                    path.unlink()
        else:
            for path in new.glob("*.parquet"):
                path.unlink()
        new.rmdir()
    except OSError as error:
        raise HourbellError(
            f"Cannot hold back {about.workflow} in {folder}: {error.strerror}. Make room or give rights, then run the "
            "tick again; nothing of it has been sent."
        ) from error
    _write(folder / _ABOUT, asdict(about))


def forget_holds(tick_folder: Path, but: Iterable[str]) -> None:
    """Take away holds of a tick that has nothing more to hold of these workflows."""
    kept = set(but)
    for folder in (tick_folder / HELD).glob("*"):
        if folder.name not in kept:
            # first what makes it a hold
            (folder / _ABOUT).unlink(missing_ok=True)
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def choose(holds: Sequence[Hold], workflow: str | None, tick_end: datetime | None) -> list[Hold]:
    """Those of a workflow and a tick, where these are named; raises HourbellError where there is none."""
    chosen = [
        hold for hold in holds if workflow in (None, hold.about.workflow) and tick_end in (None, hold.about.tick_end)
    ]
    if not chosen and (workflow or tick_end):
        asked = ", ".join(
            [*([workflow] if workflow else []), *([f"tick {tick_end:%Y-%m-%dT%H:%M}"] if tick_end else [])]
        )
        there = "; ".join(map(str, holds)) or "nothing"
        raise HourbellError(f"Nothing is held of {asked}. Held now: {there}.")
    return chosen


def _different(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def _write(path: Path, stated: Mapping[str, Any]) -> None:
    try:
        write_whole(path, json.dumps(stated, default=datetime.isoformat, indent=2).encode())
    except OSError as error:
        raise HourbellError(
            f"Cannot write {path}: {error.strerror}. Make room or give rights, then try again."
        ) from error


def _read(folder: Path, templates: Path) -> Hold:
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
        expires = about["first_expires_at"]
        about |= {name: datetime.fromisoformat(about[name]) for name in ("tick_start", "tick_end")}
        about |= {name: tuple(about[name]) for name in ("reasons", "definitions")}
        about |= {"first_expires_at": datetime.fromisoformat(expires) if expires else None}
        decision = folder / _DECISION
        made = _decision(json.loads(decision.read_bytes())) if decision.exists() else None
        return Hold(folder, About(**about), made, templates)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise HourbellError(
            f"The hold {folder} cannot be read: {error}. Run its tick again; nothing of it is sent before."
        ) from error


def _decision(stated: dict[str, Any]) -> Decision:
    content = stated.pop("content")
    return Decision(
        **{**stated, "at": datetime.fromisoformat(stated["at"])},
        content=Content(content["rows"], content["templates"], tuple(content["definitions"])),
    )
