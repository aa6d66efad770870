"""Who was erased: keyed hashes of what they were known by, so that they are known again and cannot be found out.

The hashes lie in a folder of their own, in one file that is there whole or not at all. Without the key they say
nothing; with it one can only ask whether a given address is among them.
"""

import hashlib
import hmac
import io
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import polars as pl

from activations.durable import write_whole
from activations.errors import HourbellError

ENVIRONMENT = "HOURBELL_ERASURE_KEY"
KEY_FILE = "key"
HASHES_FILE = "suppressed.parquet"
PREFIX = "erased-"
NUMBER = "number"
"""The kind of our own ids: of contacts, enrollments, actions."""
NOBODY = ""
"""Stands for a person where an identifier only shares an address with somebody who was erased."""
_CHECK = "check"
_SHORTEST_KEY = 16
_ID_BITS = 60
_SCHEMA = {"kind": pl.String, "keyed_hash": pl.String, "person": pl.String}


@dataclass(frozen=True)
class Suppression:
    """The people who were erased. `known` gives a person for a kind of identifier and its keyed hash."""

    key: bytes = field(repr=False)
    known: Mapping[tuple[str, str], str]

    def hashed(self, kind: str, value: str) -> str:
        return _hashed(self.key, kind, value)

    def person_of(self, kind: str, value: str) -> str | None:
        """Whose identifier this was; None where it is nobody's who was erased."""
        return self.known.get((kind, self.hashed(kind, value)))

    def pseudonym(self, kind: str, value: str) -> str:
        """What stands in the place of an identifier."""
        return PREFIX + self.hashed(kind, value)[:32]

    def new_id(self, old: int) -> int:
        """What stands in the place of one of our own ids."""
        return int(self.hashed(NUMBER, str(old)), 16) >> (256 - _ID_BITS)

    def with_people(self, added: Mapping[tuple[str, str], str]) -> "Suppression":
        """The same with more keyed hashes."""
        return Suppression(self.key, {**self.known, **added})

    def write(self, folder: Path) -> None:
        """Keep the hashes; raises OSError."""
        rows = [(_CHECK, self.hashed(_CHECK, _CHECK), NOBODY)]
        rows += [(kind, digest, person) for (kind, digest), person in sorted(self.known.items())]
        buffer = io.BytesIO()
        pl.DataFrame(rows, schema=_SCHEMA, orient="row").write_parquet(buffer, compression="zstd")
        write_whole(folder / HASHES_FILE, buffer.getvalue())


def contact_id_of(user_id: str) -> int:
    """The id that the warehouse gives a contact who is known by a user_id alone."""
    return int(hashlib.md5(f"user_id|{user_id}".encode(), usedforsecurity=False).hexdigest()[:15], 16)


def find_suppression(folder: Path, environment: Mapping[str, str] | None = None) -> Suppression | None:
    """Who was erased; None where nobody was. Raises HourbellError where the key is not that of the hashes."""
    path = folder / HASHES_FILE
    if not path.exists():
        return None
    key = _key(folder, os.environ if environment is None else environment)
    if key is None:
        raise HourbellError(
            f"{path} says who was erased, and its key is gone. Set {ENVIRONMENT}, or bring {folder / KEY_FILE} back: "
            "without it they would be taken in again."
        )
    status = path.stat()
    return _read(path, key, (status.st_mtime_ns, status.st_size))


def open_suppression(folder: Path, environment: Mapping[str, str] | None = None) -> Suppression:
    """The same, with a key that is made once where there is none: HOURBELL_ERASURE_KEY, else a file in the folder."""
    environment = os.environ if environment is None else environment
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        found = find_suppression(folder, environment)
        if found is not None:
            return found
        key = _key(folder, environment)
        if key is None:
            key = secrets.token_bytes(32)
            _write_key(folder / KEY_FILE, key)
    except OSError as error:
        raise HourbellError(f"Cannot write to {folder}: {error.strerror}. Give yourself rights to it.") from error
    return Suppression(key, {})


@lru_cache(maxsize=4)
def _read(path: Path, key: bytes, _version: tuple[int, int]) -> Suppression:
    try:
        rows = pl.read_parquet(path).rows()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise HourbellError(f"{path} cannot be read: {error}. Bring it back from a backup.") from error
    known = {(kind, digest): person for kind, digest, person in rows}
    if known.pop((_CHECK, _hashed(key, _CHECK, _CHECK)), None) is None:
        raise HourbellError(
            f"The key is not the one by which {path} was written. Set {ENVIRONMENT} as it was, or unset it where the "
            f"key was {path.parent / KEY_FILE}."
        )
    return Suppression(key, known)


def _key(folder: Path, environment: Mapping[str, str]) -> bytes | None:
    stated = environment.get(ENVIRONMENT, "").strip()
    if stated:
        if len(stated) < _SHORTEST_KEY:
            raise HourbellError(
                f"{ENVIRONMENT} is too short to be a secret. Give it {_SHORTEST_KEY} characters or more."
            )
        return stated.encode()
    try:
        return bytes.fromhex((folder / KEY_FILE).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HourbellError(f"The key {folder / KEY_FILE} cannot be read. Bring it back from a backup.") from error


def _write_key(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key.hex())
        file.flush()
        os.fsync(file.fileno())


def _hashed(key: bytes, kind: str, value: str) -> str:
    return hmac.digest(key, f"{kind}|{value}".encode(), "sha256").hex()
