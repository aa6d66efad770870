"""Webhooks: signed POSTs to an endpoint that the step names, one an action or, where it takes them, one a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import cached_property

import orjson

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_text
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Receivers
from activations.channels.unasked import UnaskedChannel
from activations.channels.webhook_batch import ANSWERS_BYTES, answers_of_each, batched
from activations.delivery.outbox import Action, sent_at
from activations.keys.signing import signed_headers, signing_key
from activations.settings.endpoints import Endpoint, read_endpoints
from activations.settings.profile import Profile
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
    return replace(channel, batch_size=2_000, push_size=1_000)


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
        payload: dict[str, object] = {
            "type": f"{action.workflow}.{action.step}",
            "timestamp": f"{sent_at(action).isoformat()}Z",
            "data": {
                "action_id": str(action.action_id),
                "workflow": action.workflow,
                "step": action.step,
                "topic": action.topic,
                "variant": action.variant,
                "contact_id": None if action.contact_id is None else str(action.contact_id),
                "contact": json_text("profile", action.profile, locale=action.locale, timezone=action.timezone),
                "context": json_text("context", action.context),
            },
        }
        if self.endpoints[action.template].batch > 1:
            # of several in a call each needs its own key; one that is alone has it in the header
            payload = {"id": message_id, **payload}
        return Message(action.action_id, message_id, action.template, orjson.dumps(payload))

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
            return await self._post(messages[0], str(messages[0].action_id), messages)
        together = batched(messages)
        answers = await self._post(together, together.message_id, messages, read=ANSWERS_BYTES)
        if answers[0].status == "rejected" and len(messages) > 1:
            # nothing of it was taken: what is wrong with one is not to be the end of the others
            middle = len(messages) // 2
            return [*await self._answers(messages[:middle]), *await self._answers(messages[middle:])]
        return answers_of_each(messages, answers[0])

    async def _post(self, call: Message, key: str, messages: Sequence[Message], read: int = 0) -> list[Answer]:
        timestamp = int(self.setting.now().replace(tzinfo=UTC).timestamp())
        headers = {
            **_HEADERS,
            "idempotency-key": key,
            **signed_headers(self.keys[call.address], call.message_id, timestamp, call.content),
        }
        return await self._receivers.post(
            call.address, self._url(call.address), headers, call.content, messages, read=read
        )

    def _url(self, endpoint: str) -> str:
        return self.endpoints[endpoint].url if self._profile.is_live else f"{self._profile.http_sandbox}/{endpoint}"
