"""Letters and rows for partners: what is dropped, and what is there for them."""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from rehearsal import NOW, action, write_outbox
from surface import Surface

from activations.channels.face import Setting
from activations.surfaces.drop_files import SIGNATURE

HOME = {"street": "12 Mill Lane", "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}
DROPS = """
letters: {url: file:///srv/letters, format: csv, columns: [salutation, offer]}
calls: {url: file:///srv/calls, format: parquet, columns: [phone, note]}
"""
LETTER = "drop: letters\ncolumns: {salutation: 'Dear {{ contact.first_name }}', offer: '{{ context.offer }}'}"
CALL = "drop: calls\ncolumns: {phone: '{{ contact.phone }}', note: '{{ context.offer }}'}"


def letter_action(number: int, offer: str = "ten percent", **changes: Any) -> dict[str, Any]:
    ours = {
        "channel": "direct_mail",
        "address": json.dumps(HOME),
        "template": "letter",
        "profile": json.dumps(
            {"user_id": f"u{number}", "first_name": "Ann", "last_name": "Doe", "phone": "+447700900001"}
        ),
        "context": json.dumps({"offer": offer}),
    }
    return action(number, **{**ours, **changes})


def call_action(number: int, **changes: Any) -> dict[str, Any]:
    return letter_action(number, **{"channel": "file_drop", "kind": "drop_row", "template": "call", **changes})


def folder(office: Surface, drop: str = "letters") -> Path:
    return office.place.root / "sandbox" / "drops" / drop


def dropped(office: Surface, drop: str = "letters") -> list[Path]:
    """The files that are there for the partner: those with a signature."""
    return sorted(
        path.with_name(path.name.removesuffix(SIGNATURE)) for path in folder(office, drop).glob(f"*{SIGNATURE}")
    )


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def actions_of(office: Surface) -> Counter[str]:
    """How often each action is in a file that is there."""
    return Counter(row["action_id"] for path in dropped(office) for row in rows(path))


def put(office: Surface, *written: dict[str, Any]) -> None:
    write_outbox(office.place.outbox, written, channel=written[0]["channel"])
    assert office.deliver().accepted == len(written)


def setting(office: Surface) -> Setting:
    return Setting(office.place.profile(1), lambda: NOW, office.place.spool, office.templates)
