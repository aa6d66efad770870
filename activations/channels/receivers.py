"""Hosts that take posts: what their answers mean, and who is left alone for a while."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from activations.channels.face import Answer, Message
from activations.errors import HourbellError
from activations.transport.http import AnswerLostError, HttpAnswer, HttpPool

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


@dataclass
class _Rest:
    """How long a receiver is left alone: until a moment of the monotonic clock, or for the rest of this delivery."""

    until: float
    answer: Answer


class Receivers:
    """The receivers of a channel, by name. `mend` is what to do where one refuses us altogether.

    With `in_batches` several messages share a post; one that was done in part counts as rejected, so that it can be
    taken apart. `refuses_us` tells, where the status does not, that an answer is about us and not about the message;
    `known_as` the provider's own id of what it took; `means` what else is meant than the status says. With
    `answers_each` an answer that takes a post may still refuse every message in it: then `heed` hears of them.
    """

    def __init__(
        self,
        pool: HttpPool,
        now: Callable[[], datetime],
        mend: str,
        *,
        in_batches: bool = False,
        refuses_us: Callable[[HttpAnswer], bool] = lambda said: False,
        known_as: Callable[[HttpAnswer], str | None] = lambda said: None,
        means: Callable[[HttpAnswer], Answer | None] = lambda said: None,
        answers_each: bool = False,
    ) -> None:
        self._pool = pool
        self._now = now
        self._mend = mend
        self._in_batches = in_batches
        self._refuses_us = refuses_us
        self._known_as = known_as
        self._means = means
        self._answers_each = answers_each
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
        self, name: str, url: str, headers: Mapping[str, str], body: bytes, messages: Sequence[Message], read: int = 0
    ) -> list[Answer]:
        """Post one body, and give each of its messages the answer, with so many bytes of what it says as its reason."""
        answer = await self._post(name, url, headers, body, read)
        if answer.status == "accepted":
            return [
                answer._replace(
                    action_id=message.action_id, provider_message_id=answer.provider_message_id or message.message_id
                )
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

    async def _post(self, name: str, url: str, headers: Mapping[str, str], body: bytes, read: int) -> Answer:
        try:
            said = await self._pool.post(url, headers, body, read)
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
        # an answer to many quotes their numbers, which nothing else would take out
        text = _NUMBER.sub("…", said.text) if self._in_batches else said.text
        reason = " ".join(f"{said.status} {said.reason} {text}".split())[:REASON_LENGTH]
        status = said.status
        if meant := self._means(said):
            return meant._replace(reason=reason)
        if 200 <= status < 300 and not (self._in_batches and status == _PARTLY):
            return Answer(0, "accepted", said.text or None, self._known_as(said))
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
