"""Webhooks: signed POSTs to an endpoint that the step names, one an action or, where it takes them, one a batch."""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.webhook_batch import ANSWERS_BYTES, LATER, answers_of_each, batched
from activations.endpoints import Endpoint, read_endpoints
from activations.errors import HourbellError
from activations.outbox import Action
from activations.profile import Profile
from activations.signing import signed_headers, signing_key
from activations.transport.http import CONNECTIONS, AnswerLostError, HttpAnswer, HttpPool

_OF_THE_ENDPOINT = frozenset({401, 403, 404, 405, 407, 410})
"""What says something of the endpoint or the secret, not of the one message."""
_REASON_LENGTH = 200
_RESTS = 10
"""How often in a row an endpoint may ask to be left alone before it is left to the next delivery."""

# all that the client would otherwise look for and add to each call
_HEADERS = {
    "content-type": "application/json",
    "user-agent": "Hourbell",
    "accept": "*/*",
    "accept-encoding": "identity",
}
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def open_channel(setting: Setting) -> "WebhookChannel":
    """The channel to the endpoints of webhooks.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    endpoints = read_endpoints(setting.templates)
    if not profile.is_live and profile.http_sandbox is None:
        raise HourbellError(
            f"The profile {profile.name!r} stays on this machine, and no sandbox for webhooks runs. Unset "
            "HOURBELL_PROFILE to use it, or set it to live to send for good."
        )
    keys = {name: signing_key(profile.webhook_secret(name)) for name in endpoints}
    return WebhookChannel(setting, endpoints, keys, HttpPool(profile), rate=profile.webhook_rate)


@dataclass
class _Rest:
    """How long an endpoint is left alone: until a moment of the monotonic clock, or for the rest of this delivery."""

    until: float
    answer: Answer


@dataclass(frozen=True)
class WebhookChannel:
    """Keyed: a receiver takes the same `webhook-id` once, as the scheme asks of it."""

    setting: Setting
    endpoints: Mapping[str, Endpoint]
    keys: Mapping[str, bytes]
    pool: HttpPool
    name: str = "webhook"
    kinds: frozenset[str] = frozenset({"send"})
    idempotency: Idempotency = "keyed"
    batch_size: int = 1_000
    push_size: int = 250
    window: timedelta | None = timedelta(hours=24)
    rate: float | None = None
    ask_after: float = 0.0
    _resting: dict[str, _Rest] = field(default_factory=dict)
    _rests: Counter[str] = field(default_factory=Counter)

    @property
    def _profile(self) -> Profile:
        return self.setting.profile

    @property
    def provider(self) -> str:
        return "webhook" if self._profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; where a webhook goes is said by its template."""
        return address or ""

    def message_id(self, action_id: int) -> str:
        return f"hourbell-{action_id}"

    def render(self, action: Action, message_id: str) -> Message:
        if action.template is None or action.template not in self.endpoints:
            raise UnsendableError(f"webhooks.yml names no endpoint {action.template!r}")
        # not the clock, so that what is sent anew after a crash is the same
        moment = max(action.tick_end, action.send_after or action.tick_end)
        payload = {
            # of several in a call each needs its own key; one that is alone has it in the header
            **({"id": message_id} if self.endpoints[action.template].batch > 1 else {}),
            "type": f"{action.workflow}.{action.step}",
            "timestamp": f"{moment.isoformat()}Z",
            "data": {
                "action_id": str(action.action_id),
                "workflow": action.workflow,
                "step": action.step,
                "topic": action.topic,
                "variant": action.variant,
                "contact_id": None if action.contact_id is None else str(action.contact_id),
                "contact": {
                    "locale": action.locale,
                    "timezone": action.timezone,
                    **json_object("profile", action.profile),
                },
                "context": json_object("context", action.context),
            },
        }
        body = _JSON.encode(payload).encode()
        return Message(action.action_id, message_id, action.template, body)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        waiting = deque(self._calls(batch))
        answers: list[Answer] = []

        async def work() -> None:
            while waiting:
                answers.extend(await self._answers(waiting.popleft()))

        await asyncio.gather(*(work() for _ in range(min(CONNECTIONS, len(waiting)))))
        return answers

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        await self.pool.close()

    def _calls(self, batch: Sequence[Message]) -> list[Sequence[Message]]:
        """The messages of each call, as many as its endpoint takes."""
        by_endpoint: dict[str, list[Message]] = {}
        for message in batch:
            by_endpoint.setdefault(message.address, []).append(message)
        return [
            messages[start : start + size]
            for name, messages in by_endpoint.items()
            for size in (self.endpoints[name].batch,)
            for start in range(0, len(messages), size)
        ]

    async def _answers(self, messages: Sequence[Message]) -> list[Answer]:
        """Call for messages of one endpoint, and say what became of each."""
        first = messages[0]
        if self.endpoints[first.address].batch == 1:
            return [self._rested(first) or await self._call(first)]
        together = batched(messages)
        answer = self._rested(together) or await self._call(together, read=ANSWERS_BYTES)
        if answer.status == "rejected" and len(messages) > 1:
            # nothing of it was taken: what is wrong with one is not to be the end of the others
            middle = len(messages) // 2
            return [*await self._answers(messages[:middle]), *await self._answers(messages[middle:])]
        return answers_of_each(messages, answer)

    def _rested(self, message: Message) -> Answer | None:
        """The answer to a message whose endpoint is to be left alone."""
        rest = self._resting.get(message.address)
        if rest is None:
            return None
        left = rest.until - time.monotonic()
        if left <= 0:
            del self._resting[message.address]
            return None
        again = replace(rest.answer, action_id=message.action_id, is_called=False)
        return replace(again, retry_after=left) if again.status == "retry" else again

    async def _call(self, message: Message, read: int = 0) -> Answer:
        timestamp = int(self.setting.now().replace(tzinfo=UTC).timestamp())
        headers = {
            **_HEADERS,
            "idempotency-key": message.message_id if read else str(message.action_id),
            **signed_headers(self.keys[message.address], message.message_id, timestamp, message.content),
        }
        try:
            said = await self.pool.post(self._url(message.address), headers, message.content, read)
        except AnswerLostError as error:
            return Answer(message.action_id, "in doubt", str(error))
        except HourbellError as error:
            return self._leave_alone(
                message, Answer(message.action_id, "postponed", f"{message.address}: {error}"), float("inf")
            )
        answer = _answer(message, said, self.setting.now())
        if answer.status == "postponed":
            return self._leave_alone(message, answer, float("inf"))
        if answer.status == "retry" and answer.retry_after is not None:
            return self._leave_alone(message, answer, answer.retry_after)
        if answer.status == "accepted":
            self._rests[message.address] = 0
        return answer

    def _leave_alone(self, message: Message, answer: Answer, seconds: float) -> Answer:
        """Note it, once for all whose calls were under way at the same time."""
        if message.address not in self._resting:
            self._rests[message.address] += 1
        if self._rests[message.address] > _RESTS:
            seconds, answer = float("inf"), replace(answer, status="postponed")
        self._resting[message.address] = _Rest(time.monotonic() + seconds, answer)
        return answer

    def _url(self, endpoint: str) -> str:
        return self.endpoints[endpoint].url if self._profile.is_live else f"{self._profile.http_sandbox}/{endpoint}"


def _answer(message: Message, said: HttpAnswer, now: datetime) -> Answer:
    reason = " ".join(f"{said.status} {said.reason} {said.text}".split())[:_REASON_LENGTH]
    number, status = message.action_id, said.status
    if 200 <= status < 300:
        return Answer(number, "accepted", said.text or None, provider_message_id=message.message_id)
    if status in LATER:
        return Answer(number, "retry", reason, retry_after=retry_after(said.headers.get("Retry-After"), now))
    if 300 <= status < 400:
        return Answer(number, "postponed", f"{message.address}: {reason}: redirects are not followed")
    if status in _OF_THE_ENDPOINT:
        return Answer(number, "postponed", f"{message.address}: {reason}: mend webhooks.yml or the secret")
    if 400 <= status < 500:
        return Answer(number, "rejected", reason)
    # it broke while it was at it, or something between us did
    return Answer(number, "in doubt", reason)


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
