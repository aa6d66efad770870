"""What every provider's webhooks look like to the collector. A new provider is one module and a line of registry.py."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

Kind = Literal[
    "queued",
    "deferred",
    "delivered",
    "rejected",
    "failed",
    "bounced",
    "autoresponded",
    "opened",
    "clicked",
    "complained",
    "unsubscribed",
    "subscribed",
    "received",
    "unknown",
]

FRESH = timedelta(hours=24)
"""How old a signature may be: providers try as long to reach us, and what comes twice counts once."""
AHEAD = timedelta(minutes=5)
"""By how much a provider's clock may be before ours."""


class RefusedError(Exception):
    """Not to be believed; the message says why, for the log. Whoever called learns nothing of it."""


class NotSetUpError(Exception):
    """There is no secret by which a provider's webhooks could be believed."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A request as it came. Names of headers are in lower case; the URL is the one that the provider called."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says became of a message, or what somebody wrote to us."""

    kind: Kind
    dedupe: str
    """The same whenever this is reported: the provider's id of the event, or a digest of what it says."""
    occurred_at: datetime | None = None
    """Naive UTC; None where the provider does not say."""
    channel: str = "email"
    recipient: str | None = None
    """The contact's address or number, also where it is they who wrote."""
    event_id: str | None = None
    message_id: str | None = None
    action_id: int | None = None
    reject_reason: str | None = None
    description: str | None = None
    mta_response: str | None = None
    tags: Sequence[str] | str = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    click_url: str | None = None
    user_agent: str | None = None
    text: str | None = None
    is_hard: bool = False
    """Whether a bounce is for good."""
    is_machine: bool = False
    """Whether the provider knows that no person opened it."""
    opts_out: bool = False
    """Whether somebody wants no more, where the kind does not say so."""


@dataclass(frozen=True)
class Provider:
    """Whose webhooks are believed, and how they are read; both raise RefusedError."""

    name: str
    receive: Callable[[Posted, Mapping[str, str], datetime], Sequence[Report]]
    """Secrets by name, and the time."""
    greet: Callable[[Mapping[str, str], Mapping[str, str]], str] | None = None
    """What a GET is answered, by its parameters and the secrets, where a provider asks whether we are there."""
    thanks: tuple[bytes, str] = (b"", "text/plain")
    """What it wants to hear, and the type of that."""
    signs_body: bool = True
    """Whether its signature is about all that it says; if not, what is signed alike has to say the same."""
    asks: Callable[[Posted], str | None] = lambda _: None
    """What a person has to do before it posts to us, if this is how it asks for that."""


def keys(secrets: Mapping[str, str], name: str) -> list[str]:
    """The secrets of a provider, of which any may be good: while one is changed there are two."""
    found = secrets.get(name, "").split()
    if not found:
        raise NotSetUpError(name)
    return found


def check_fresh(signed_at: str | float | None, now: datetime) -> None:
    """Raises RefusedError where something was signed too long ago, or at no time at all (seconds since 1970)."""
    moment = from_epoch(signed_at)
    if moment is None or not now - FRESH <= moment <= now + AHEAD:
        raise RefusedError("it was not signed lately")


def from_epoch(seconds: Any) -> datetime | None:
    """Seconds since 1970 as naive UTC; None of what is none."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def from_iso(text: Any) -> datetime | None:
    """An ISO 8601 time as naive UTC; None of what is none, or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def json_of(body: bytes) -> Any:
    """Read a body; raises RefusedError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError("its body is no JSON") from error


def object_of(body: bytes) -> dict[str, Any]:
    """Read a body that is one JSON object; raises RefusedError."""
    value = json_of(body)
    if not isinstance(value, dict):
        raise RefusedError("its body is no JSON object")
    return value


def part(value: Any, *path: str) -> Any:
    """What stands at a place within a JSON value; None where there is no such place."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def said(value: Any, *path: str) -> str | None:
    """The text at a place within a JSON value; None where there is none."""
    found = part(value, *path)
    return found if isinstance(found, str) else None


def listed(value: Any, *path: str) -> list[Any]:
    """The list at a place within a JSON value; an empty one where there is none."""
    found = part(value, *path)
    return found if isinstance(found, list) else []


def digest(value: Any) -> str:
    """The same for the same JSON value."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def action_of(value: Any) -> int | None:
    """The action that our own words in a report name: its number, or `hourbell-` before it."""
    text = str(value).removeprefix("hourbell-") if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None
