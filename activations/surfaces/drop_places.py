"""Where a partner finds files: a folder, or a bucket of S3."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from activations.channels.receivers import LATER, retry_after
from activations.durable import UnsyncedNameError, write_whole
from activations.errors import HourbellError
from activations.keys.aws_signing import Credentials, signed_headers
from activations.settings.profile import Profile
from activations.surfaces.drop_settings import Drop
from activations.transport.http import AnswerLostError, HttpPool

_AGENT = {"content-type": "application/octet-stream", "user-agent": "Hourbell"}


class NotDroppedError(HourbellError):
    """It is certainly not there. `rest` is for how many seconds the place wants to be left alone."""

    def __init__(self, message: str, rest: float | None = None, *, is_later: bool = False) -> None:
        super().__init__(message)
        self.rest = rest
        self.is_later = is_later


class UnclearDropError(Exception):
    """It may be there. `is_later` is whether the same might go well in a moment."""

    def __init__(self, message: str, *, is_later: bool = True) -> None:
        super().__init__(message)
        self.is_later = is_later


class Place(Protocol):
    """Takes a file under a name, whole or not at all; the same again changes nothing."""

    async def put(self, name: str, content: bytes) -> None:
        """Raises NotDroppedError, or UnclearDropError where nobody knows."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class FolderPlace:
    """A folder, from which a partner's own program takes what it finds."""

    folder: Path

    async def put(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._put, name, content)

    async def close(self) -> None:
        """Nothing is held open."""

    def _put(self, name: str, content: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / name, content)
        except UnsyncedNameError as error:
            told = f"{self.folder} has {name}, and may lose it in a power cut: {error.strerror}. Look after its disk."
            raise UnclearDropError(told, is_later=False) from error
        except OSError as error:
            raise NotDroppedError(
                f"Cannot write to {self.folder}: {error.strerror}. Make room or give rights, and deliver again."
            ) from error


@dataclass(frozen=True)
class BucketPlace:
    """A bucket, over our own transport; an object is there whole or not at all."""

    pool: HttpPool
    url: str
    """Of the folder in it."""
    region: str
    credentials: Credentials
    token_name: str
    now: Callable[[], datetime] = field(repr=False)

    async def put(self, name: str, content: bytes) -> None:
        url = f"{self.url}/{name}"
        headers = {**_AGENT, "x-amz-content-sha256": hashlib.sha256(content).hexdigest()}
        signed = signed_headers(self.credentials, self.region, "s3", url, headers, content, self.now(), "PUT")
        del signed["host"]
        try:
            said = await self.pool.post(url, signed, content, method="PUT")
        except AnswerLostError as error:
            raise UnclearDropError(str(error)) from error
        except HourbellError as error:
            raise NotDroppedError(str(error)) from error
        if 200 <= said.status < 300:
            return
        told = f"{urlsplit(url).hostname} says {said.status} {said.reason}"
        if said.status in LATER:
            rest = retry_after(said.headers.get("Retry-After"), self.now())
            raise NotDroppedError(told, rest, is_later=True)
        if said.status >= 500:
            raise UnclearDropError(told)
        raise NotDroppedError(f"{told}. Mend the bucket in drops.yml, or {self.token_name}.")

    async def close(self) -> None:
        await self.pool.close()


def open_place(drop: Drop, profile: Profile, rehearsals: Path, now: Callable[[], datetime]) -> Place:
    """The place of a drop; a folder among `rehearsals` unless the profile is live. Raises HourbellError."""
    if not profile.is_live:
        return FolderPlace(rehearsals / drop.name)
    if not drop.is_bucket:
        return FolderPlace(Path(urlsplit(drop.url).path))
    token_name = f"HOURBELL_TOKEN_{drop.name.upper()}"
    key, *secrets = profile.token(drop.name).split(":")
    if len(secrets) not in (1, 2) or not all((key, *secrets)):
        raise HourbellError(f"{token_name} must be <access key>:<secret>, and perhaps :<session token>.")
    parts = urlsplit(drop.url)
    base = drop.endpoint.rstrip("/") or f"https://s3.{drop.region}.amazonaws.com"
    folder = "/".join(part for part in (base, parts.netloc, parts.path.strip("/")) if part)
    return BucketPlace(HttpPool(profile), folder, drop.region, Credentials(key, *secrets), token_name, now)
