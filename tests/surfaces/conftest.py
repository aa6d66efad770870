"""What the tests of the surfaces share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from file_drops import CALL, DROPS, LETTER
from surface import Surface

from activations.delivery.delivery import TEMPLATES


@pytest.fixture
def own_templates(tmp_path: Path) -> Callable[..., Path]:
    """Those that ship, with files of YAML of ours, in whose names __ parts folder and file."""

    def write(**files: str) -> Path:
        own = tmp_path / "templates"
        own.mkdir()
        for path in TEMPLATES.iterdir():
            if path.stem not in files:
                (own / path.name).symlink_to(path)
        for name, content in files.items():
            folder, _, file = name.rpartition("__")
            path = own / folder / f"{file}.yml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        return own

    return write


@pytest.fixture
def office(surface: Surface, own_templates: Callable[..., Path]) -> Surface:
    surface.templates = own_templates(drops=DROPS, letter__row=LETTER, call__row=CALL, impersonal__row="drop: letters")
    return surface
