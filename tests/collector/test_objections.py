"""The opt-out wins, also over what was decided before it and is on its way."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, Place, action, write_outbox

from activations.channels.face import Answer, Message, Setting
from activations.collector.objections import Objections
from activations.collector.sealing import seal_collected
from activations.collector.store import CollectedLog, Store
from activations.delivery.delivery import deliver
from activations.delivery.outbox import Action
from activations.journal.journal import open_journal
from activations.journal.receipts import receipts_folder
from activations.settings.profile import Profile, SmtpServer

PEOPLE = 1_000
BEFORE, SINCE = NOW - timedelta(hours=1), NOW + timedelta(minutes=3)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def stated(status: str = "withdrawn", at: datetime = SINCE, **columns: Any) -> dict[str, Any]:
    row = {"channel": "email", "topic": "offers", "status": status, "source": "test", "occurred_at": at}
    return {**row, **columns}


def collect(collected: Path, rows: Sequence[dict[str, Any]], at: datetime = SINCE) -> None:
    async def keep() -> None:
        store = Store(CollectedLog(collected), lambda: at)
        await store.append("events", [{"message_id": "consents", "type": "track", "event": "Noise"}])
        await store.append("consents", rows)
        await store.close()

    asyncio.run(keep())


def against(collected: Path, **changes: Any) -> bool:
    one = Action(**action(1, **changes))
    return Objections(collected).of([one]) == {one.action_id}


@pytest.mark.parametrize(
    ("said", "changes", "is_against"),
    [
        ({"email": "Person1@Example.com"}, {}, True),
        ({"user_id": "u1"}, {}, True),
        ({"email": "person2@example.com", "user_id": "u2"}, {}, False),
        ({"user_id": "u1", "channel": "all", "topic": "all"}, {}, True),
        ({"user_id": "u1", "channel": "sms"}, {}, False),
        ({"user_id": "u1", "topic": "newsletter"}, {}, False),
        ({"user_id": "u1", "topic": "all"}, {"topic": "service", "topic_kind": "transactional"}, False),
        ({"user_id": "u1", "topic": "service"}, {"topic": "service", "topic_kind": "transactional"}, True),
        ({"user_id": "u1"}, {"kind": "notify"}, False),
        ({"phone": "+447700900001", "channel": "sms"}, {"channel": "sms", "address": "+447700900001"}, True),
    ],
)
def test_an_objection_is_about_whom_it_names_and_what(
    tmp_path: Path, said: dict[str, Any], changes: dict[str, Any], is_against: bool
) -> None:
    collect(tmp_path / "collected", [stated(**said)])
    assert against(tmp_path / "collected", **changes) is is_against


def test_what_was_known_when_it_was_decided_was_decided_on(tmp_path: Path) -> None:
    collect(tmp_path / "collected", [stated(at=BEFORE, email="person1@example.com")], at=BEFORE)
    assert not against(tmp_path / "collected")


def test_the_last_word_counts_and_of_two_at_once_the_withdrawal(tmp_path: Path) -> None:
    later = SINCE + timedelta(minutes=1)
    who = {"email": "person1@example.com"}
    for number, (rows, is_against) in enumerate(
        [
            ([stated(**who), stated("granted", later, **who)], False),
            ([stated("granted", **who), stated(at=later, **who)], True),
            ([stated("granted", **who), stated(**who)], True),
        ]
    ):
        collect(tmp_path / str(number), rows)
        assert against(tmp_path / str(number)) is is_against


def test_it_is_known_at_every_stage_of_its_way(tmp_path: Path) -> None:
    """While it is written, when a tick takes it away, and when it has landed, which counts for the next tick only."""
    collected, spool = tmp_path / "collected", tmp_path / "spool"
    objections, one = Objections(collected), Action(**action(1))
    assert objections.of([one]) == set()
    collect(collected, [stated(email="person2@example.com")])
    assert objections.of([one]) == set()
    collect(collected, [stated(email="person1@example.com")])
    assert objections.of([one]) == {one.action_id}
    [path, *_] = sorted(collected.glob("*.jsonl"))
    path.rename(path.with_name(f"{path.name}.taken"))
    assert Objections(collected).of([one]) == objections.of([one]) == {one.action_id}
    seal_collected(collected, spool)
    assert not list(collected.glob("*.jsonl*"))
    assert Objections(collected).of([one]) == objections.of([one]) == {one.action_id}
    # and is forgotten when it is sure to have been decided on
    collect(collected, [stated(email="person3@example.com")], at=SINCE + timedelta(days=4))
    seal_collected(collected, spool)
    assert Objections(collected).of([one]) == set()


@dataclass
class Interleaved:
    """A provider that takes a little at a time, while people object, and a tick takes away what they said."""

    place: Place
    chance: random.Random
    store: Store
    out: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    pushes: int = 0
    name: str = "email"
    provider: str = "sandbox"
    kinds: frozenset[str] = frozenset({"send"})
    idempotency: str = "keyed"
    batch_size: int = 50
    push_size: int = 1
    window: timedelta | None = None
    rate: float | None = None
    ask_after: float = 0.0
    wrong: int = 0

    def validate(self, address: str | None) -> str:
        return str(address)

    def message_id(self, action_id: int) -> str:
        return str(action_id)

    def render(self, action: Action, message_id: str) -> Message:
        return Message(action.action_id, message_id, str(action.address), b"")

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        self.pushes += 1
        for message in batch:
            self.wrong += message.address in self.out
            self.sent.append(message.address)
        for number in self.chance.sample(range(PEOPLE), self.chance.randrange(3)):
            await self.store.append("consents", [stated(email=f"person{number}@example.com")])
            # it was acknowledged: from here on nothing may go to them
            self.out.add(f"person{number}@example.com")
        if self.chance.random() < 0.02:
            seal_collected(self.place.root / "collected", self.place.spool)
        return [Answer(message.action_id, "accepted") for message in batch]

    async def ask(self, message_ids: Sequence[str]) -> dict[str, str]:
        return {}

    async def close(self) -> None:
        await self.store.close()


def interleave(place: Place, people: int = PEOPLE) -> Interleaved:
    write_outbox(place.outbox, [action(number) for number in range(people)])
    channel = Interleaved(place, random.Random(7), Store(CollectedLog(place.root / "collected"), lambda: SINCE))

    def open_channel(_: Setting) -> Any:
        return channel

    account = deliver(
        place.outbox,
        place.journal_url,
        spool=place.spool,
        profile=Profile("sandbox", SmtpServer("127.0.0.1", 0)),
        now=SINCE,
        channels={"email": open_channel},
    )
    assert account.accepted == len(channel.sent)
    return channel


def test_among_a_thousand_messages_none_goes_to_who_has_objected(place: Place) -> None:
    channel = interleave(place)
    assert channel.pushes > 300
    assert len(channel.sent) + len(channel.out - set(channel.sent)) == PEOPLE
    assert len(channel.out) > 300
    assert channel.wrong == 0
    receipts = receipts_folder(place.journal_url, place.receipts)
    with open_journal(place.journal_url, receipts) as journal:
        told = {(reason, number) for *_, reason, number in journal.reasons(["rejected"])}
    assert told == {("they have objected since it was decided", PEOPLE - len(channel.sent))}


def test_a_delivery_that_does_not_look_is_caught(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objections, "of", lambda *_: set())
    assert interleave(place, people=300).wrong > 10
