"""The dialogue with mail servers of several kinds."""

import asyncio
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from rehearsal import Place, action, write_outbox
from rich.console import Console

from activations.channels.face import Answer, Message
from activations.sandbox.server import Sandbox
from activations.sandbox.show import overview, write_page
from activations.sandbox.store import count_by, find, messages
from activations.settings.profile import Profile, SmtpServer
from activations.transport.smtp import SmtpPool


def send(port: int, bodies: dict[str, bytes], *, connections: int = 2, timeout: float = 2) -> dict[str, Answer]:
    """Hand over messages to a server on this machine; the answers by recipient."""
    batch = [
        Message(number, f"<{number}@x>", recipient, body) for number, (recipient, body) in enumerate(bodies.items())
    ]

    async def go() -> list[Answer]:
        profile = Profile("sandbox", SmtpServer("127.0.0.1", port))
        pool = SmtpPool(profile, "shop@example.com", connections=connections, timeout=timeout)
        answers = await pool.send(batch)
        await pool.close()
        return answers

    answers = {answer.action_id: answer for answer in asyncio.run(go())}
    return {message.address: answers[message.action_id] for message in batch}


@contextmanager
def script(replies: Callable[[str], str | None]) -> Iterator[int]:
    """A server that answers each line by a script: None hangs up, as does "|hang up" after an answer; an empty answer
    says nothing."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as file:
            file.write(b"220 script\r\n")
            file.flush()
            for line in file:
                reply = replies(line.decode().strip())
                if reply is None:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                if reply:
                    said, _, hang_up = reply.partition("|")
                    file.write(said.encode() + b"\r\n")
                    file.flush()
                    if hang_up:
                        connection.shutdown(socket.SHUT_RDWR)
                        return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def answers(**others: str | None) -> Callable[[str], str | None]:
    """The usual answers, but for commands that are named; `end` is the end of a message."""
    usual = {
        "EHLO": "250-script\r\n250 PIPELINING",
        "MAIL": "250 ok",
        "RCPT": "250 ok",
        "DATA": "354 go on",
        "RSET": "250 ok",
        "QUIT": "221 bye",
        "end": "250 kept",
    }

    def reply(line: str) -> str | None:
        word = "end" if line == "." else line[:4]
        return {**usual, **others}.get(word, "")

    return reply


def test_a_server_that_does_not_pipeline(place: Place) -> None:
    kept = []

    class Handler:
        async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # type: ignore[no-untyped-def]  # noqa: N802
            if address.startswith("no"):
                return "550 no"
            envelope.rcpt_tos.append(address)
            return "250 ok"

        async def handle_DATA(self, server, session, envelope) -> str:  # type: ignore[no-untyped-def]  # noqa: N802
            kept.append((envelope.rcpt_tos, envelope.content))
            return "250 ok"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        got = send(
            port,
            {
                f"{kind}{number}@example.com": b"Subject: x\r\n\r\n.dot\r\n"
                for number in range(5)
                for kind in ("yes", "no")
            },
        )
    finally:
        controller.stop()
    assert {address[:2]: answer.status for address, answer in got.items()} == {"ye": "accepted", "no": "rejected"}
    assert sorted(recipients for recipients, _ in kept) == [[f"yes{number}@example.com"] for number in range(5)]
    assert {content for _, content in kept} == {b"Subject: x\r\n\r\n.dot\r\n"}


@pytest.mark.parametrize(
    ("others", "status", "reason"),
    [
        ({"RCPT": "550 5.1.1 nobody"}, "rejected", "550 5.1.1 nobody"),
        ({"RCPT": "550 5.1.1 nobody", "DATA": "503 first RCPT"}, "rejected", "550 5.1.1 nobody"),
        ({"RCPT": "450 later"}, "retry", "450 later"),
        ({"MAIL": "451 later"}, "retry", "451 later"),
        ({"DATA": "554 no"}, "rejected", "554 no"),
        ({"DATA": "451 not now"}, "retry", "451 not now"),
        ({"end": "554-spam\r\n554 really"}, "rejected", "554 spam really"),
        ({"end": "452 full"}, "retry", "452 full"),
        ({"end": "421 closing"}, "retry", "421 closing"),
        ({"end": None}, "in doubt", "lost"),
        ({"end": ""}, "in doubt", "in time"),
        ({"end": "nonsense"}, "in doubt", "something else"),
        ({"DATA": None}, "retry", "lost"),
        ({"DATA": "354 go on|hang up"}, None, "lost"),
        ({"RCPT": "250 ok|hang up"}, "retry", "lost"),
        ({"MAIL": ""}, "retry", "in time"),
        ({"MAIL": "550 you may not"}, "untried", "shop@example.com"),
        ({"EHLO": None}, "untried", "127.0.0.1"),
    ],
)
def test_what_an_answer_means(others: dict[str, str | None], status: str | None, reason: str) -> None:
    with script(answers(**others)) as port:
        patience = 0.5 if "" in others.values() else 10
        got = send(port, {"a@example.com": b"Subject: x\r\n\r\nhello\r\n"}, timeout=patience)["a@example.com"]
    # who hangs up at once may be noticed before the message is written or after
    assert got.status == status or (status is None and got.status in ("retry", "in doubt"))
    assert reason in (got.reason or "")


@pytest.mark.parametrize(("silent", "status"), [(False, "accepted"), (True, "retry")])
def test_each_answer_has_its_own_time(silent: bool, status: str) -> None:
    usual = answers(**({"DATA": ""} if silent else {}))

    def slowly(line: str) -> str | None:
        if line[:4] in ("MAIL", "DATA") or line == ".":
            time.sleep(0.3)
        return usual(line)

    with script(slowly) as port:
        got = send(port, {"a@example.com": b"Subject: x\r\n\r\nhello\r\n"}, timeout=0.5)["a@example.com"]
    assert (got.status, "in time" in (got.reason or "")) == (status, silent)


def test_an_address_that_would_be_a_command(place: Place, sandbox: Sandbox) -> None:
    got = send(
        sandbox.port, {"a@example.com>\r\nRCPT TO:<b@example.com": b"x\r\n", "c@example.com": b"Subject: x\r\n\r\n"}
    )
    assert [answer.status for answer in got.values()] == ["rejected", "accepted"]
    assert place.recipients() == {"c@example.com": 1}


@pytest.mark.parametrize(
    "body",
    [b".\r\n", b"..\r\n", b"\r\n.\r\n\r\n", b"a.\r\nb.\r\n", b"x", b"", b".a\r\n..b\r\n...c\r\n", b"y" * 900 + b"\r\n"],
)
def test_dots_and_ends_survive(place: Place, sandbox: Sandbox, body: bytes) -> None:
    content = b"Message-ID: <m@x>\r\n\r\n" + body + (b"" if body.endswith(b"\r\n") else b"\r\n")
    assert (
        send(sandbox.port, {"a@example.com": content, "b@example.com": content})["a@example.com"].status == "accepted"
    )
    assert [message.content for message in find(place.received, ["<m@x>"])] == [content, content]


def test_a_connection_that_was_closed_while_idle_is_opened_anew(place: Place) -> None:
    async def go() -> list[str]:
        with Sandbox(place.received) as first:
            port = first.port
            pool = SmtpPool(Profile("sandbox", SmtpServer("127.0.0.1", port)), "shop@example.com")
            before = await pool.send([Message(1, "<1@x>", "a@example.com", b"x\r\n")])
        with Sandbox(place.received, port=port):
            after = await pool.send([Message(2, "<2@x>", "b@example.com", b"x\r\n")])
            await pool.close()
        return [answer.status for answer in before + after]

    assert asyncio.run(go()) == ["accepted", "accepted"]


def test_the_sandbox_talks_to_any_client(place: Place, sandbox: Sandbox) -> None:
    with smtplib.SMTP(sandbox.host, sandbox.port, timeout=5) as client:
        client.sendmail("x@example.com", ["a@example.com", "Ann <b@example.com>"], "Subject: by hand\n\n.hello\n")
        code, _ = client.docmd("DATA")
        assert code == 503
    kept = list(messages(place.received))
    assert [(message.recipient, message.subject, message.text) for message in kept] == [
        ("a@example.com", "by hand", ".hello\r\n"),
        ("b@example.com", "by hand", ".hello\r\n"),
    ]


def test_what_the_sandbox_received_can_be_looked_at(place: Place, sandbox: Sandbox) -> None:
    name = '{"first_name": "<b>Ann</b> [red]"}'
    write_outbox(place.outbox, [action(1, template="cart_incentive", profile=name), action(2)])
    place.deliver(sandbox)
    assert count_by(place.received, "template") == {"cart_incentive": 1, "cart_reassurance": 1}
    (message,) = messages(place.received, recipient="person1@example.com")
    assert find(place.received, [message.message_id, "<never@x>"]) == [message]
    (newest,) = messages(place.received, newest_first=True, limit=1)
    assert newest.number == 2
    console = Console(record=True, width=160)
    console.print(overview(place.received))
    shown = console.export_text()
    assert "cart_incentive" in shown
    assert "[red], delivery of your cart" in shown
    page = write_page(place.received).read_text()
    assert "<b>Ann" not in page
    assert "delivery of your cart" in page


def test_an_empty_sandbox(place: Place) -> None:
    assert not list(messages(place.received))
    assert find(place.received, ["<x@y>"]) == []
    assert count_by(place.received, "template") == {}
