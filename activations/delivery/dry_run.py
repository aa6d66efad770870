"""What a delivery would send: the delivery itself, over a journal that forgets and channels that call nobody."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import sqlalchemy as sa

from activations.channels.face import Answer, Channel, Message, Setting
from activations.channels.registry import CHANNELS
from activations.delivery.account import DeliveryAccount, Tally
from activations.delivery.delivery import PATIENCE, TEMPLATES, default_receipts, deliverable
from activations.delivery.outbox import Action, OutboxFile
from activations.delivery.side_by_side import deliver_files
from activations.holds.hold import holds_of
from activations.holds.settle import settle_holds
from activations.journal.journal import Journal, open_journal
from activations.journal.place import sqlite_url
from activations.journal.receipts import Receipt, receipts_folder
from activations.journal.rows import Claims, Settlement
from activations.journal.tables import METADATA
from activations.settings.profile import Profile

T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Sending:
    """One message as it would leave: to whom, under which id, and the digest of its bytes."""

    channel: str
    action_id: int
    recipient: str
    message_id: str
    sha256: str

    @classmethod
    def of(cls, channel: str, message: Message) -> "Sending":
        digest = hashlib.sha256(message.content).hexdigest()
        return cls(channel, message.action_id, message.address, message.message_id, digest)

    def __str__(self) -> str:
        """A line of JSON; the same message gives the same line."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class DryRun:
    """What would be sent, by channel and action; and what would become of all the rest."""

    sendings: Sequence[Sending]
    account: DeliveryAccount
    """As if each of them were accepted."""
    problems: Sequence[str]


def dry_run(
    outbox: Path,
    journal_url: str,
    *,
    spool: Path,
    profile: Profile,
    now: datetime,
    templates: Path = TEMPLATES,
    channels: Mapping[str, Callable[[Setting], Channel]] = CHANNELS,
    receipts: Path | None = None,
) -> DryRun:
    """Say what a delivery at `now` (naive UTC) would send. Nothing is sent, connected to or written.

    Raises HourbellError where the journal cannot be used.
    """
    sendings: list[Sending] = []
    silent = {name: _silent(open_channel, sendings) for name, open_channel in channels.items()}
    setting = Setting(profile, lambda: now, spool, templates)
    tally = Tally()
    with _forgetful_journal(journal_url, receipts or default_receipts(spool)) as journal:
        holds = holds_of(outbox, templates)
        problems = settle_holds(holds, journal, now=now, tally=tally)
        files = deliverable(outbox, holds)
        problems += asyncio.run(deliver_files(files, journal, setting, silent, PATIENCE, tally, None))
    return DryRun(sorted(sendings), tally.account(outcomes_written=0, seconds=0.0), problems)


def _silent(open_channel: Callable[[Setting], Channel], sendings: list[Sending]) -> Callable[[Setting], Channel]:
    return lambda setting: _SilentChannel(open_channel(setting), sendings)


class _SilentChannel:
    """A channel that notes what it is given to push, and only looks where others ask."""

    rate = None
    ask_after = 0.0

    def __init__(self, channel: Channel, sendings: list[Sending]) -> None:
        self._channel = channel
        self._sendings = sendings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        self._sendings += (Sending.of(self._channel.name, message) for message in batch)
        return [Answer(message.action_id, "accepted") for message in batch]

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        # a question may finish what it asks about
        return await self._channel.look(message_ids)

    async def close(self) -> None:
        """Nothing is swept, and nothing was opened by which something could be sent."""


class _ForgetfulJournal(Journal):
    """Takes back all that is done to it; only what it has given out in this run it does not give out again."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._claimed: set[int] = set()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        with self._explained(), self._engine.connect() as connection, connection.begin() as transaction:
            # tables that are not there, and what dead deliverers noted: anew each time, since it is forgotten
            METADATA.create_all(connection)
            self._catch_up(connection)
            yield connection
            transaction.rollback()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with self.transaction() as connection:
            yield connection

    def create(self) -> None:
        """Nothing is created that stays."""

    def _write(self, work: Callable[[sa.Connection], T], is_there: Callable[[sa.Connection, T], bool]) -> T:
        with self.transaction() as connection:
            return work(connection)

    def _note(self, *receipts: Receipt) -> None:
        """Nothing is noted."""

    def claim(self, actions: Sequence[Action], *args: Any, **more: Any) -> Claims:
        fresh = [action for action in actions if action.action_id not in self._claimed]
        claims = super().claim(fresh, *args, **more)
        self._claimed |= {claim.action.action_id for claim in claims.ours}
        return replace(claims, settled=claims.settled + len(actions) - len(fresh))

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Nothing is settled."""

    def release(self, action_ids: Collection[int]) -> None:
        """Nothing is given back."""

    def file_finished(self, file: OutboxFile, actions: int) -> None:
        """No file is finished."""


@contextmanager
def _forgetful_journal(url: str, receipts: Path) -> Iterator[Journal]:
    folder = receipts_folder(url, receipts)
    with TemporaryDirectory() as temporary:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
            # none is begun where there was none
            url = sqlite_url(Path(temporary) / "journal.sqlite")
        with open_journal(url, folder, recover=False, kind=_ForgetfulJournal) as journal:
            yield journal
