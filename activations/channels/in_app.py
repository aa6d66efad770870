"""Messages in an app: rows of an inbox that the app asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import orjson
import sqlalchemy as sa

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError
from activations.channels.unasked import UnaskedChannel
from activations.delivery.outbox import Action, sent_at
from activations.errors import HourbellError
from activations.surfaces.inbox import KEPT_FOR, put
from activations.surfaces.place import open_surfaces
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
from activations.templating.field_files import IN_APP
from activations.templating.rendering import Templates

_FIELDS = frozenset({"title", "body", "link", SHOWN_FOR})
_LONGEST = {"title": 200, "body": 4_000}
_TIMES = ("sent_at", "expires_at", "removed_after")


def open_channel(setting: Setting) -> "InAppChannel":
    """The channel to the inbox; raises HourbellError where the templates cannot be used."""
    return InAppChannel(setting, Templates(setting.templates))


@dataclass(frozen=True)
class InAppChannel(UnaskedChannel):
    """Keyed: an action is in the inbox once, for as long as it may be delivered."""

    setting: Setting
    templates: Templates
    name: str = "in_app"
    provider: str = "hourbell"
    kinds: frozenset[str] = frozenset({"send"})
    idempotency: Idempotency = "keyed"
    batch_size: int = 1_000
    push_size: int = 1_000
    window: timedelta | None = None
    rate: float | None = None

    @cached_property
    def _inbox(self) -> sa.Engine:
        """Opened by the first push: who only renders makes no file."""
        return open_surfaces(self.setting.profile, self.setting.spool.parent)

    def validate(self, address: str | None) -> str:
        """The contact's own id: everybody has an inbox."""
        return contact_address(address)

    def render(self, action: Action, message_id: str) -> Message:
        address = self.validate(action.address)
        fields = rendered_fields(self.templates, action, IN_APP, self.setting.profile.link_key)
        if unknown := fields.keys() - _FIELDS:
            raise UnsendableError(f"template {action.template}: {IN_APP} has no {', '.join(sorted(unknown))}")
        for name, longest in _LONGEST.items():
            if name not in fields:
                raise UnsendableError(f"template {action.template}: {IN_APP} has an empty {name}")
            if len(fields[name]) > longest:
                raise UnsendableError(f"template {action.template}: the {name} has more than {longest:,} characters")
        until = shown_until(action, fields)
        row = {
            "action_id": action.action_id,
            "contact_id": int(address),
            "user_id": user_id(action),
            "title": fields["title"],
            "body": fields["body"],
            "link": checked_link(fields["link"]) if "link" in fields else None,
            "identifier": identifier(action),
            "about": orjson.dumps(about(action)).decode(),
            "sent_at": sent_at(action),
            "expires_at": until,
            "removed_after": max(until, action.expires_at or until) + KEPT_FOR,
        }
        return Message(action.action_id, message_id, address, orjson.dumps(row))

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        rows = [orjson.loads(message.content) for message in batch]
        for row in rows:
            row |= {name: datetime.fromisoformat(row[name]) for name in _TIMES}
        try:
            put(self._inbox, rows, self.setting.now())
        except sa.exc.SQLAlchemyError as error:
            raise HourbellError(
                f"The inbox of the app cannot be written ({type(error).__name__}). Make room or look after its "
                "database, and deliver again; nothing comes twice."
            ) from error
        return [Answer(message.action_id, "accepted", provider_message_id=message.message_id) for message in batch]

    async def close(self) -> None:
        # cached_property keeps what was opened among the attributes
        if "_inbox" in self.__dict__:
            self._inbox.dispose()


def read_as(content: bytes) -> tuple[str, str]:
    """What its reader sees: title, and body with the link."""
    row = orjson.loads(content)
    return row["title"], "\n".join(part for part in (row["body"], row["link"]) if part)
