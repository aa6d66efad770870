"""The mailboxes of a simulated shop's people: what the sandbox received is read there, and answered."""

from pathlib import Path

from activations.sandbox.store import messages
from data.importers.canonical import write_parquet
from data.simulator.answers import Answers, Message


class Mailboxes:
    """Answers what has come into a sandbox since the last time."""

    def __init__(self, answers: Answers, sandbox: Path, out: Path) -> None:
        """Answers are written below `out`, a folder for each lot of messages; their truth by `write_truth`."""
        self._answers = answers
        self._sandbox = sandbox
        self._out = out
        self._read_up_to = 0
        self._lots = 0

    def answer_new(self) -> Path | None:
        """The folder of what landed of the answers, `<table>/<lot>.parquet`; None where nobody answers anything."""
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
            return None
        self._read_up_to = new[0][0]
        # a batch is taken in in any order
        lot = sorted((message for _, message in new), key=lambda message: (message.received_at, message.message_id))
        rows = self._answers.answer(lot)
        if not rows:
            return None
        self._lots += 1
        folder = self._out / f"{self._lots:05d}"
        for table, frame in rows.items():
            write_parquet(frame, folder / table / f"answers-{self._lots:05d}.parquet")
        return folder

    def write_truth(self) -> None:
        """What the messages truly brought about, below `truth`; never to be landed."""
        self._answers.write_truth(self._out)
