"""The models compiled ahead of a tick: where that cannot be done dbt runs them, and nothing is kept that would last."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.ticks import compiled, transform
from dagster_project.ticks.compiled import BrokenModelError, Prepared


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a project that nobody has compiled is kept."""
    monkeypatch.setattr(transform, "DBT", tmp_path)
    monkeypatch.setattr(compiled, "_fingerprint", lambda: "new")
    return tmp_path / "target" / "compiled" / "new.pickle"


def compile_to(monkeypatch: pytest.MonkeyPatch, outcome: Prepared | Exception) -> None:
    def prepare(fingerprint: str) -> Prepared:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(compiled, "_prepare", prepare)


PREPARED = Prepared("new", compiled.CompiledTick((), (), ()), {}, ())
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_without_room_is_another_matter_the_next_time(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_to(monkeypatch, FULL)
    assert compiled.prepared() is None
    assert not kept.exists()
    compile_to(monkeypatch, PREPARED)
    assert compiled.prepared() == PREPARED
    compile_to(monkeypatch, FULL)
    assert compiled.prepared() == PREPARED


def test_what_cannot_be_kept_serves_this_tick(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_to(monkeypatch, PREPARED)
    # in the way of what would be put there
    kept.with_name(f".{kept.name}.{os.getpid()}").mkdir(parents=True)
    assert compiled.prepared() == PREPARED
    assert not kept.exists()


def test_a_project_that_does_not_build_is_not_tried_in_each_tick(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_to(monkeypatch, BrokenModelError("no such column"))
    assert compiled.prepared() is None
    compile_to(monkeypatch, AssertionError("tried again"))
    assert compiled.prepared() is None


@pytest.mark.parametrize(
    "spoil",
    [lambda content: b"", lambda content: content[:-20], lambda content: content[:60] + b"?" + content[61:]],
    ids=["emptied", "cut off", "changed"],
)
def test_what_was_kept_and_is_damaged_is_compiled_anew(
    kept: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes]
) -> None:
    """As after a power cut: no tick fails by it, and nobody has to remove anything."""
    compile_to(monkeypatch, PREPARED)
    compiled.prepared()
    whole = kept.read_bytes()
    kept.write_bytes(spoil(whole))
    other = Prepared("new", compiled.CompiledTick((), (), ("anew",)), {}, ())
    compile_to(monkeypatch, other)
    assert compiled.prepared() == other
    compile_to(monkeypatch, AssertionError("compiled again"))
    assert compiled.prepared() == other
