"""A disk of its own for a test, which can be full."""

import os
import subprocess
from pathlib import Path

import pytest

PLENTY = 200 << 20


class Disk:
    """A file system in memory of a size that can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={PLENTY}", "hourbell-test")

    def leave_room(self, size: int) -> None:
        """Let there be so many bytes free."""
        found = os.statvfs(self.path)
        self.resize((found.f_blocks - found.f_bfree) * found.f_frsize + size)

    def resize(self, size: int = PLENTY) -> None:
        self._mount("-o", f"remount,size={size}")

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def _mount(self, *options: str) -> None:
        try:
            subprocess.run(["mount", *options, str(self.path)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no file system can be mounted here: {error}")
