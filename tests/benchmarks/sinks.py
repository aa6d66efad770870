"""Servers on loopback that take whatever comes, count it and forget it; each is a process of its own."""

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Literal

import uvloop

Kind = Literal["smtp", "http"]
HOST = "127.0.0.1"
_ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class SmtpSink(asyncio.Protocol):
    """As much of SMTP as a relay needs to say, with pipelining."""

    received = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._takes_message = False
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = []
        while True:
            if self._takes_message:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                del self._buffer[: end + 5]
                self._takes_message = False
                SmtpSink.received += 1
                replies.append(b"250 taken\r\n")
                continue
            end = self._buffer.find(b"\r\n")
            if end < 0:
                break
            word = bytes(self._buffer[:4]).upper()
            del self._buffer[: end + 2]
            if word == b"DATA":
                self._takes_message = True
                replies.append(b"354 go on\r\n")
            elif word == b"EHLO":
                replies.append(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif word == b"QUIT":
                replies.append(b"221 bye\r\n")
            else:
                replies.append(b"250 fine\r\n")
        if replies:
            self._transport.write(b"".join(replies))


class HttpSink(asyncio.Protocol):
    """Answers every POST with 200."""

    received = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = 0
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                break
            del self._buffer[: end + 4 + length]
            answers += 1
        HttpSink.received += answers
        if answers:
            self._transport.write(_ACCEPTED * answers)


@contextmanager
def sink(kind: Kind) -> Iterator[tuple[int, Callable[[], int]]]:
    """Run a sink; gives its port, and what tells how many messages it has taken."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(kind, theirs), daemon=True)
    process.start()
    try:
        port = int(ours.recv())

        def received() -> int:
            ours.send("how many")
            return int(ours.recv())

        yield port, received
    finally:
        process.terminate()
        process.join()


def _serve(kind: Kind, asked: Connection) -> None:
    protocol: Any = {"smtp": SmtpSink, "http": HttpSink}[kind]

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, HOST, 0)
        asked.send(server.sockets[0].getsockname()[1])

        def tell() -> None:
            asked.recv()
            asked.send(protocol.received)

        loop.add_reader(asked.fileno(), tell)
        await server.serve_forever()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
