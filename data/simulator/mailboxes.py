"""The mailboxes of a simulated shop's people: what the sandbox received is read there, and answered."""

import re
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from activations.sandbox.store import messages
from data.simulator.answers import Answers, Message

# a link to the shop's own site says which step and which variant a message is of; in quoted-printable its = is =3D
_SOFT_BREAK = b"=\r\n"
_CONTENT = re.compile(rb"utm_content=(?:3D)?\w+/([^&#\s\"<>]+)")


class Mailboxes:
    """Answers what has come into a sandbox since the last time."""

    def __init__(self, answers: Answers, sandbox: Path) -> None:
        self._answers = answers
        self._sandbox = sandbox
        self._read_up_to = 0

    def answer_new(self) -> dict[str, pl.DataFrame]:
        """The rows that are to land because of what came, by canonical table; tables without any are left out."""
        new: list[tuple[int, Message]] = []
        for received in messages(self._sandbox, newest_first=True):
            if received.number <= self._read_up_to:
                break
            message = Message(
                received.message_id,
                received.recipient,
                received.template,
                received.workflow,
                received.topic,
                received.received_at,
                _variant(received.content),
            )
            new.append((received.number, message))
        if not new:
            return {}
        self._read_up_to = new[0][0]
        # a batch is taken in in any order
        return self._answers.answer(
            sorted((message for _, message in new), key=lambda message: (message.received_at, message.message_id))
        )


def _variant(content: bytes) -> str | None:
    found = _CONTENT.search(content.replace(_SOFT_BREAK, b""))
    return unquote(found[1].decode("ascii", "replace")) if found else None
