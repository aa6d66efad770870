"""Files of rows for a partner: letters to print and send, or whatever else is done from a list.

One file a batch and drop, signed, in a folder or a bucket.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import orjson
import sqlalchemy as sa

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.delivery.outbox import Action, sent_at
from activations.errors import HourbellError
from activations.surfaces.drop_files import drop_file
from activations.surfaces.drop_ledger import KEPT_FOR, DropLedger, begun_files
from activations.surfaces.drop_places import NotDroppedError, UnclearDropError, open_place
from activations.surfaces.drop_settings import ACTION_ID, ADDRESS, FILE, Drop, read_drops
from activations.surfaces.place import existing_surfaces, open_surfaces, surfaces_folder
from activations.surfaces.postal import needs_postal_rules, postal_address
from activations.surfaces.showing import rendered_fields
from activations.templating.field_files import ROW
from activations.templating.rendering import Templates

LETTERS, ROWS = "direct_mail", "file_drop"
_DROP = "drop"
_GROUP = "columns."
_ID = "hourbell-"


def open_letters(setting: Setting) -> "FileDropChannel":
    """The channel for letters to contacts; raises HourbellError where drops.yml or the key cannot be used."""
    needs_postal_rules()
    return _opened(setting, LETTERS, "send")


def open_rows(setting: Setting) -> "FileDropChannel":
    """The channel for rows that are no message; raises HourbellError where drops.yml or the key cannot be used."""
    return _opened(setting, ROWS, "drop_row")


def _opened(setting: Setting, name: str, kind: str) -> "FileDropChannel":
    if setting.profile.drop_key is None:
        raise HourbellError(
            "Files for partners are signed, and there is no key. Make one (openssl genpkey -algorithm ed25519), and "
            "set HOURBELL_DROP_KEY_FILE to it."
        )
    return FileDropChannel(
        name, setting, Templates(setting.templates), read_drops(setting.templates), frozenset({kind})
    )


@dataclass(frozen=True)
class FileDropChannel:
    """Askable: a ledger knows the one file in which an action is; whoever takes files takes each name once."""

    name: str
    setting: Setting
    templates: Templates
    drops: Mapping[str, Drop]
    kinds: frozenset[str]
    idempotency: Idempotency = "askable"
    batch_size: int = 5_000
    push_size: int = 5_000
    window: timedelta | None = KEPT_FOR
    rate: float | None = None
    ask_after: float = 0.0

    @property
    def provider(self) -> str:
        return self.name if self.setting.profile.is_live else "sandbox"

    @cached_property
    def _ledger(self) -> DropLedger:
        """Opened when first needed: who only renders makes no file."""
        profile, data = self.setting.profile, self.setting.spool.parent
        rehearsals = surfaces_folder(profile, data) / "drops"
        places = {name: open_place(drop, profile, rehearsals, self.setting.now) for name, drop in self.drops.items()}
        return DropLedger(open_surfaces(profile, data), places, self.setting.now)

    def validate(self, address: str | None) -> str:
        """A postal address as JSON, or the contact's own id."""
        return address or ""

    def message_id(self, action_id: int) -> str:
        return f"{_ID}{action_id}"

    def render(self, action: Action, message_id: str) -> Message:
        fields = rendered_fields(self.templates, action, ROW, self.setting.profile.link_key)
        drop = self.drops.get(fields.get(_DROP, ""))
        if drop is None:
            raise UnsendableError(f"{FILE} names no drop {fields.get(_DROP)!r}")
        row = {name.removeprefix(_GROUP): text for name, text in fields.items() if name.startswith(_GROUP)}
        unknown = fields.keys() - {_DROP, *(f"{_GROUP}{name}" for name in drop.columns)}
        if unknown:
            raise UnsendableError(f"{FILE}: {drop.name} has no {', '.join(sorted(unknown))}")
        if self.name == LETTERS:
            row |= postal_address(self.validate(action.address), json_object("profile", action.profile))
        content = {"row": {ACTION_ID: str(action.action_id), **row}, "as_of": sent_at(action)}
        return Message(action.action_id, message_id, drop.name, orjson.dumps(content))

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        try:
            # nothing that somebody has put into a file goes into another
            known = await self._ledger.find([message.action_id for message in batch])
            answers = [
                Answer(message.action_id, "accepted", provider_message_id=known[message.action_id])
                for message in batch
                if message.action_id in known
            ]
            by_drop: dict[str, list[Message]] = defaultdict(list)
            for message in batch:
                if message.action_id not in known:
                    by_drop[message.address].append(message)
            for name, messages in by_drop.items():
                answers += await self._drop(self.drops[name], messages)
        except sa.exc.SQLAlchemyError as error:
            raise HourbellError(
                f"The ledger of dropped files cannot be written ({type(error).__name__}). Make room or look after its "
                "database, and deliver again; nothing is dropped twice."
            ) from error
        return answers

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        found = await self._ledger.find(_numbers(message_ids))
        return {self.message_id(action_id): name for action_id, name in found.items()}

    async def look(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        with existing_surfaces(self.setting.profile, self.setting.spool.parent) as engine:
            found = {} if engine is None else begun_files(engine, _numbers(message_ids))
        return {self.message_id(action_id): name for action_id, name in found.items()}

    async def close(self) -> None:
        # cached_property keeps what was opened among the attributes
        if "_ledger" in self.__dict__:
            self._ledger.sweep()
            await self._ledger.close()

    async def _drop(self, drop: Drop, messages: Sequence[Message]) -> list[Answer]:
        """Put messages into one file."""
        stated = [orjson.loads(message.content) for message in messages]
        as_of = max(datetime.fromisoformat(each["as_of"]) for each in stated)
        key = self.setting.profile.drop_key
        assert key is not None
        file = drop_file(drop, self._columns(drop), [each["row"] for each in stated], as_of, key)
        numbers = [message.action_id for message in messages]
        try:
            await self._ledger.drop(file, numbers)
        except NotDroppedError as error:
            if error.is_later:
                return [Answer(number, "retry", str(error), retry_after=error.rest) for number in numbers]
            return [Answer(number, "postponed", f"{drop.name}: {error}") for number in numbers]
        except UnclearDropError as error:
            return [Answer(number, "in doubt", str(error)) for number in numbers]
        return [Answer(number, "accepted", provider_message_id=file.name) for number in numbers]

    def _columns(self, drop: Drop) -> list[str]:
        return [ACTION_ID, *(ADDRESS if self.name == LETTERS else ()), *drop.columns]


def _numbers(message_ids: Sequence[str]) -> list[int]:
    return [int(each.removeprefix(_ID)) for each in message_ids]
