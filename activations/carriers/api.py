"""What the carriers have in common that call a provider's interface over HTTP."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from activations.carriers.face import Mail
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Meaning, Receivers
from activations.errors import HourbellError
from activations.settings.profile import plain_host
from activations.transport.http import HttpAnswer, HttpPool

_ANSWER_BYTES = 1 << 20
# a batch is what a crash leaves unknown
_BATCH = 200
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Api:
    """How a provider takes e-mails, and what it means by its answers."""

    provider: str
    name: str
    """As people know it."""
    host: str
    path: str
    mend: str
    """What to do where it refuses us altogether."""
    encode: Callable[[Mail], bytes]
    headers: Callable[[str, bytes], Mapping[str, str]] = field(repr=False)
    """Those of a call, by its url and body; they hold the secret."""
    largest: int
    """Bytes of one message."""
    call_size: int = 1
    """Messages that share a call."""
    largest_call: int = 50 * MEGABYTE
    together: Callable[[Sequence[bytes]], bytes] = b"".join
    """The body of a call, from its messages."""
    of_each: Callable[[Sequence[Message], str], list[Answer]] | None = None
    """What a call that was taken says of each message; None where it says the same of all."""
    answer_bytes: int = 0
    """So much of an answer has to be read for `known_as`."""
    known_as: Callable[[HttpAnswer], str | None] = lambda said: None
    refuses_us: Callable[[HttpAnswer], bool] = lambda said: False
    means: Callable[[HttpAnswer], Meaning | None] = lambda said: None


def open_api(setting: Setting, api: Api) -> "ApiCarrier":
    """The carrier by an interface; raises HourbellError where the profile does not reach it."""
    profile = setting.profile
    profile.needs_http_sandbox()
    if profile.is_live and plain_host(api.host) not in profile.allowed_hosts:
        raise HourbellError(
            f"E-mail by {api.name} goes to {api.host}, which is not in HOURBELL_ALLOWED_HOSTS. Add it there if mail is "
            "to go to it."
        )
    return ApiCarrier(setting, api, HttpPool(profile))


@dataclass(frozen=True)
class ApiCarrier:
    """Blind: none of these providers takes a key of ours, or says for certain what it has not got.

    They sign mail themselves. Our id of the action goes with each mail, and comes back with what they tell of it.
    """

    setting: Setting
    api: Api
    pool: HttpPool
    idempotency: Idempotency = "blind"
    window: timedelta | None = None

    @property
    def provider(self) -> str:
        return self.api.provider if self.setting.profile.is_live else "sandbox"

    @property
    def batch_size(self) -> int:
        return max(_BATCH, self.api.call_size)

    @property
    def push_size(self) -> int:
        return self.batch_size

    def encode(self, mail: Mail) -> bytes:
        content = self.api.encode(mail)
        if len(content) > self.api.largest:
            raise UnsendableError(
                f"the mail has {len(content):,} bytes, and {self.api.name} takes {self.api.largest:,}"
            )
        return content

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(self._calls(batch), self._answers)

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        await self.pool.close()

    @cached_property
    def url(self) -> str:
        profile = self.setting.profile
        base = f"https://{self.api.host}" if profile.is_live else f"{profile.http_sandbox}/{self.api.provider}"
        return base + self.api.path

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool,
            self.setting.now,
            self.api.mend,
            refuses_us=self.api.refuses_us,
            known_as=self.api.known_as,
            means=self.api.means,
            answers_each=self.api.of_each is not None,
        )

    def _calls(self, batch: Sequence[Message]) -> list[list[Message]]:
        """The messages of each call, as many as it takes."""
        calls: list[list[Message]] = []
        size = 0
        for message in batch:
            # with what stands between two
            size += len(message.content) + 1
            if not calls or len(calls[-1]) == self.api.call_size or size > self.api.largest_call:
                calls.append([])
                size = len(message.content) + 1
            calls[-1].append(message)
        return calls

    async def _answers(self, messages: Sequence[Message]) -> list[Answer]:
        """Make one call, and say what became of each message in it."""
        provider = self.api.provider
        if rested := self._receivers.rested(provider, messages):
            return rested
        body = self.api.together([message.content for message in messages])
        headers = self.api.headers(self.url, body)
        read = _ANSWER_BYTES if self.api.of_each else self.api.answer_bytes
        answers = await self._receivers.post(provider, self.url, headers, body, messages, read=read)
        if answers[0].status == "rejected" and len(messages) > 1:
            # nothing of it was taken: what is wrong with one is not to be the end of the others
            middle = len(messages) // 2
            return [*await self._answers(messages[:middle]), *await self._answers(messages[middle:])]
        if answers[0].status != "accepted":
            return answers
        if self.api.of_each is None:
            return [answer._replace(reason=None) for answer in answers]
        answers = self.api.of_each(messages, answers[0].reason or "")
        self._receivers.heed(provider, answers)
        return answers


def json_headers(**others: str) -> dict[str, str]:
    """The headers of a call that carries JSON; an underscore stands for a hyphen."""
    return {
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Hourbell",
        **{name.replace("_", "-"): value for name, value in others.items()},
    }


def read_json(text: str) -> Any:
    """What an answer states; None where it is no JSON, or not all of it."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def in_doubt(messages: Sequence[Message]) -> list[Answer]:
    """Where an answer does not say what became of which message."""
    return [
        Answer(message.action_id, "in doubt", "the answer to the batch does not say what became of it")
        for message in messages
    ]
