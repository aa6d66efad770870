"""What SpamAssassin thinks of each message as it leaves: below 2 points, where 5 are spam."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rehearsal import NOW, Place, action
from test_dkim import own_key
from test_rendering import CARRIED, CONTEXT

from activations.channels import email
from activations.channels.face import Setting
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.templating.rendering import Templates

LIMIT = 2.0
TRANSACTIONAL = frozenset({"post_purchase_thanks"})
STATUS = re.compile(r"^X-Spam-Status: \w+, score=(-?[\d.]+).*?tests=(.*?)\s*autolearn=", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(
    shutil.which("spamassassin") is None, reason="SpamAssassin is not installed; on Debian: apt install spamassassin"
)


def scores(folder: Path, messages: Mapping[str, bytes]) -> dict[str, tuple[float, str]]:
    """Points and the rules that gave them, by name of the message; nothing is asked of the network."""
    for name, content in messages.items():
        (folder / name).write_bytes(content)
    outcome = subprocess.run(
        ["spamassassin", "--local", "--prefspath=/dev/null", "--cf=use_bayes 0", *messages],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        timeout=300,
        check=True,
    )
    found = STATUS.findall(outcome.stdout.decode(errors="replace"))
    assert len(found) == len(messages), outcome.stderr.decode()
    return {
        name: (float(points), " ".join(rules.replace(",", " ").split()))
        for name, (points, rules) in zip(messages, found, strict=True)
    }


def test_no_message_looks_like_spam(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    place = Place(tmp_path)
    channel = email.open_channel(
        Setting(replace(place.profile(1), dkim=own_key()), lambda: NOW, place.spool, TEMPLATES)
    )
    sent = {}
    for name in CARRIED:
        for locale in Templates(TEMPLATES).locales(name):
            changes = {
                "template": name,
                "locale": locale or "en-GB",
                "topic_kind": "transactional" if name in TRANSACTIONAL else "promotional",
                "context": json.dumps({field: CONTEXT[field] for field in CARRIED[name]}),
            }
            row = Action(**action(1, **changes))
            sent[f"{name}.{locale or 'en'}"] = channel.render(row, channel.message_id(row.action_id)).content
    found = scores(tmp_path, sent)
    for name, (points, rules) in found.items():
        record_property("SpamAssassin", f"{points:4.1f}  {name:28} {rules}")
    assert {name: points for name, (points, _) in found.items() if points >= LIMIT} == {}


def test_what_is_spam_is_told_from_it(tmp_path: Path) -> None:
    """The test itself can fail."""
    spam = (
        b"From: x <win@lottery.example>\r\nTo: a@example.com\r\nSubject: YOU WON $$$ MILLIONS\r\n\r\n"
        b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
    )
    assert scores(tmp_path, {"spam": spam})["spam"][0] > 5
