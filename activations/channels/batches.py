"""Calls that carry many contacts at once, with what the answer says of each."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from activations.channels.face import Answer, Message, Status
from activations.channels.receivers import LATER, REASON_LENGTH, Receivers, without_numbers

_READ = 8 << 20
"""Bytes of an answer: a batch is answered record by record."""
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Call(NamedTuple):
    """One request."""

    url: str
    body: bytes = b""
    method: str = "POST"
    content_type: str = "application/json"


class Said(NamedTuple):
    """What an answer says of one entry."""

    status: Status
    reason: str | None = None
    known_as: str | None = None
    """The provider's own id of it."""


@dataclass(frozen=True)
class Entry:
    """One part of a batch, and the messages that it does; all of them get its answer."""

    content: Any
    messages: Sequence[Message]


class NotAnsweredError(Exception):
    """A question that changes nothing was not answered; `answer` says why, and whether it may be asked again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True)
class Batches:
    """One account of a provider that takes batches."""

    name: str
    receivers: Receivers
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(
        self,
        entries: Sequence[Entry],
        size: int,
        call_of: Callable[[Sequence[Entry]], Call],
        read: Callable[[Sequence[Entry], Any], Sequence[Said]],
    ) -> list[Answer]:
        """Send entries, so many a call; `read` says what an answer, as JSON, holds for each of them.

        A call that is refused as a whole is taken apart, so that no contact spoils it for the rest.
        """
        answers: list[Answer] = []
        for start in range(0, len(entries), size):
            answers += await self._apart(entries[start : start + size], call_of, read)
        return answers

    async def ask(self, call: Call) -> Any:
        """The answer to a question, as JSON; raises NotAnsweredError."""
        [answer] = await self._post(call, [Message(0, "", "", b"")])
        if answer.status != "accepted":
            # what changes nothing can be asked again
            again = answer._replace(status="retry") if answer.status == "in doubt" else answer
            raise NotAnsweredError(again)
        return _parsed(answer.reason)

    async def _apart(
        self,
        entries: Sequence[Entry],
        call_of: Callable[[Sequence[Entry]], Call],
        read: Callable[[Sequence[Entry], Any], Sequence[Said]],
    ) -> list[Answer]:
        messages = [message for entry in entries for message in entry.messages]
        answers = await self._post(call_of(entries), messages)
        if answers[0].status == "accepted":
            said = read(entries, _parsed(answers[0].reason))
            return [answer for entry, each in zip(entries, said, strict=True) for answer in answers_of(entry, each)]
        if len(entries) == 1 or answers[0].status != "rejected":
            return answers
        half = len(entries) // 2
        return [
            *await self._apart(entries[:half], call_of, read),
            *await self._apart(entries[half:], call_of, read),
        ]

    async def _post(self, call: Call, messages: Sequence[Message]) -> list[Answer]:
        if rested := self.receivers.rested(self.name, messages):
            return rested
        headers = {"accept": "application/json", "user-agent": "Hourbell", **self.headers}
        if call.body:
            headers["content-type"] = call.content_type
        return await self.receivers.post(self.name, call.url, headers, call.body, messages, _READ, call.method)


def answers_of(entry: Entry, said: Said) -> list[Answer]:
    """The same to all messages of an entry."""
    reason = " ".join(without_numbers(said.reason).split())[:REASON_LENGTH] if said.reason else None
    return [
        Answer(
            message.action_id,
            said.status,
            reason,
            (said.known_as or message.message_id) if said.status == "accepted" else None,
        )
        for message in entry.messages
    ]


def answered_alike(entries: Sequence[Entry], said: Said) -> list[Answer]:
    """The same to all messages of all entries."""
    return [answer for entry in entries for answer in answers_of(entry, said)]


def not_asked(entries: Sequence[Entry], answer: Answer) -> list[Answer]:
    """What becomes of entries about which a question had to be answered first, and was not."""
    return [answer._replace(action_id=message.action_id) for entry in entries for message in entry.messages]


def status_of(code: int) -> Status:
    """What the status of one record of a batch means, where it is one of HTTP."""
    if 200 <= code < 300:
        return "accepted"
    if code in LATER:
        return "retry"
    return "rejected" if 400 <= code < 500 else "in doubt"


def json_body(content: Any) -> bytes:
    """The same content gives the same bytes."""
    return _JSON.encode(content).encode()


def _parsed(text: str | None) -> Any:
    """What an answer says as JSON; None where it says nothing that can be read."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return None
