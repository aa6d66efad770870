"""What a release is a release of: the rows, the templates that make messages of them, and the SQL that decided them."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from activations.templating.files import SHARED


@dataclass(frozen=True)
class Content:
    """Fingerprints of all that makes the messages of a hold."""

    rows: Mapping[str, str]
    """Of each channel's file."""
    templates: Mapping[str, str]
    definitions: tuple[str, ...]
    """Versions of the workflow that its actions met."""

    @property
    def digest(self) -> str:
        """Short enough to be read out."""
        stated = [sorted(self.rows.items()), sorted(self.templates.items()), sorted(self.definitions)]
        return _short(json.dumps(stated).encode())

    @property
    def rows_digest(self) -> str:
        return _short(json.dumps(sorted(self.rows.items())).encode())


def digest_of_rows(files: Iterable[Path]) -> dict[str, str]:
    """Fingerprints of outbox files, by channel; raises OSError."""
    found = {}
    for path in sorted(files):
        with path.open("rb") as file:
            found[path.stem] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def digest_of_templates(folder: Path, names: Collection[str]) -> dict[str, str]:
    """Fingerprints of templates, each with all that goes into many: the layout, the blocks and the shop's own file.

    A template that is not there has the fingerprint of nothing; rendering says what is wrong with it.
    """
    shared = [*folder.glob("*.yml"), *(path for name in sorted(SHARED) for path in (folder / name).rglob("*"))]
    return {name: _digest_of_files(folder, [*shared, *(folder / name).rglob("*")]) for name in sorted(names)}


def _digest_of_files(folder: Path, paths: Iterable[Path]) -> str:
    known = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        content = path.read_bytes()
        known.update(f"{path.relative_to(folder)} {len(content)} ".encode())
        known.update(content)
    return known.hexdigest()


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
