"""Audiences of ad platforms over HTTP: who joins and who leaves, as hashes, in batches."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby

from activations.channels.batches import Batches, Entry, open_batches
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.hashing import PLATFORMS, hashed_email, hashed_phone
from activations.outbox import Action

FILE = "audiences.yml"
SETTINGS = {"platform": PLATFORMS}
"""Whose way of hashing it is."""
_OPERATIONS = {"join_audience": "add", "leave_audience": "remove"}
_SCHEMA = ("EMAIL_SHA256", "PHONE_SHA256")


def open_channel(setting: Setting) -> "AudienceChannel":
    """The channel to the audiences of audiences.yml; raises HourbellError where that cannot be used."""
    return AudienceChannel(setting, open_batches(setting, FILE, "audience", SETTINGS))


@dataclass(frozen=True)
class AudienceChannel:
    """Keyed: an audience holds everybody once. What leaves is no address, only hashes."""

    setting: Setting
    batches: Batches
    name: str = "audience"
    kinds: frozenset[str] = frozenset(_OPERATIONS)
    idempotency: Idempotency = "keyed"
    batch_size: int = 5_000
    push_size: int = 1_000
    window: timedelta | None = timedelta(hours=24)
    rate: float | None = None
    ask_after: float = 0.0

    @property
    def provider(self) -> str:
        return "audience" if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; by which address a platform knows it is said by the profile."""
        return address or ""

    def message_id(self, action_id: int) -> str:
        return f"hourbell-{action_id}"

    def render(self, action: Action, message_id: str) -> Message:
        context, profile = json_object("context", action.context), json_object("profile", action.profile)
        name = context.get("audience")
        if not isinstance(name, str) or name not in self.batches.endpoints:
            raise UnsendableError(f"{FILE} names no audience {name!r}")
        platform = self.batches.endpoints[name].settings["platform"]
        hashes = (hashed_email(profile.get("email"), platform), hashed_phone(profile.get("phone"), platform))
        if not any(hashes):
            raise UnsendableError("the contact has no e-mail address or telephone number to be known by")
        content = {"operation": _OPERATIONS[action.kind], "hashes": [known or "" for known in hashes]}
        return Message(action.action_id, message_id, name, json.dumps(content).encode())

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        answers = []
        # in the order in which they came: somebody may join and leave in one batch
        for (name, operation), messages in groupby(batch, key=_target):
            answers += await self.batches.post(
                name,
                [Entry(json.loads(message.content)["hashes"], [message]) for message in messages],
                partial(_body, operation),
            )
        return answers

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        await self.batches.close()


def _body(operation: str, entries: Sequence[Entry]) -> dict[str, object]:
    return {"operation": operation, "schema": _SCHEMA, "data": [entry.content for entry in entries]}


def _target(message: Message) -> tuple[str, str]:
    return message.address, json.loads(message.content)["operation"]
