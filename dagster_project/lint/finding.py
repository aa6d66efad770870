"""What a check found."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is wrong, where, and how to mend it."""

    path: Path
    line: int
    problem: str
    mend: str
    is_error: bool = True
    """Else it is only worth a thought."""
