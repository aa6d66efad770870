"""What the tests of channels and templates share."""

import shutil
from pathlib import Path

import pytest

from activations.delivery.delivery import TEMPLATES


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of templates with one that a test writes."""
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES, folder)
    (folder / "own").mkdir()
    (folder / "own" / "subject.liquid").write_text("Own")
    return folder
