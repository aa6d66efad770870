"""Where Hourbell keeps its data."""

import os
from dataclasses import dataclass
from pathlib import Path

from activations.errors import HourbellError
from activations.settings.database_url import database_url

_JOURNAL_URL = "HOURBELL_JOURNAL_URL"
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Home:
    """The data directory, named by HOURBELL_HOME; `data/` of the checkout where it is not set."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        return cls(Path(os.environ.get("HOURBELL_HOME") or REPOSITORY / "data").expanduser().resolve())

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "hourbell.duckdb"

    @property
    def journal_url(self) -> str:
        """HOURBELL_JOURNAL_URL, or a file of its own.

        Raises HourbellError where that is no address, and where the journal is elsewhere and the environment does not
        say so: what is paused, settled or erased in another one would be so nowhere.
        """
        if url := os.environ.get(_JOURNAL_URL, "").strip():
            database_url(url, _JOURNAL_URL)
            return url
        if self._journal_note.exists():
            raise HourbellError(
                f"The journal of {self.root} is kept where {_JOURNAL_URL} says, and that is not set. Set it as it is "
                f"where messages are delivered; or remove {self._journal_note}, where that journal is no more."
            )
        return self._own_journal_url

    @property
    def journal_urls(self) -> list[str]:
        """The journal, and the file in which it was before it was kept elsewhere, where there is one."""
        in_use, file = self.journal_url, self.root / "journal" / "journal.sqlite"
        return [in_use, *([self._own_journal_url] if in_use != self._own_journal_url and file.exists() else [])]

    @property
    def _own_journal_url(self) -> str:
        return f"sqlite:///{self.root / 'journal' / 'journal.sqlite'}"

    @property
    def _journal_note(self) -> Path:
        """For whoever is not told where the journal is; what it says holds no password."""
        return self.root / "journal" / "elsewhere.txt"

    @property
    def spool(self) -> Path:
        """Where files of our own wait for landing."""
        return self.root / "spool"

    @property
    def collected(self) -> Path:
        """What the collector has taken in, as it is written."""
        return self.root / "collected"

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def erased(self) -> Path:
        """Keyed hashes of who was erased."""
        return self.root / "erased"

    @property
    def lock(self) -> Path:
        return self.root / "tick.lock"

    def prepare(self) -> "Home":
        """Make the folders; raises HourbellError where that is not allowed."""
        try:
            for folder in (self.landing, self.outbox, self.warehouse.parent, self.root / "journal", self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            named = os.environ.get(_JOURNAL_URL, "").strip() or self._own_journal_url
            if named != self._own_journal_url and not self._journal_note.exists():
                self._journal_note.write_text(f"The journal is kept where {_JOURNAL_URL} says.\n")
        except OSError as error:
            raise HourbellError(
                f"Cannot write to the data directory {self.root}: {error.strerror}. "
                "Give yourself rights to it, or set HOURBELL_HOME to a directory that you may write to."
            ) from error
        return self
