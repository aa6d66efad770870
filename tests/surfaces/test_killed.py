"""A deliverer to the surfaces killed at each point: nothing is there twice, and nothing is left out."""

import csv
import io
import json
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import crashing
import orjson
import pytest
import sqlalchemy as sa
from rehearsal import NOW, Place, action, write_outbox
from surface import in_app_action

from activations.journal.care import verify
from activations.surfaces.drop_files import SIGNATURE

ACTIONS = 60
ADDRESS = json.dumps({"street": "12 Mill Lane", "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"})


def letter(number: int) -> dict[str, Any]:
    ours = {"channel": "direct_mail", "template": "reengagement_we_miss_you", "address": ADDRESS}
    return action(number, **ours)


def slot(number: int) -> dict[str, Any]:
    ours = {"channel": "web", "template": "browse_reminder", "address": str(number), "topic": "website"}
    return action(number, **ours)


def in_inbox(place: Place) -> Counter[str]:
    with sa.create_engine(f"sqlite:///{place.received}/surfaces.sqlite").connect() as inbox:
        return Counter(map(str, inbox.execute(sa.text("select action_id from in_app_messages")).scalars()))


def in_files(place: Place) -> Counter[str]:
    signed = [path.with_name(path.name.removesuffix(SIGNATURE)) for path in place.received.rglob(f"*{SIGNATURE}")]
    return Counter(row["action_id"] for path in signed for row in csv.DictReader(io.StringIO(path.read_text())))


def in_slots(place: Place) -> Counter[str]:
    """By each of its two names."""
    found = [each["action_id"] for path in place.received.rglob("*.json") for each in orjson.loads(path.read_bytes())]
    return Counter({str(number): times // 2 for number, times in Counter(found).items()})


SURFACES: Mapping[str, tuple[Callable[[int], dict[str, Any]], Callable[[Place], Counter[str]]]] = {
    "in_app": (in_app_action, in_inbox),
    "web": (slot, in_slots),
    "direct_mail": (letter, in_files),
}


@pytest.mark.parametrize("point", ["claimed", "rendered", "answered", "receipted", "recorded"])
@pytest.mark.parametrize("channel", SURFACES)
def test_killed_and_run_again(place: Place, channel: str, point: str) -> None:
    made, taken = SURFACES[channel]
    rows = [made(number) for number in range(ACTIONS)]
    write_outbox(place.outbox, rows, channel=channel)
    process = crashing.start(place, 1, point=point)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL, "it was to die"
    account = place.deliver(1, batch_size=crashing.BATCH, now=NOW)
    assert (account.adds_up, account.unknown) == (True, 0)
    assert taken(place) == {str(row["action_id"]): 1 for row in rows}
    assert place.deliver(1, now=NOW).already_settled == ACTIONS
    assert verify(place.journal_url, place.receipts).agrees


@pytest.mark.parametrize("channel", SURFACES)
def test_several_deliverers_at_once(place: Place, channel: str) -> None:
    made, taken = SURFACES[channel]
    rows = [made(number) for number in range(300)]
    write_outbox(place.outbox, rows, channel=channel)
    processes = [crashing.start(place, 1) for _ in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert taken(place) == {str(row["action_id"]): 1 for row in rows}
