"""Audiences of ad platforms: who joins and who leaves, as hashes, in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

import orjson

from activations.ad_platforms.face import AdPlatform, Hashes
from activations.ad_platforms.registry import PLATFORMS
from activations.ad_platforms.settings import FILE, AudienceSetting, read_audiences
from activations.addresses.hashing import hashed_email, hashed_phone
from activations.channels.batches import Entry
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.targets import target_of
from activations.channels.unasked import UnaskedChannel
from activations.delivery.outbox import Action

_OPERATIONS = {"join_audience": "add", "leave_audience": "remove"}
_BETWEEN = "."
"""Between the hashes, where they stand for a membership."""


def open_channel(setting: Setting) -> "AudienceChannel":
    """The channel to the audiences of audiences.yml; raises HourbellError where that cannot be used."""
    setting.profile.needs_http_sandbox()
    audiences = read_audiences(setting.templates)
    opened = {name: PLATFORMS[audience.platform](setting, audience) for name, audience in audiences.items()}
    return AudienceChannel(setting, audiences, opened)


@dataclass(frozen=True)
class AudienceChannel(UnaskedChannel):
    """Keyed: an audience holds everybody once. What leaves is no address, only hashes.

    By the hashes under which somebody has joined they leave, whatever has become of their address: they are the
    provider's id of the membership.
    """

    setting: Setting
    audiences: Mapping[str, AudienceSetting]
    opened: Mapping[str, AdPlatform] = field(repr=False)
    name: str = "audience"
    kinds: frozenset[str] = frozenset(_OPERATIONS)
    idempotency: Idempotency = "keyed"
    batch_size: int = 10_000
    push_size: int = 10_000
    window: timedelta | None = timedelta(hours=24)
    rate: float | None = None

    @property
    def provider(self) -> str:
        return "audience" if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The contact's own id; by which address a platform knows it is said by the profile."""
        return address or ""

    def target(self, action: Action) -> str | None:
        """A membership: an audience, and the hashes by which it knows somebody."""
        try:
            return target_of(self.setting.profile.link_key, self.name, *self._membership(action))
        except UnsendableError:
            return None

    def render(self, action: Action, message_id: str) -> Message:
        name, *hashes = self._membership(action)
        content = {"operation": _OPERATIONS[action.kind], "hashes": hashes}
        return Message(action.action_id, message_id, name, orjson.dumps(content))

    def _membership(self, action: Action) -> tuple[str, str, str]:
        """The audience, and the hashes; raises UnsendableError."""
        context, profile = json_object("context", action.context), json_object("profile", action.profile)
        name = context.get("audience")
        if not isinstance(name, str) or name not in self.audiences:
            raise UnsendableError(f"{FILE} names no audience {name!r}")
        hashes = _hashes(context, profile, self.audiences[name].platform)
        if not any(hashes):
            raise UnsendableError("the contact has no e-mail address or telephone number to be known by")
        return name, *hashes

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        answers = []
        # in the order in which they came: somebody may join and leave in one batch
        for (name, operation), messages in groupby(batch, key=_target):
            known = [(Hashes(*orjson.loads(message.content)["hashes"]), message) for message in messages]
            entries = [Entry(hashes, [message]) for hashes, message in known]
            said = await self.opened[name].change(entries, member=operation == "add")
            by_action = {message.action_id: _BETWEEN.join(hashes) for hashes, message in known}
            answers += [
                each._replace(provider_message_id=by_action[each.action_id]) if each.status == "accepted" else each
                for each in said
            ]
        return answers

    async def close(self) -> None:
        for platform in self.opened.values():
            await platform.close()


def _hashes(context: Mapping[str, Any], profile: Mapping[str, Any], platform: str) -> Hashes:
    """Those of a membership that there is, else of the addresses as they are."""
    email, between, phone = str(context.get("known_as") or "").partition(_BETWEEN)
    if between:
        return Hashes(email, phone)
    known = (hashed_email(profile.get("email"), platform), hashed_phone(profile.get("phone"), platform))
    return Hashes(*(each or "" for each in known))


def _target(message: Message) -> tuple[str, str]:
    return message.address, orjson.loads(message.content)["operation"]
