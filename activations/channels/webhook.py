"""Webhooks: signed POSTs to an endpoint that the step names, one an action or, where it takes them, one a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

import orjson

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Receivers
from activations.channels.unasked import UnaskedChannel
from activations.channels.webhook_batch import ANSWERS_BYTES, answers_of_each, batched
from activations.delivery.outbox import Action, sent_at
from activations.keys.signing import signed_headers, signing_key
from activations.settings.endpoints import Endpoint, read_endpoints
from activations.settings.profile import Profile
from activations.templating.field_files import WEBHOOK
from activations.transport.http import HttpPool

# all that the client would otherwise look for and add to each call
_HEADERS = {
    "content-type": "application/json",
    "user-agent": "Hourbell",
    "accept": "*/*",
    "accept-encoding": "identity",
}


def open_channel(setting: Setting) -> "WebhookChannel":
    """The channel to the endpoints of webhooks.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    endpoints = read_endpoints(setting.templates)
    profile.needs_http_sandbox()
    keys = {name: signing_key(profile.webhook_secret(name)) for name in endpoints}
    channel = WebhookChannel(setting, endpoints, keys, HttpPool(profile), rate=profile.webhook_rate)
    if all(endpoint.batch == 1 for endpoint in endpoints.values()):
        return channel
    return in_batches(channel)


def in_batches(channel: "WebhookChannel") -> "WebhookChannel":
    """The channel with several full calls under way at once, whose answers are recorded together."""
    return replace(channel, batch_size=4_000, push_size=2_000)


@dataclass(frozen=True)
class WebhookChannel(UnaskedChannel):
    """Keyed: a receiver takes the same `webhook-id` once, as the scheme asks of it."""

    setting: Setting
    endpoints: Mapping[str, Endpoint]
    keys: Mapping[str, bytes]
    pool: HttpPool
    name: str = "webhook"
    kinds: frozenset[str] = frozenset({"send", "call_webhook"})
    idempotency: Idempotency = "keyed"
    batch_size: int = 1_000
    push_size: int = 500
    window: timedelta | None = timedelta(hours=24)
    rate: float | None = None

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(self.pool, self.setting.now, "mend webhooks.yml or the secret")

    @cached_property
    def _written(self) -> frozenset[str]:
        """The endpoints whose webhooks have a template."""
        return frozenset(name for name in self.endpoints if (self.setting.templates / name / WEBHOOK).exists())

    @cached_property
    def _content(self) -> Callable[[Action], str]:
        """What a template says of an action."""
        # few webhooks have one, and what renders it takes as long to import as all else that they need
        from activations.templating.rendering import Templates
        from activations.templating.webhook_content import webhook_content

        templates = Templates(self.setting.templates)
        return lambda action: webhook_content(templates, action, self._profile.link_key)

    @property
    def _profile(self) -> Profile:
        return self.setting.profile

    @property
    def provider(self) -> str:
        return "webhook" if self._profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; where a webhook goes is said by its template."""
        return address or ""

    def render(self, action: Action, message_id: str) -> Message:
        if action.template is None or action.template not in self.endpoints:
            raise UnsendableError(f"webhooks.yml names no endpoint {action.template!r}")
        beginning, middle = _shared(action.workflow, action.step, action.topic, action.variant, sent_at(action))
        # of several in a call each needs its own key; one that is alone has it in the header
        own_key = f'"id":"{message_id}",' if self.endpoints[action.template].batch > 1 else ""
        contact_id = "null" if action.contact_id is None else f'"{action.contact_id}"'
        payload = f"{{{own_key}{beginning}{action.action_id}{middle}{contact_id},{self._said(action)}}}}}"
        return Message(action.action_id, message_id, action.template, payload.encode())

    def _said(self, action: Action) -> str:
        """What its template says, or else all that is known."""
        if action.template in self._written:
            return f'"content":{self._content(action)}'
        contact = _object("profile", action.profile, locale=action.locale, timezone=action.timezone)
        return f'"contact":{contact},"context":{_object("context", action.context)}'

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(self._calls(batch), self._answers)

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
        name = messages[0].address
        if rested := self._receivers.rested(name, messages):
            return rested
        if self.endpoints[name].batch == 1:
            return [await self._post(messages[0], str(messages[0].action_id))]
        together = batched(messages)
        answer = await self._post(together, together.message_id, read=ANSWERS_BYTES)
        if answer.status == "rejected" and len(messages) > 1:
            # nothing of it was taken: what is wrong with one is not to be the end of the others
            middle = len(messages) // 2
            return [*await self._answers(messages[:middle]), *await self._answers(messages[middle:])]
        return answers_of_each(messages, answer)

    async def _post(self, call: Message, key: str, read: int = 0) -> Answer:
        timestamp = int(self.setting.now().replace(tzinfo=UTC).timestamp())
        headers = {
            **_HEADERS,
            "idempotency-key": key,
            **signed_headers(self.keys[call.address], call.message_id, timestamp, call.content),
        }
        [answer] = await self._receivers.post(
            call.address, self._url(call.address), headers, call.content, [call], read=read
        )
        return answer

    def _url(self, endpoint: str) -> str:
        return self.endpoints[endpoint].url if self._profile.is_live else f"{self._profile.http_sandbox}/{endpoint}"


@lru_cache(maxsize=1_000)
def _shared(workflow: str, step: str, topic: str | None, variant: str | None, moment: datetime) -> tuple[str, str]:
    """What a step's webhooks have in common: what stands before the action's id, and between that and the contact's."""
    before = {"type": f"{workflow}.{step}", "timestamp": f"{moment.isoformat()}Z"}
    between = {"workflow": workflow, "step": step, "topic": topic, "variant": variant}
    return f'{_inside(before)},"data":{{"action_id":"', f'",{_inside(between)},"contact_id":'


def _object(column: str, text: str | None, **others: str | None) -> str:
    """A column that holds a JSON object, as it was written, so that no digit is lost; null is an empty one.

    Of `others` those are put before it that it does not name itself. Raises UnsendableError.
    """
    written = (text or "{}").strip()
    try:
        value = orjson.loads(written)
    except ValueError as error:
        raise UnsendableError(f"the column {column} holds no JSON") from error
    if not isinstance(value, dict):
        raise UnsendableError(f"the column {column} holds no JSON object")
    if not value.keys().isdisjoint(others):
        others = {name: other for name, other in others.items() if name not in value}
    if not others:
        return written
    beginning = _beginning(*others.items())
    return f"{beginning},{written[1:]}" if value else f"{beginning}}}"


@lru_cache(maxsize=1_000)
def _beginning(*fields: tuple[str, str | None]) -> str:
    """Fields as an object has them that goes on; kept, because many contacts have the same."""
    return f"{{{_inside(dict(fields))}"


def _inside(fields: Mapping[str, str | None]) -> str:
    """Fields as JSON has them, without the braces."""
    return orjson.dumps(fields)[1:-1].decode()
