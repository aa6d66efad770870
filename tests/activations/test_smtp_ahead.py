"""A message is announced behind the one before it, and still nobody gets one twice, wherever the server dies."""

import asyncio
import select
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest

from activations.channels.face import Answer, Message
from activations.settings.profile import Profile, SmtpServer
from activations.transport.dialogue import Dialogue, Handover
from activations.transport.smtp import SmtpPool

MESSAGES = 5
Place = Literal["MAIL", "RCPT", "DATA", "go-ahead", "half", "end", "kept", "answered"]
"""Before a command is answered, after the go-ahead, in the message, at its end, when it is kept, after the answer."""


@dataclass
class Relay:
    """A mail server that dies once, when it is at a place of the third message; or behaves badly otherwise."""

    dies_at: Place | None = None
    pipelines: bool = True
    forgets_what_follows: bool = False
    """Throws away what came behind the end of a message, as some firewalls do."""
    refused: tuple[str, ...] = ()
    goes_ahead_for_nobody: bool = False
    kept: list[str] = field(default_factory=list)
    connections: int = 0
    ahead: int = 0
    """How often something came behind the end of a message before that was answered."""

    @contextmanager
    def running(self) -> Iterator[int]:
        server = socket.create_server(("127.0.0.1", 0))

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._converse(_Line(connection))
            except ConnectionError:
                return

    def _converse(self, line: "_Line") -> None:
        line.say("220 relay")
        recipient = ""
        while True:
            command = line.read(b"\r\n").decode()
            match command[:4]:
                case "EHLO":
                    line.say("250-relay\r\n250 PIPELINING" if self.pipelines else "250 relay")
                case "MAIL" | "RSET":
                    recipient = ""
                    self._at("MAIL", line)
                    line.say("250 ok")
                case "RCPT":
                    self._at("RCPT", line)
                    address = command[9:-1]
                    recipient = "" if address in self.refused else address
                    line.say("250 ok" if recipient else "550 nobody")
                case "DATA":
                    self._at("DATA", line)
                    if not recipient and not self.goes_ahead_for_nobody:
                        line.say("503 for whom")
                        continue
                    line.say("354 go on")
                    self._at("go-ahead", line)
                    self._take(recipient, line)
                case "QUIT":
                    line.say("221 bye")
                    return

    def _take(self, recipient: str, line: "_Line") -> None:
        if not recipient:
            assert line.read(b".\r\n") == b""
            line.say("554 for nobody")
            return
        line.read(b"\r\n\r\n")
        self._at("half", line)
        body = line.read(b"\r\n.\r\n").decode()
        self._at("end", line)
        assert body == f"to {recipient}", "what is announced is no part of a message"
        self.kept.append(recipient)
        self._at("kept", line)
        self.ahead += line.has_more()
        if self.forgets_what_follows:
            line.forget()
        line.say(f"250 kept {recipient}")
        self._at("answered", line)

    def _at(self, place: Place, line: "_Line") -> None:
        taken = len(self.kept) - (place in ("kept", "answered"))
        if place == self.dies_at and taken == 2:
            self.dies_at = None
            line.hang_up()
            raise ConnectionError


class _Line:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def say(self, text: str) -> None:
        self._connection.sendall(text.encode() + b"\r\n")

    def read(self, end: bytes) -> bytes:
        while end not in self._buffer:
            more = self._connection.recv(65536)
            if not more:
                raise ConnectionError
            self._buffer += more
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def has_more(self) -> bool:
        return bool(self._buffer or select.select([self._connection], [], [], 0.02)[0])

    def forget(self) -> None:
        if self.has_more() and not self._buffer:
            self._connection.recv(65536)
        self._buffer = b""

    def hang_up(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)


def people() -> list[str]:
    return [f"person{number}@example.com" for number in range(MESSAGES)]


def send(relay: Relay, *, timeout: float = 5) -> dict[str, Answer]:
    """Hand everybody a message over one connection; the answers by recipient."""
    batch = [
        Message(number, f"<{number}@x>", who, f"Subject: x\r\n\r\nto {who}\r\n".encode())
        for number, who in enumerate(people())
    ]

    async def go(port: int) -> list[Answer]:
        profile = Profile("sandbox", SmtpServer("127.0.0.1", port))
        pool = SmtpPool(profile, "shop@example.com", connections=1, timeout=timeout)
        answers = await pool.send(batch)
        await pool.close()
        return answers

    with relay.running() as port:
        answers = asyncio.run(go(port))
    assert sorted(answer.action_id for answer in answers) == list(range(MESSAGES)), "an answer each"
    return {batch[answer.action_id].address: answer for answer in answers}


def check_a_death(place: Place) -> None:
    relay = Relay(dies_at=place)
    statuses = {who: answer.status for who, answer in send(relay).items()}
    in_doubt = {who for who, status in statuses.items() if status == "in doubt"}
    taken = Counter(relay.kept)
    assert relay.connections == 2
    assert max(taken.values()) == 1, "nobody gets a message twice"
    assert in_doubt <= {people()[2]}, "one at most is in doubt: whose end was sent, and whose answer did not come"
    if place in ("half", "end", "kept"):
        assert in_doubt == {people()[2]}
    if place not in ("go-ahead", "half", "end", "kept"):
        assert not in_doubt, "what was only announced is certainly not taken"
    for who, status in statuses.items():
        assert status in ("accepted", "in doubt"), "what was not sent goes over the next connection"
        assert status == "in doubt" or taken[who] == 1


@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA", "go-ahead", "half", "end", "kept", "answered"])
def test_a_server_that_dies(place: Place) -> None:
    check_a_death(place)


def test_the_mutant_that_takes_a_lost_answer_for_nothing_sent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    hand_over = Dialogue.hand_over

    async def forgetful(dialogue: Dialogue, *args: object) -> Handover:
        handover = await hand_over(dialogue, *args)  # type: ignore[arg-type]
        return Handover("not sent", handover.text, "lost") if handover.verdict == "in doubt" else handover

    monkeypatch.setattr(Dialogue, "hand_over", forgetful)
    with pytest.raises(AssertionError):
        check_a_death("kept")


@pytest.mark.parametrize("goes_ahead_for_nobody", [False, True])
@pytest.mark.parametrize("refused", [[0], [2], [1, 2], [4], list(range(MESSAGES))])
def test_a_recipient_that_is_refused_in_the_middle(refused: list[int], goes_ahead_for_nobody: bool) -> None:
    relay = Relay(refused=tuple(people()[number] for number in refused), goes_ahead_for_nobody=goes_ahead_for_nobody)
    statuses = {who: answer.status for who, answer in send(relay).items()}
    assert relay.connections == 1
    assert statuses == {who: "rejected" if who in relay.refused else "accepted" for who in people()}
    assert relay.kept == [who for who in people() if who not in relay.refused]


def test_every_message_but_the_first_is_announced_ahead() -> None:
    relay = Relay()
    send(relay)
    assert (relay.ahead, relay.kept) == (MESSAGES - 1, people())


def test_a_server_that_does_not_pipeline_is_told_one_thing_at_a_time() -> None:
    relay = Relay(pipelines=False)
    assert {answer.status for answer in send(relay).values()} == {"accepted"}
    assert (relay.ahead, relay.connections, relay.kept) == (0, 1, people())


def test_a_server_that_forgets_what_follows_is_not_announced_to_again() -> None:
    relay = Relay(forgets_what_follows=True)
    assert {answer.status for answer in send(relay, timeout=0.3).values()} == {"accepted"}
    assert (relay.ahead, relay.connections, relay.kept) == (1, 2, people())
