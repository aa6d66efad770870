"""What every channel looks like to delivery. A new channel is one module with this face and a line in the registry."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from activations.delivery.outbox import Action
from activations.settings.profile import Profile

Idempotency = Literal["keyed", "askable", "blind"]
"""What can be done about a call whose answer never came.

keyed: make it again, the provider takes the same action only once. askable: ask whether it arrived, and make it again
if not. blind: neither, so that it stays unknown and is never made again.
"""

Status = Literal["accepted", "rejected", "retry", "postponed", "in doubt", "untried"]
"""accepted, rejected: final. retry: not taken, and may be another time. postponed: not taken, and not to be tried again
in this delivery. in doubt: nobody knows whether it was taken. untried: the provider was not reached."""


class UnsendableError(Exception):
    """This action can never be carried; the message says why, and becomes its reason."""


class ShortLink(NamedTuple):
    """A link in a message that does not say itself where it leads, since a text has no room for it."""

    token: str
    target: str
    position: int
    action_id: int
    channel: str
    topic: str
    identifier: str
    """Which of user_id, email and phone `value` is: who got the message."""
    value: str


class Message(NamedTuple):
    """An action, ready for the provider. The same action gives the same bytes."""

    action_id: int
    message_id: str
    address: str
    content: bytes
    links: tuple[ShortLink, ...] = ()
    """Short ones in it, to be kept before it is pushed."""
    expires_at: datetime | None = None
    """By when it must have arrived; only of channels whose provider can be told how long it may keep it."""

    def keeps(self, now: datetime, longest: timedelta) -> int | None:
        """Seconds for which the provider may keep it from now on, at most so long; None where it does not expire."""
        if self.expires_at is None:
            return None
        return int(min(max(self.expires_at - now, timedelta()), longest).total_seconds())


class Answer(NamedTuple):
    """What the provider said to one message."""

    action_id: int
    status: Status
    reason: str | None = None
    provider_message_id: str | None = None
    retry_after: float | None = None
    """Seconds for which the provider wants to be left alone, with `retry`."""
    is_called: bool = True
    """Whether a call was made for it, and counts; not where the provider had asked to be left alone before, or asks for
    it of all that is sent to it just now."""


@dataclass(frozen=True)
class Setting:
    """What a channel is made from."""

    profile: Profile
    now: Callable[[], datetime]
    """The time by which is sent, naive UTC; a simulated one in a rehearsal."""
    spool: Path
    """Where files wait for landing."""
    templates: Path


class Channel(Protocol):
    """A way to act on contacts. `render` and `validate` raise UnsendableError; `push` answers for every message.

    One whose actions set what is so from then on has `target`, too, as in `channels.targets`: then an older action is
    never done after a newer one on the same target.
    """

    @property
    def name(self) -> str:
        """As in the outbox."""

    @property
    def provider(self) -> str:
        """Who carries it."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of action that it can do."""

    @property
    def idempotency(self) -> Idempotency: ...

    @property
    def batch_size(self) -> int:
        """Actions that are claimed, pushed and recorded together: as many as are in doubt after a crash."""

    @property
    def push_size(self) -> int:
        """Messages that go out between two looks at the kill switch."""

    @property
    def window(self) -> timedelta | None:
        """How long the provider remembers what it took, by key or when it is asked; None is for ever."""

    @property
    def rate(self) -> float | None:
        """Messages a second that the provider takes; None is as many as it can."""

    @property
    def ask_after(self) -> float:
        """Seconds after which the provider knows for certain what reached it before."""

    def validate(self, address: str | None) -> str:
        """The address as the provider wants it."""

    def message_id(self, action_id: int) -> str:
        """The id under which the provider, or the recipient, knows the action: the same whenever it is asked for."""

    def render(self, action: Action, message_id: str) -> Message: ...

    async def push(self, batch: Sequence[Message]) -> list[Answer]: ...

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        """The provider's id for each message that it has received; those it never saw are left out. What was begun may
        be finished by it."""

    async def look(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        """What `ask` would find, where nothing may be changed by the question."""

    async def close(self) -> None:
        """Let go of connections; the next push opens new ones."""


def json_object(column: str, text: str | None, parse_float: Callable[[str], float | Decimal] = float) -> dict[str, Any]:
    """Read a column that holds a JSON object, null being an empty one; raises UnsendableError."""
    try:
        value = _quick_decoder(parse_float).decode(text or "{}")
    except ValueError:
        value = _lenient(column, text or "{}", parse_float)
    if not isinstance(value, dict):
        raise UnsendableError(f"the column {column} holds no JSON object")
    return value


@lru_cache(maxsize=10)
def read_profile(text: str | None) -> Mapping[str, Any]:
    """The profile of an action; kept, because several ask for it while a message is made. Raises UnsendableError."""
    return json_object("profile", text)


@lru_cache(maxsize=8)
def _quick_decoder(parse_float: Callable[[str], float | Decimal]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(float_hook=None if parse_float is float else parse_float)


def _lenient(column: str, text: str, parse_float: Callable[[str], float | Decimal]) -> Any:
    """What the standard library reads where the quick decoder does not: numbers without an end, and NaN."""
    try:
        value = json.JSONDecoder(parse_float=parse_float).decode(text)
    except ValueError as error:
        raise UnsendableError(f"the column {column} holds no JSON") from error
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        # no message could be written with it
        raise UnsendableError(f"the column {column} holds half of a letter (a lone surrogate)") from error
    return value
