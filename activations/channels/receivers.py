"""Hosts that take posts: what their answers mean, and who is left alone for a while."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol

import orjson

from activations.channels.face import Answer, Message, Status
from activations.errors import HourbellError
from activations.transport.http import AnswerLostError, HttpAnswer

LATER = frozenset({408, 425, 429, 503})
"""Not now, and perhaps another time."""
_OF_THE_ENDPOINT = frozenset({401, 403, 404, 405, 407, 410})
"""What says something of the endpoint or the secret, not of the one message."""
_PARTLY = 207
_RESET = "X-RateLimit-Reset"
"""Seconds, or the moment as seconds since 1970."""
_LONG_AGO = 1e9
REASON_LENGTH = 200
_NUMBER = re.compile(r"\+?\d[\d ()./-]{5,}\d")
_RESTS = 10
"""How often in a row an endpoint may ask to be left alone before it is left to the next delivery."""


class Meaning(NamedTuple):
    """What an answer means where its status alone does not tell."""

    status: Status
    rest: float | None = None
    """Seconds for which the host is left alone, with `retry`, where it does not say so itself."""
    reason: str | None = None
    """What is told of it instead of the answer's text."""
    is_called: bool = True
    """Whether it counts as an attempt; not where nobody looked at it."""


class Pool(Protocol):
    """Who makes the calls: an HttpPool, or what lets it in as well."""

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, read: int = 0, method: str = "POST"
    ) -> HttpAnswer: ...


@dataclass
class _Rest:
    """How long a receiver is left alone: until a moment of the monotonic clock, or for the rest of this delivery."""

    until: float
    answer: Answer


class Receivers:
    """The receivers of a channel, by name. `mend` is what to do where one refuses us altogether.

    With `in_batches` several messages share a post; one that was done in part counts as rejected, so that it can be
    taken apart. `hides_numbers` is for those who quote a number otherwise than we know it. `refuses_us` tells, where
    the status does not, that an answer is about us and not about the message; `means` what else an answer means that is
    no success; `known_as` the provider's own id of what it took. With `answers_each` an answer that takes a post may
    still refuse every message in it: then `heed` hears of them. `plainly` says an answer in the terms of HTTP, where a
    provider has its own.
    """

    def __init__(
        self,
        pool: Pool,
        now: Callable[[], datetime],
        mend: str,
        *,
        in_batches: bool = False,
        hides_numbers: bool = False,
        refuses_us: Callable[[HttpAnswer], bool] = lambda said: False,
        means: Callable[[HttpAnswer], Meaning | None] = lambda said: None,
        known_as: Callable[[HttpAnswer], str | None] = lambda said: None,
        answers_each: bool = False,
        plainly: Callable[[HttpAnswer], HttpAnswer] = lambda said: said,
    ) -> None:
        self._pool = pool
        self._now = now
        self._mend = mend
        self._in_batches = in_batches
        # an answer to many quotes their numbers, which nothing else would take out
        self._hides_numbers = in_batches or hides_numbers
        self._refuses_us = refuses_us
        self._means = means
        self._known_as = known_as
        self._answers_each = answers_each
        self._plainly = plainly
        self._resting: dict[str, _Rest] = {}
        self._rests: Counter[str] = Counter()

    def rested(self, name: str, messages: Sequence[Message]) -> list[Answer]:
        """The answers to messages whose receiver is to be left alone; none where it may be called."""
        rest = self._resting.get(name)
        if rest is None:
            return []
        left = rest.until - time.monotonic()
        if left <= 0:
            del self._resting[name]
            return []
        again = rest.answer._replace(is_called=False)
        if again.status == "retry":
            again = again._replace(retry_after=left)
        return [again._replace(action_id=message.action_id) for message in messages]

    async def post(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        messages: Sequence[Message],
        read: int = 0,
        method: str = "POST",
    ) -> list[Answer]:
        """Post one body, and give each of its messages the answer, with so many bytes of what it says as its reason."""
        answer = await self._post(name, url, headers, body, read, method)
        if answer.status == "accepted":
            known_as = answer.provider_message_id
            return [
                Answer(message.action_id, "accepted", answer.reason, known_as or message.message_id)
                for message in messages
            ]
        return [answer._replace(action_id=message.action_id) for message in messages]

    def heed(self, name: str, answers: Sequence[Answer]) -> None:
        """Leave a receiver alone where it asks for that in what it says of any of the messages of a post."""
        if any(answer.status == "accepted" for answer in answers):
            self._rests[name] = 0
        asked = [(wanted, answer) for answer in answers if (wanted := _rest_asked(answer)) is not None]
        if asked:
            seconds, answer = max(asked, key=lambda each: each[0])
            self._leave_alone(name, answer, seconds)

    async def send(
        self, name: str, url: str, headers: Mapping[str, str], body: bytes, message: Message, read: int = 0
    ) -> list[Answer]:
        """Post one message, unless its receiver is left alone; what is said of a success is no reason for anything."""
        if rested := self.rested(name, [message]):
            return rested
        [answer] = await self.post(name, url, headers, body, [message], read)
        return [answer._replace(reason=None) if answer.status == "accepted" else answer]

    def leave_alone(self, name: str, message: Message, status: Status, reason: str) -> list[Answer]:
        """Leave a receiver alone for the rest of this delivery, as nothing can be posted to it."""
        answer = Answer(message.action_id, status, f"{name}: {reason}", is_called=False)
        return [self._leave_alone(name, answer, float("inf"))]

    async def _post(
        self, name: str, url: str, headers: Mapping[str, str], body: bytes, read: int, method: str
    ) -> Answer:
        try:
            said = self._plainly(await self._pool.post(url, headers, body, read, method))
        except AnswerLostError as error:
            return Answer(0, "in doubt", str(error))
        except HourbellError as error:
            return self._leave_alone(name, Answer(0, "postponed", f"{name}: {error}"), float("inf"))
        answer = self._meaning(name, said)
        if (seconds := _rest_asked(answer)) is not None:
            return self._leave_alone(name, answer, seconds)
        if answer.status == "accepted" and not self._answers_each:
            self._rests[name] = 0
        return answer

    def _leave_alone(self, name: str, answer: Answer, seconds: float) -> Answer:
        """Note it, once for all whose calls were under way at the same time."""
        if name not in self._resting:
            self._rests[name] += 1
        if self._rests[name] > _RESTS:
            seconds, answer = float("inf"), answer._replace(status="postponed")
        self._resting[name] = _Rest(time.monotonic() + seconds, answer)
        return answer

    def _meaning(self, name: str, said: HttpAnswer) -> Answer:
        status = said.status
        if 200 <= status < 300 and not (self._in_batches and status == _PARTLY):
            return Answer(0, "accepted", said.text or None, self._known_as(said))
        text = without_numbers(said.text) if self._hides_numbers else said.text
        reason = " ".join(f"{said.status} {said.reason} {text}".split())[:REASON_LENGTH]
        if meant := self._means(said):
            return self._meant(name, meant, said, meant.reason or reason)
        if status in LATER:
            return Answer(0, "retry", reason, retry_after=_rest_wanted(said, self._now()))
        if 300 <= status < 400:
            return Answer(0, "postponed", f"{name}: {reason}: redirects are not followed")
        if status in _OF_THE_ENDPOINT or self._refuses_us(said):
            return Answer(0, "postponed", f"{name}: {reason}: {self._mend}")
        if 200 <= status < 500:
            return Answer(0, "rejected", reason)
        # it broke while it was at it, or something between us did
        return Answer(0, "in doubt", reason)

    def _meant(self, name: str, meant: Meaning, said: HttpAnswer, reason: str) -> Answer:
        if meant.status == "postponed":
            return Answer(0, "postponed", f"{name}: {reason}: {self._mend}")
        rest = None
        if meant.status == "retry":
            stated = _rest_wanted(said, self._now())
            rest = meant.rest if stated is None else stated
        return Answer(0, meant.status, reason, retry_after=rest, is_called=meant.is_called)


def without_numbers(text: str) -> str:
    """A text without anything that may be somebody's telephone number."""
    return _NUMBER.sub("…", text)


def stated_text(said: HttpAnswer) -> Mapping[str, object]:
    """The JSON object that an answer holds, as far as it can be read."""
    try:
        stated = orjson.loads(said.text or "{}")
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}


def _rest_asked(answer: Answer) -> float | None:
    """Seconds for which an answer wants us to leave its receiver alone; None where it does not."""
    return float("inf") if answer.status == "postponed" else answer.retry_after


def _rest_wanted(said: HttpAnswer, now: datetime) -> float | None:
    """Seconds for which a host wants to be left alone, as it states them in one of two headers."""
    stated = retry_after(said.headers.get("Retry-After"), now)
    reset = said.headers.get(_RESET, "").strip()
    if stated is not None or not (reset.isascii() and reset.isdigit()):
        return stated
    seconds = float(reset[:12])
    return seconds if seconds < _LONG_AGO else max(0.0, seconds - now.replace(tzinfo=UTC).timestamp())


def retry_after(stated: str | None, now: datetime) -> float | None:
    """Seconds to wait, as Retry-After states them or a date; None where it states neither."""
    if not stated:
        return None
    stated = stated.strip()
    if stated.isascii() and stated.isdigit():
        return float(stated[:9])
    try:
        moment = parsedate_to_datetime(stated)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now.replace(tzinfo=UTC)).total_seconds())
