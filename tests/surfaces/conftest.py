"""What the tests of the surfaces share."""

from collections.abc import Callable
from pathlib import Path

import pytest

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
