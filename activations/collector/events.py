"""Events as the input contract has them, from whatever client they come."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from activations.collector.requests import RefusedError
from data.contract.value_sets import VALUE_SETS

TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})
LONGEST_ID = 200
LARGEST = 256 * 1024
_EARLIEST = datetime(1990, 1, 1)
_AHEAD = timedelta(days=1)
_JSON_COLUMNS = ("properties", "traits", "context")
_PLACEHOLDERS = frozenset(VALUE_SETS["placeholders"])

log = logging.getLogger(__name__)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """An event that was left out of its batch, and why."""

    index: int
    message_id: str | None
    reason: str

    def told(self, id_name: str) -> dict[str, Any]:
        """For the sender, with its id by the name that they give it."""
        return {"index": self.index, id_name: self.message_id, "code": "invalid_event", "message": self.reason}


@dataclass(frozen=True)
class Read:
    """A batch: the rows of its events, and those that were left out."""

    rows: Sequence[Row]
    refused: Sequence[Refused]

    def needs_any(self) -> None:
        """Raises RefusedError where nothing of it can be taken."""
        if self.refused and not self.rows:
            raise RefusedError(
                400, "invalid_event", f"No event of the batch can be taken. The first: {self.refused[0].reason}"
            )


def read_batch(batch: Iterable[Any], rows_of: Callable[[Mapping[str, Any], int], Sequence[Row]], id_name: str) -> Read:
    """Read each event of a batch by itself, so that a bad one does not keep the others out."""
    rows: list[Row] = []
    refused: list[Refused] = []
    for index, event in enumerate(batch):
        message_id = event.get(id_name) if isinstance(event, Mapping) else None
        try:
            if not isinstance(event, Mapping):
                raise RefusedError(400, "invalid_event", "An event is an object.")
            rows += rows_of(event, index)
        except RefusedError as error:
            refused.append(Refused(index, message_id if isinstance(message_id, str) else None, error.message))
    for one in refused[:10]:
        log.warning("Event %d of a batch (%s) is left out: %s", one.index, one.message_id, one.reason)
    return Read(rows, refused)


def event_row(
    kind: str,
    *,
    source: str,
    received_at: datetime,
    occurred_at: datetime | None,
    message_id: object = None,
    index: int = 0,
    event: object = None,
    user_id: object = None,
    anonymous_id: object = None,
    email: object = None,
    phone: object = None,
    properties: Mapping[str, Any] | None = None,
    traits: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Row:
    """A row of the table events; raises RefusedError saying what is wrong.

    The quality gate judges it once more when it lands; what it would set aside for good is said to the sender at once.
    """
    if kind not in TYPES:
        raise _bad(f"The type {_quoted(kind)} is none of {', '.join(sorted(TYPES))}.")
    name = _text(event, "event")
    if kind == "track" and name is None:
        raise _bad("A track call names its event.")
    row: dict[str, Any] = {
        "type": kind,
        "event": name if kind == "track" else None,
        "user_id": _identifier(user_id, "userId"),
        "anonymous_id": _identifier(anonymous_id, "anonymousId"),
        "email": _address(email),
        "phone": _address(phone),
        "properties": _json(properties, "properties"),
        "traits": _json(traits, "traits"),
        "context": _json(context, "context"),
        "source": source,
        "occurred_at": _possible(occurred_at, received_at),
    }
    if not any(row[column] for column in ("user_id", "anonymous_id", "email", "phone")):
        raise _bad("Nobody is named, by userId, anonymousId, email or phone.")
    return {"message_id": _message_id(message_id, row, occurred_at is not None, received_at, index), **row}


def moment(value: object, name: str) -> datetime | None:
    """An ISO 8601 time, UTC where it names no zone, as naive UTC; None where there is none. Raises RefusedError."""
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError) as error:
        raise _bad(f"{name} is no ISO 8601 time.") from error


def milliseconds(value: object, name: str) -> datetime | None:
    """Milliseconds since 1970 as naive UTC; None where there are none. Raises RefusedError."""
    if value is None or value == "":
        return None
    try:
        return datetime(1970, 1, 1) + timedelta(milliseconds=int(str(value)))
    except (ValueError, OverflowError) as error:
        raise _bad(f"{name} is no time in milliseconds.") from error


def unskewed(occurred_at: datetime | None, sent_at: datetime | None, received_at: datetime) -> datetime | None:
    """When something happened by our clock: what is sent is received at once, and a clock that is off always was."""
    if occurred_at is None or sent_at is None:
        return occurred_at
    try:
        return received_at - (sent_at - occurred_at)
    except OverflowError as error:
        raise _bad("The times of the event and of its sending lie too far apart.") from error


def _bad(message: str) -> RefusedError:
    return RefusedError(400, "invalid_event", message)


def _quoted(value: object) -> str:
    return repr(value if isinstance(value, str) else type(value).__name__)[:40]


def _text(value: object, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _bad(f"{name} is no text.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _bad(f"{name} holds half of a character.") from error
    return value.strip() or None


def _identifier(value: object, name: str) -> str | None:
    if isinstance(value, bool):
        raise _bad(f"{name} is neither text nor a number.")
    if isinstance(value, int):
        value = str(value)
    text = _text(value, name)
    if text is not None and len(text) > LONGEST_ID:
        raise _bad(f"{name} is longer than {LONGEST_ID} characters.")
    return None if text in _PLACEHOLDERS else text


def _address(value: object) -> str | None:
    """An address is a help where it can be read, and no reason to refuse the event where it cannot."""
    try:
        return _text(value, "") if value is None or isinstance(value, str) else None
    except RefusedError:
        return None


def _json(value: Mapping[str, Any] | None, name: str) -> str | None:
    if not value:
        return None
    try:
        text = orjson.dumps(value)
    except TypeError as error:
        raise _bad(f"{name} cannot be kept: {error}.") from error
    if len(text) > LARGEST:
        raise _bad(f"{name} is larger than {LARGEST // 1024} KiB.")
    return text.decode()


def _possible(occurred_at: datetime | None, received_at: datetime) -> datetime:
    if occurred_at is None:
        return received_at
    if not _EARLIEST <= occurred_at <= received_at + _AHEAD:
        raise _bad("The event's time lies before 1990, or more than a day ahead.")
    return occurred_at


def _message_id(given: object, row: Row, is_timed: bool, received_at: datetime, index: int) -> str:
    """The sender's id. Who gives none is taken at their word: the same event of the same time is the same event."""
    text = _identifier(given, "messageId")
    if text is not None:
        return text
    about = orjson.dumps([row, None if is_timed else [received_at, index]])
    return f"hourbell-{hashlib.sha256(about).hexdigest()[:32]}"
