"""The mailboxes of a simulated shop's people: what the sandbox received is read there, and answered."""

from pathlib import Path

import polars as pl

from activations.sandbox.store import messages
from data.simulator.answers import Answers, Message


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
            )
            new.append((received.number, message))
        if not new:
            return {}
        self._read_up_to = new[0][0]
        # a batch is taken in in any order
        return self._answers.answer(
            sorted((message for _, message in new), key=lambda message: (message.received_at, message.message_id))
        )
