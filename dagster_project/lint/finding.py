"""What a check found."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is wrong, where, and how to mend it."""

    path: Path
    line: int
    problem: str
    mend: str
    is_error: bool = True
    """Else it is only worth a thought."""


def line_of(path: Path, text: str) -> int:
    """The first line of a file that begins so, spaces aside."""
    lines = path.read_text().splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.strip().startswith(text)), 1)


def period_of(text: Any) -> timedelta | None:
    """'2 days' as a timedelta; None for what is no such period."""
    number, _, unit = str(text or "").partition(" ")
    seconds = _UNITS.get(unit.removesuffix("s"))
    return timedelta(seconds=float(number) * seconds) if seconds and number.lstrip("-").isdigit() else None
