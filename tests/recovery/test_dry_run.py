"""A dry run lists what then is sent, byte for byte; it sends nothing, connects to nothing and writes nothing."""

import csv
import io
import json
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import crashing
import pytest
import sqlalchemy as sa
from rehearsal import NOW, Place, action, channels, webhook_action, write_outbox

from activations.channels.face import Answer, Channel, Message, Setting
from activations.delivery import dry_run as dry_running
from activations.delivery.delivery import DeliveryStoppedError
from activations.delivery.dry_run import DryRun, Sending, dry_run
from activations.errors import HourbellError
from activations.journal.journal import Journal, open_journal
from activations.journal.tables import JOURNAL
from activations.sandbox.http import HttpSandbox
from activations.sandbox.server import Sandbox
from activations.sandbox.store import messages
from activations.sandbox.webhooks import webhooks
from activations.settings.environment import silent_profile
from activations.surfaces.drop_files import MANIFEST, SIGNATURE
from activations.surfaces.drop_places import FolderPlace
from activations.surfaces.place import existing_surfaces
from activations.surfaces.tables import METADATA as SURFACE_TABLES

HOUR = timedelta(hours=1)
NUMBERS = {"direct_mail": range(200, 281), "web": range(300, 340)}


def fill(place: Place) -> None:
    """Something of everything: new, settled, in doubt, twice, too late, too early, paused, and what cannot be sent."""
    write_outbox(place.outbox, [action(number) for number in range(60)])
    with crashing.deadly(place, crashing.BATCH + 7) as (sandbox, doom):
        process = crashing.start(place, sandbox.port)
        doom(process)
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
    write_outbox(
        place.outbox,
        [
            *(action(number) for number in range(58, 90)),
            action(90, expires_at=NOW),
            action(91, send_after=NOW + HOUR),
            action(92, address="nobody"),
            action(93, workflow="welcome_series"),
            action(94, address="mueller@bücher.example"),
        ],
        tick_end=NOW + HOUR,
    )
    write_outbox(place.outbox, [webhook_action(number) for number in range(100, 130)], channel="webhook")
    fill_surfaces(place)
    with open_journal(place.journal_url, place.receipts) as journal:
        journal.pause("workflow", "welcome_series", reason="wrong price", now=NOW)


def letter(number: int, **changes: Any) -> dict[str, Any]:
    address = {"street": "12 Mill Lane", "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}
    ours = {"channel": "direct_mail", "template": "reengagement_we_miss_you", "address": json.dumps(address)}
    return action(number, **{**ours, **changes})


def slot(number: int, **changes: Any) -> dict[str, Any]:
    ours = {"channel": "web", "template": "browse_reminder", "address": str(number), "topic": "website"}
    return action(number, **{**ours, **changes})


SURFACES = {"direct_mail": letter, "web": slot}


def fill_surfaces(place: Place) -> None:
    """What is over and would be swept, a file for a partner without its signature, and what is new."""
    long_ago = NOW - timedelta(days=40)
    old = {"tick_end": long_ago, "send_after": long_ago, "expires_at": long_ago + HOUR}
    only = {**dict.fromkeys(channels(20), _no_channel), **{name: channels(20)[name] for name in SURFACES}}
    for channel, made in SURFACES.items():
        write_outbox(place.outbox, [made(NUMBERS[channel][0], **old)], channel=channel, tick_end=long_ago)
    with pytest.raises(DeliveryStoppedError):
        place.deliver(1, channels=only, now=long_ago)
    assert len(shown(place)) == 2
    for channel, made in SURFACES.items():
        rows = [made(number, send_after=None) for number in NUMBERS[channel][1:]]
        write_outbox(place.outbox, rows, channel=channel)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FolderPlace, "put", _die_before_the_second_signature())
        with pytest.raises(_Dies):
            # when nothing was over yet
            place.deliver(1, channels={**only, "web": _no_channel}, now=NOW - timedelta(days=20))


class _Dies(BaseException):
    """As a process that is killed."""


def _no_channel(_: Setting) -> Channel:
    raise HourbellError("not yet")


def _die_before_the_second_signature() -> Callable[..., Any]:
    put, signed = FolderPlace.put, []

    async def put_or_die(place: FolderPlace, name: str, content: bytes) -> None:
        if name.endswith(SIGNATURE):
            signed.append(name)
            if len(signed) == 2:
                raise _Dies
        await put(place, name, content)

    return put_or_die


@contextmanager
def nobody_calls(place: Place) -> Iterator[dict[str, Any]]:
    """Listeners for mail and webhooks that must hear of nobody; what a delivery must know of them."""
    with socket.create_server(("127.0.0.1", 0)) as mail, socket.create_server(("127.0.0.1", 0)) as web:
        profile = place.profile(mail.getsockname()[1], webhooks=f"http://127.0.0.1:{web.getsockname()[1]}")
        yield {"profile": profile, "spool": place.spool, "now": NOW, "channels": channels(20)}
        for listener in (mail, web):
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


def listed(place: Place) -> DryRun:
    with nobody_calls(place) as how:
        return dry_run(place.outbox, place.journal_url, **how)


def kept(place: Place) -> tuple[list[Any], dict[Path, bytes]]:
    """The rows of the journal and of the surfaces, and every file beside them, in the outbox and in the spool."""
    with open_journal(place.journal_url, place.receipts, recover=False) as journal, journal.transaction() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(JOURNAL).order_by(JOURNAL.c.action_id))]
    folders = (place.receipts, place.outbox, place.spool, place.received)
    files = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if _is_plain(path)}
    with existing_surfaces(place.profile(1), place.root) as surfaces:
        if surfaces is not None:
            with surfaces.connect() as connection:
                rows += [
                    (table.name, *row)
                    for table in SURFACE_TABLES.sorted_tables
                    for row in connection.execute(sa.select(table).order_by(*table.primary_key))
                ]
    return rows, files


def _is_plain(path: Path) -> bool:
    """Whether it changes only where somebody changes what is in it, as no database does."""
    return path.is_file() and ".sqlite" not in path.name


def shown(place: Place) -> set[int]:
    """The actions that are in signed files and in the website's slots."""
    signed = [path.with_name(path.name.removesuffix(SIGNATURE)) for path in place.received.rglob(f"*{SIGNATURE}")]
    letters = [row["action_id"] for path in signed for row in csv.DictReader(io.StringIO(path.read_text()))]
    decided = [path for path in place.received.rglob("*.json") if not path.name.endswith(MANIFEST)]
    slots = [each["action_id"] for path in decided for each in json.loads(path.read_bytes())]
    return {int(number) for number in (*letters, *slots)}


def received(place: Place) -> set[str]:
    """What the sandbox has, in the words of a dry run."""
    found = {
        str(Sending.of("email", Message(int(one.message_id[1:20]), one.message_id, one.recipient, one.content)))
        for one in messages(place.received)
    }
    for one in webhooks(place.received):
        number = int(one.webhook_id.removeprefix("hourbell-"))
        found.add(str(Sending.of("webhook", Message(number, one.webhook_id, one.endpoint, one.body))))
    return found


def check(place: Place) -> None:
    before, had, seen = kept(place), received(place), shown(place)
    found = listed(place)
    assert found.account.adds_up
    assert kept(place) == before, "a dry run leaves all as it was"
    with Sandbox(place.received) as mail, HttpSandbox(place.received, now=lambda: NOW) as web:
        account = place.deliver(mail, webhooks=web.url, batch_size=20)
    surfaces = [sending.action_id for sending in found.sendings if sending.channel in SURFACES]
    begun = shown(place) - seen - set(surfaces)
    assert len(surfaces) == len(set(surfaces)) == 40 + 39, "letters but two files of them, and slots"
    assert len(begun) == 20, "a file that was begun is finished, and no letter of it is in another"
    assert set(surfaces) <= shown(place) - seen
    lines = [str(sending) for sending in found.sendings if sending.channel not in SURFACES]
    assert sorted(lines) == sorted(received(place) - had), "the list is what was sent"
    assert len(lines) == len(set(lines)) > 80
    assert (account.rejected, account.expired, account.paused) == (1, 1, 1)


def test_the_list_is_what_then_is_sent_byte_for_byte(any_place: Place) -> None:
    fill(any_place)
    check(any_place)


class _Remembering(Journal):
    """The mutant: claims of a dry run stay."""


class _Calling(dry_running._SilentChannel):
    """The mutant: a dry run looks whether the server is there."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        profile = self.profile if self.name == "email" else None
        if profile is not None:
            socket.create_connection((profile.smtp.host, profile.smtp.port)).close()
        return await super().push(batch)


class _Asking(dry_running._SilentChannel):
    """The mutant: a dry run finishes what was begun."""

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return await self._channel.ask(message_ids)


class _Sweeping(dry_running._SilentChannel):
    """The mutant: a dry run takes away what is over."""

    async def close(self) -> None:
        await self._channel.ask([])
        await self._channel.close()


class _Elsewhere(dry_running._SilentChannel):
    """The mutant: what is listed is not what is sent."""

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await super().push([message._replace(content=message.content + b" ") for message in batch])


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("_ForgetfulJournal", _Remembering),
        ("_SilentChannel", _Calling),
        ("_SilentChannel", _Asking),
        ("_SilentChannel", _Sweeping),
        ("_SilentChannel", _Elsewhere),
    ],
    ids=["it remembers", "it connects", "it finishes", "it sweeps", "it lists something else"],
)
def test_a_mutant_is_caught(place: Place, monkeypatch: pytest.MonkeyPatch, name: str, mutant: type) -> None:
    fill(place)
    monkeypatch.setattr(dry_running, name, mutant)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(place)


def test_where_there_is_no_journal_none_is_begun(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_outbox(place.outbox, [action(number) for number in range(3)])
    assert len(listed(place).sendings) == 3
    assert {path.name for path in place.root.iterdir()} == {"outbox"}


def test_the_command_prints_the_list_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]]
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(place.root))
    rows = [action(number, expires_at=None) for number in range(3)]
    write_outbox(place.outbox, rows)
    code, said = run_command("deliver", "--dry-run")
    assert code == 0
    profile = silent_profile(place.received, {})
    found = dry_run(place.outbox, place.journal_url, spool=place.spool, profile=profile, now=NOW)
    assert said == "".join(f"{sending}\n" for sending in found.sendings)
    assert not place.received.exists()
    assert run_command("deliver")[0] == 0
    assert sorted(said.splitlines()) == sorted(received(place))
