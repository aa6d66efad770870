"""A collector as a process of its own, which notes how much of each file is on disk: python collector_process.py folder
port [late].

With `late` it answers first and syncs afterwards, as it must not.
"""

import os
import sys
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import uvicorn
from collecting import collector_in

from activations.collector.app import create_app
from activations.collector.store import CollectedLog

SYNCED = ".synced"


class NotingLog(CollectedLog):
    """Says beside each file up to where it is on disk; without a power cut nobody could tell."""

    def _write(self, file: FileIO, line: bytes) -> None:
        super()._write(file, line)
        self._note(file)

    def _note(self, file: FileIO) -> None:
        note = self._path.with_name(f".{self._path.name}{SYNCED}")
        # whole, whenever the process dies
        note.with_suffix(".new").write_text(str(os.fstat(file.fileno()).st_size))
        note.with_suffix(".new").rename(note)


class LateLog(NotingLog):
    """The mutant: what is written is synced when it has become much."""

    written = 0

    def _write(self, file: FileIO, line: bytes) -> None:
        file.write(line)
        self.written += 1
        if self.written % 1_000 == 0:
            os.fsync(file.fileno())
            self._note(file)


def cut_power(folder: Path) -> None:
    """Leave of each file what was on disk when its process died."""
    for path in folder.glob("[!.]*.jsonl*"):
        name = path.name.partition(".jsonl")[0] + ".jsonl"
        note = folder / f".{name}{SYNCED}"
        os.truncate(path, int(note.read_text()) if note.exists() else 0)


def main() -> None:
    folder, port, *late = sys.argv[1:]
    log = (LateLog if late else NotingLog)(Path(folder) / "collected")
    app = create_app(collector_in(Path(folder), lambda: datetime.now(UTC).replace(tzinfo=None), log))
    uvicorn.run(app, port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
