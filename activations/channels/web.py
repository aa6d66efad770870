"""The website's slots: what each shows a contact, as a file that the site asks for."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.unasked import UnaskedChannel
from activations.delivery.outbox import Action, sent_at
from activations.errors import HourbellError
from activations.surfaces.decisions import Decision, decide, names_of, sweep
from activations.surfaces.place import surfaces_folder
from activations.surfaces.showing import (
    SHOWN_FOR,
    about,
    checked_link,
    contact_address,
    identifier,
    rendered_fields,
    shown_until,
    user_id,
)
from activations.surfaces.website import FILE, Website, read_website
from activations.templating.field_files import WEB
from activations.templating.rendering import Templates

_SLOT = "slot"
_GROUP = "content."
_LONGEST = 2_000
_FEWEST_LETTERS = 16


def open_channel(setting: Setting) -> "WebChannel":
    """The channel to the slots of website.yml; raises HourbellError where that or the templates cannot be used."""
    return WebChannel(setting, Templates(setting.templates), read_website(setting.templates))


@dataclass(frozen=True)
class WebChannel(UnaskedChannel):
    """Keyed: a slot shows one decision, and the same again is the same."""

    setting: Setting
    templates: Templates
    website: Website
    name: str = "web"
    provider: str = "hourbell"
    kinds: frozenset[str] = frozenset({"send"})
    idempotency: Idempotency = "keyed"
    batch_size: int = 500
    push_size: int = 500
    window: timedelta | None = None
    rate: float | None = None

    @property
    def _folder(self) -> Path:
        return surfaces_folder(self.setting.profile, self.setting.spool.parent)

    def validate(self, address: str | None) -> str:
        """The contact's own id: anybody may come by."""
        return contact_address(address)

    def render(self, action: Action, message_id: str) -> Message:
        address = self.validate(action.address)
        fields = rendered_fields(self.templates, action, WEB, self.setting.profile.link_key)
        slot = fields.get(_SLOT, "")
        if slot not in self.website.slots:
            raise UnsendableError(f"{FILE} names no slot {slot!r}")
        content = {name.removeprefix(_GROUP): text for name, text in fields.items() if name.startswith(_GROUP)}
        unknown = sorted(content.keys() - self.website.slots[slot].keys())
        if not content or unknown or fields.keys() - {_SLOT, SHOWN_FOR} != {f"{_GROUP}{name}" for name in content}:
            allowed = ", ".join(self.website.slots[slot])
            raise UnsendableError(f"template {action.template}: {WEB} must have slot, and content of {allowed}")
        for name, text in content.items():
            if len(text) > _LONGEST:
                raise UnsendableError(f"template {action.template}: {name} has more than {_LONGEST:,} characters")
            if name == "link" or name.endswith("_link"):
                checked_link(text)
        anonymous = json_object("profile", action.profile).get("anonymous_ids")
        message = {
            "names": names_of(int(address), user_id(action), _guessed_by_nobody(anonymous)),
            "decision": Decision(
                action.action_id,
                slot,
                action.variant,
                content,
                self._is_personal(action.template or ""),
                sent_at(action),
                shown_until(action, fields),
                identifier(action),
                orjson.dumps(about(action)).decode(),
            )._asdict(),
        }
        return Message(action.action_id, message_id, address, orjson.dumps(message))

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        await asyncio.to_thread(self._write, [orjson.loads(message.content) for message in batch])
        return [Answer(message.action_id, "accepted", provider_message_id=message.message_id) for message in batch]

    async def close(self) -> None:
        await asyncio.to_thread(sweep, self._folder, self.setting.now())

    def _write(self, messages: Sequence[Mapping[str, Any]]) -> None:
        by_name: dict[str, list[Decision]] = defaultdict(list)
        for message in messages:
            stated = message["decision"]
            times = {name: datetime.fromisoformat(stated[name]) for name in ("decided_at", "expires_at")}
            decision = Decision(**{**stated, **times})
            for name, may_be_personal in message["names"]:
                if may_be_personal or not decision.is_personal:
                    by_name[name].append(decision)
        try:
            for name, decisions in by_name.items():
                decide(self._folder, name, decisions)
        except OSError as error:
            raise HourbellError(
                f"Cannot write to {self._folder}: {error.strerror}. Make room or give rights, and deliver again; "
                "nothing is lost."
            ) from error

    @cached_property
    def _personal(self) -> dict[str, bool]:
        return {}

    def _is_personal(self, template: str) -> bool:
        """Whether what is shown has anything of the contact in it, so that it needs more than the id of a browser."""
        if template not in self._personal:
            used = [part.analyze().globals for part in self.templates.surface_fields(template, WEB).values()]
            # its links say who follows them
            links = [str(each) for roots in used for each in roots.get("message", ()) if "url" in str(each)]
            self._personal[template] = bool(links) or any("contact" in roots for roots in used)
        return self._personal[template]


def _guessed_by_nobody(anonymous_ids: object) -> list[str]:
    """Only ids of browsers that are long enough not to be hit upon."""
    if not isinstance(anonymous_ids, list):
        return []
    return [each for each in anonymous_ids if isinstance(each, str) and len(each) >= _FEWEST_LETTERS]


def read_as(content: bytes) -> tuple[str, str]:
    """What a visitor sees: the slot, and what is in it."""
    decision = orjson.loads(content)["decision"]
    return decision["slot"], "\n".join(f"{name}: {text}" for name, text in decision["content"].items())
