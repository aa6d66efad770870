"""Folders that are replaced as a whole: each version is a generation of its own, and a link names the newest.

A folder cannot be renamed onto another, a link can. Whoever has listed the generation before can still open its files.
"""

import shutil
from pathlib import Path

UNFINISHED = ".unfinished"
KEPT = 2
"""Generations, the newest included."""


def begin(folder: Path, name: str) -> Path:
    """An empty folder for the next generation of a name, in which nobody looks yet; raises OSError."""
    number = max(map(_number, _finished(folder, name)), default=0) + 1
    unfinished = folder / f".{name}-{number}{UNFINISHED}"
    unfinished.mkdir()
    return unfinished


def finish(unfinished: Path) -> Path:
    """Call it finished, and return what it is called from now on; raises OSError."""
    return unfinished.rename(unfinished.with_name(unfinished.name.removesuffix(UNFINISHED)))


def point_to(generation: Path, name: str) -> None:
    """Let the name lead to a generation; raises OSError."""
    link = generation.with_name(f"{name}{UNFINISHED}")
    link.symlink_to(generation.name)
    link.replace(generation.with_name(name))


def remove_older(folder: Path, name: str, keep: int = KEPT) -> None:
    """Remove all but the newest generations; what cannot be removed now is removed the next time."""
    for generation in _finished(folder, name)[:-keep]:
        shutil.rmtree(generation, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what was left behind by a run that was killed; raises OSError."""
    for path in (*folder.glob(f"*{UNFINISHED}"), *folder.glob(f"*{UNFINISHED}.wal")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _finished(folder: Path, name: str) -> list[Path]:
    """The oldest first."""
    return sorted((path for path in folder.glob(f".{name}-*") if path.suffix != UNFINISHED), key=_number)


def _number(generation: Path) -> int:
    return int(generation.name.rpartition("-")[2])
