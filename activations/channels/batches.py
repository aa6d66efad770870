"""Posts that carry many contacts at once, to an endpoint of a file beside the templates."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from activations.channels.face import Answer, Message, Setting
from activations.channels.receivers import Receivers
from activations.endpoints import Endpoint, read_endpoints
from activations.signing import ID
from activations.transport.http import HttpPool

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Entry:
    """One part of a batch, and the messages that it does; all of them get its answer."""

    content: Any
    messages: Sequence[Message]


@dataclass(frozen=True)
class Batches:
    """Endpoints that take batches, each with a token from the environment."""

    endpoints: Mapping[str, Endpoint]
    urls: Mapping[str, str]
    tokens: Mapping[str, str] = field(repr=False)
    pool: HttpPool
    receivers: Receivers

    async def post(
        self, name: str, entries: Sequence[Entry], body_of: Callable[[Sequence[Entry]], object]
    ) -> list[Answer]:
        """Post entries to an endpoint, taken apart where it refuses some, so that no contact spoils it for the rest."""

        async def post(part: Sequence[Entry]) -> list[Answer]:
            messages = [message for entry in part for message in entry.messages]
            if rested := self.receivers.rested(name, messages):
                return rested
            body = _JSON.encode(body_of(part)).encode()
            ids = " ".join(message.message_id for message in messages)
            headers = {
                "content-type": "application/json",
                "user-agent": "Hourbell",
                "authorization": f"Bearer {self.tokens[name]}",
                # the same messages again have the same id
                ID: f"hourbell-{hashlib.sha256(ids.encode()).hexdigest()[:32]}",
            }
            return await self.receivers.post(name, self.urls[name], headers, body, messages)

        return await _apart(post, entries)

    async def close(self) -> None:
        await self.pool.close()


def open_batches(setting: Setting, file: str, kind: str, settings: Mapping[str, Sequence[str]]) -> Batches:
    """The endpoints of a file, as `read_endpoints` reads it; raises HourbellError where they cannot be used."""
    profile = setting.profile
    endpoints = read_endpoints(setting.templates, file, settings)
    profile.needs_http_sandbox()
    pool = HttpPool(profile)
    return Batches(
        endpoints,
        {
            name: known.url if profile.is_live else f"{profile.http_sandbox}/{kind}/{name}"
            for name, known in endpoints.items()
        },
        {name: profile.token(name) for name in endpoints},
        pool,
        Receivers(pool, setting.now, f"mend {file} or the token", in_batches=True),
    )


async def _apart(post: Callable[[Sequence[Entry]], Awaitable[list[Answer]]], entries: Sequence[Entry]) -> list[Answer]:
    answers = await post(entries)
    if len(entries) == 1 or answers[0].status != "rejected":
        return answers
    half = len(entries) // 2
    return [*await _apart(post, entries[:half]), *await _apart(post, entries[half:])]
